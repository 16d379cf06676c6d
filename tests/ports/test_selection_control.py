"""The control of the selection suite: whoever overlooks a part of the question fails the test of that part."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import pytest

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.selection import Chosen, NoSelection, Selection
from marketplace.ports.supplier_directory import Offer
from tests.ports import test_selection, test_selection_conditions

SUITE = {
    name: test
    for module in (test_selection, test_selection_conditions)
    for name, test in vars(module).items()
    if name.startswith("test_") and list(signature(test).parameters) == ["selection"]
}
"""The tests that need nothing but a selection."""

Question = dict[str, Any]


class Overlooking:
    """Chooses well, but hears another question. What it answers names the lines and offers that it was given."""

    def __init__(self, heard: Callable[[Question], Question]) -> None:
        self._heard = heard

    async def choose(self, lines: Sequence[RequiredLine], offers: Sequence[Offer], **asked: Any) -> tuple[Chosen, ...]:
        """The fake's choice for what was heard."""
        heard = self._heard({"lines": lines, "offers": offers, **asked})
        by_id, line_by_id = {one.id: one for one in offers}, {one.id: one for one in lines}
        return tuple(
            replace(one, offer=by_id[one.offer.id], line=line_by_id[one.line.id])
            for one in await FakeSelection().choose(**heard)
        )


def without(**conditions: Any) -> Callable[[Question], Question]:
    """Does not hear these conditions."""

    def heard(question: Question) -> Question:
        offers = [replace(one, conditions=replace(one.conditions, **conditions)) for one in question["offers"]]
        return question | {"offers": offers}

    return heard


async def red(selection: Selection) -> set[str]:
    """The tests that fail."""
    found = set()
    for name, test in SUITE.items():
        try:
            await test(selection)
        except (AssertionError, NoSelection, pytest.fail.Exception):
            found.add(name)
    return found


async def test_the_suite_takes_a_good_one() -> None:
    assert len(SUITE) > 10
    assert await red(FakeSelection()) == set()
    assert await red(Overlooking(lambda question: question)) == set()


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        (lambda asked: asked | {"offers": asked["offers"][:1]}, "test_takes_the_cheapest_offer_of_each_line"),
        (lambda asked: asked | {"seed": ""}, "test_ties_are_drawn_by_the_seed_alone"),
        (lambda asked: asked | {"latest_days": 99}, "test_the_next_best_and_the_cheaper_offer_are_named"),
        (lambda asked: asked | {"on_time_bps": 0}, "test_all_must_be_likely_enough_to_be_on_time_together"),
        (
            lambda asked: asked | {"lines": [replace(one, certificates=()) for one in asked["lines"]]},
            "test_a_required_certificate_must_be_stated",
        ),
        (without(freight_minor=0), "test_freight_is_part_of_the_price"),
        (without(bundle_bps=0), "test_a_bundle_may_be_worth_a_dearer_line"),
        (without(minimum_order_minor=0), "test_a_supplier_with_a_minimum_order_is_not_asked_for_less"),
        (without(capacity_h=None), "test_nobody_is_asked_for_more_than_he_can_make"),
    ],
)
async def test_what_is_overlooked_turns_its_test_red(heard: Callable[[Question], Question], name: str) -> None:
    assert name in await red(Overlooking(heard))
