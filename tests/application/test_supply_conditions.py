"""Freight, bundles, minimum orders, capacity, certificates and risk in a match, and behind it on the bench."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from marketplace.application.bench import Wanted, bench_of, supply_choice
from marketplace.application.match_order import match_order
from marketplace.domain.configuration import RequiredLine
from marketplace.domain.events import SupplyChoice
from marketplace.domain.order import Order, Status
from marketplace.domain.supply_conditions import NO_CONDITIONS, SupplyConditions
from marketplace.persistence.codec import plain, restore
from marketplace.ports.selection import Chosen
from marketplace.ports.supplier_directory import Offer
from tests.application.example import LISTINGS
from tests.application.world import World
from tests.ports.test_selection import BASES, COVERS, offer

TIGHT = replace(BASES, certificates=("ISO 9001",))


async def matched(world: World) -> Order:
    order_id = (await world.place()).id
    await match_order(world.ctx, order_id)
    return await world.order(order_id)


def stating(supplier: str, conditions: SupplyConditions) -> list[object]:
    return [replace(one, conditions=conditions) if one.supplier_id == supplier else one for one in LISTINGS]


async def test_a_supply_costs_its_freight_less_its_discount(world: World) -> None:
    asked = SupplyConditions(freight_minor=500, bundle_lines=2, bundle_bps=100)
    world.directory.listings = stating("amp", asked)  # type: ignore[assignment]
    order = await matched(world)
    amp = next(one for one in order.choices if one.supplier_id == "amp")
    assert set(amp.lines) == {"bases", "covers"}
    assert (amp.amount_minor, amp.freight_minor, amp.discount_minor) == (40 * 190 + 500 - 76, 500, 76)


async def test_each_line_says_why_what_the_next_best_costs_and_what_bound(world: World) -> None:
    world.directory.listings = stating("amp", SupplyConditions(minimum_order_minor=1_000_000))  # type: ignore[assignment]
    order = await matched(world)
    reasons = [reason for one in order.choices for reason in one.reasons]
    bases = next(reason for reason in reasons if "AMP asks € 48.00" in reason)
    assert "nobody else could deliver it" in bases
    assert "the order is too small for its supplier" in bases
    drilling = next(reason for reason in reasons if "next best" in reason)
    assert "more for the whole" in drilling


async def test_freight_may_leave_nothing_to_sell(world: World) -> None:
    world.directory.listings = [
        replace(one, conditions=SupplyConditions(capacity_h=0), minutes_a_piece=1) for one in LISTINGS
    ]
    assert (await matched(world)).status is Status.REJECTED


class TestBench:
    """Who may take a place."""

    @staticmethod
    def bench(offers: Sequence[Offer], *lines: RequiredLine, risky: bool = False) -> list[tuple[str, int]]:
        """Behind supplier `a`, who was chosen for all lines: (supplier, amount)."""
        mine = [one for one in offers if one.supplier_id == "a"]
        chosen = [Chosen(line, one, "") for line, one in zip(lines, mine, strict=True)]
        found = bench_of([supply_choice(mine, NO_CONDITIONS, ())], chosen, Wanted(lines, "EUR", 10, risky), offers)
        return [(one.supplier_id, one.amount_minor) for one in found]

    def test_is_ranked_by_what_is_paid(self) -> None:
        offers = [
            offer("a"),
            offer("b", amount=5_000, conditions=SupplyConditions(freight_minor=500)),
            offer("c", amount=5_400),
            offer("d", amount=6_000, conditions=SupplyConditions(bundle_bps=2_000)),
        ]
        assert self.bench(offers, BASES) == [("d", 4_800), ("c", 5_400), ("b", 5_500)]

    @pytest.mark.parametrize(
        ("more", "able"),
        [
            ({}, True),
            ({"conditions": SupplyConditions(minimum_order_minor=9_600)}, True),
            ({"conditions": SupplyConditions(minimum_order_minor=9_601)}, False),
            ({"conditions": SupplyConditions(capacity_h=8), "hours": 4}, True),
            ({"conditions": SupplyConditions(capacity_h=7), "hours": 4}, False),
            ({"certificates": ()}, False),
        ],
    )
    def test_holds_only_who_would_take_the_order(self, more: dict[str, object], able: bool) -> None:
        fit: dict[str, object] = {"certificates": ("ISO 9001",)}
        offers = [
            offer("a", **fit), offer("a", COVERS, **fit), offer("b", **fit | more), offer("b", COVERS, **fit | more),
        ]  # fmt: skip
        assert bool(self.bench(offers, TIGHT, COVERS)) is able

    def test_is_nowhere_riskier_than_who_stands_there(self) -> None:
        offers = [
            offer("a", reliability_ppm=950_000),
            offer("b", reliability_ppm=950_000),
            offer("c", reliability_ppm=949_000),
            offer("d"),
        ]
        assert [name for name, _ in self.bench(offers, BASES, risky=True)] == ["b"]
        assert [name for name, _ in self.bench(offers, BASES)] == ["b", "c", "d"]


def test_a_choice_that_was_stored_without_conditions_still_loads() -> None:
    choice = SupplyChoice("amp", "AMP", ("bases",), 4_800, 2, ("cheapest",))
    stored = plain(choice)
    del stored["freight_minor"], stored["discount_minor"]
    assert restore(SupplyChoice, stored) == choice
