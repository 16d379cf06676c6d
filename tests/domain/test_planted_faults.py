"""Negative controls: a fault, planted in the rules of firm quotes or of the configurator, fails the test beside it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from marketplace.domain import commands as c
from marketplace.domain import engineering, sourcing
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.engineering import Limit
from marketplace.domain.lifecycle import JUDGED
from marketplace.domain.order import VACANT
from tests.domain import test_acceptance, test_engineering, test_rank
from tests.domain.samples import COUNTER, SPARE

Plant = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], None]


def instead(owner: Any, name: str, answer: Any) -> Plant:
    """A plant that replaces a function or a method."""
    return lambda patch: patch.setattr(owner, name, answer)


def forgotten_command(patch: pytest.MonkeyPatch) -> None:
    """A supplier's no is written down, and nothing follows."""
    patch.setitem(JUDGED, c.DeclineSupply, lambda *_: [])  # type: ignore[arg-type]


def taken_whatever_it_costs(patch: pytest.MonkeyPatch) -> None:
    """A counter is refused for its day only."""
    real = sourcing._refusal
    patch.setattr(sourcing, "_refusal", lambda order, place, _, day, now: real(order, place, 1, day, now))


def who_is_out_is_asked_again(patch: pytest.MonkeyPatch) -> None:
    """Nobody remembers who has said no."""
    real = sourcing.next_in_rank
    patch.setattr(
        test_rank, "next_in_rank", lambda order, place, now: real(replace(order, excluded_suppliers=()), place, now)
    )


def firm_with_a_vacant_place(patch: pytest.MonkeyPatch) -> None:
    """The last signature counts although somebody's place is empty."""
    patch.setattr("marketplace.domain.lifecycle.VACANT", f"not {VACANT!r}")


def replaced(command: c.Command, fact: str, words: str) -> Check:
    """The test of whoever is out."""
    return lambda: test_rank.test_whoever_is_out_is_replaced_under_the_same_delivery(command, fact, words)


def refused(changes: dict[str, Any], why: str) -> Check:
    """The test of counters that go too far."""
    counter = replace(COUNTER, **changes)
    return lambda: test_rank.TestCounters().test_what_would_change_the_quote_is_a_no(counter, why)


def not_next(**changes: Any) -> Check:
    """The test of those who would change the quote."""
    return lambda: test_rank.test_who_would_change_the_quote_is_not_next(replace(SPARE, **changes))


DEAR = "€ 115.01 is more than the quote leaves"
DEARER = "€ 110.01 is more than the next in rank asks"
SILENT_WORDS = "Bases Ltd did not answer in time"
AT_MOST = (Limit("f", 2, 5), "mm", "at least 2 mm and at most 5 mm", (2, 5), (1, 6))
NO_MARGIN = AcceptanceRule(min_margin_bps=10_000)

FAULTS: dict[str, tuple[Plant, Check]] = {
    "a silent supplier is never timed out": (
        instead(sourcing, "silent", lambda *_: []),
        replaced(test_rank.SILENT, "SupplierSilent", SILENT_WORDS),
    ),
    "a no is not followed up": (
        forgotten_command,
        replaced(test_rank.DECLINE, "SupplierDeclined", "Bases Ltd declined: no steel"),
    ),
    "the next in rank is skipped": (
        instead(sourcing, "next_in_rank", lambda *_: None),
        replaced(test_rank.DECLINE, "SupplierDeclined", "Bases Ltd declined: no steel"),
    ),
    "the next in rank is skipped for the one behind": (
        instead(sourcing, "next_in_rank", lambda order, *_: order.bench[-1]),
        test_rank.test_the_first_in_rank_who_could_is_asked,
    ),
    "who is out is asked again": (
        who_is_out_is_asked_again,
        test_rank.test_the_next_one_in_rank_may_cost_and_take_what_is_left,
    ),
    "a counter above the quote is taken": (
        taken_whatever_it_costs,
        refused({"amount_minor": 11_501}, DEAR),
    ),
    "a counter above the next in rank is taken": (taken_whatever_it_costs, refused({"amount_minor": 11_001}, DEARER)),
    "the next in rank may cost anything": (
        instead(sourcing, "_affordable", lambda *_: True),
        not_next(amount_minor=10**6),
    ),
    "a quote is firm with a vacant place": (
        firm_with_a_vacant_place,
        test_rank.test_nothing_is_firm_while_a_place_is_vacant,
    ),
    "a signature is taken for silence": (
        instead(
            sourcing,
            "silent",
            lambda order, agreement, now: sourcing.declined(order, c.DeclineSupply(agreement, ""), now),
        ),
        test_rank.test_who_has_signed_is_not_silent,
    ),
    "the margin is not asked": (
        instead(AcceptanceRule, "most_for_supplies", lambda _, price: price.total_minor),
        lambda: test_acceptance.test_the_rule_accepts_or_says_which_limit_and_which_value(
            NO_MARGIN, test_acceptance.received(), "the margin is smaller"
        ),
    ),
    "a broken rule of the configurator is kept": (
        instead(engineering, "_true", lambda *_: True),
        test_engineering.test_a_broken_rule_is_told_in_its_words_with_the_options_it_names,
    ),
    "a machine takes everything": (
        instead(Limit, "allows", lambda *_: True),
        test_engineering.test_a_machine_that_cannot_make_it_names_feature_limit_and_value,
    ),
    "a machine's limit is one too small": (
        instead(Limit, "allows", lambda limit, value: limit.minimum <= value < limit.maximum),
        lambda: test_engineering.test_a_limit_says_what_it_takes(*AT_MOST),
    ),
    "what breaks is told and let through": (
        instead(engineering, "refusals", lambda *_: ()),
        test_engineering.test_what_breaks_is_refused_with_every_finding,
    ),
    "a step is made that nobody needs": (
        instead(engineering, "needed", lambda *_: True),
        test_engineering.test_the_routing_follows_from_the_options,
    ),
    "what cannot be worked out is let through": (
        instead(Limit, "allows", lambda limit, value: not isinstance(value, int) or value <= limit.maximum),
        test_engineering.test_what_cannot_be_worked_out_is_refused_and_never_let_through,
    ),
    "a quantity may be anything": (
        instead(test_engineering, "counted", lambda *_: 1),
        lambda: test_engineering.test_a_quantity_is_a_sensible_whole_number(-1),
    ),
}


@pytest.mark.parametrize(("plant", "check"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_seen(plant: Plant, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    check()
    plant(monkeypatch)
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        check()
