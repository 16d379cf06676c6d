"""Selection with freight, bundles, minimum orders, capacity, certificates and risk."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.supply_conditions import SupplyConditions
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.selection import Chosen, NoSelection, Selection
from marketplace.ports.supplier_directory import Offer, conditions_of
from matchmaking.adapter import SelectionAdapter
from tests.ports.test_selection import ASKED, BASES, COVERS, offer

CERTIFIED = replace(BASES, certificates=("ISO 9001",))


@pytest.fixture(params=[FakeSelection, SelectionAdapter])
def selection(request: pytest.FixtureRequest) -> Selection:
    made: Selection = request.param()
    return made


def names(chosen: Sequence[Chosen]) -> list[str]:
    return [one.offer.supplier_id for one in chosen]


def total(chosen: Sequence[Chosen], offers: Sequence[Offer]) -> int:
    """What the suppliers charge, added up by hand."""
    stated, sum_ = conditions_of(offers), 0
    for name in set(names(chosen)):
        goods = [one.amount_minor for one in chosen if one.offer.supplier_id == name]
        asked = stated[name]
        sum_ += sum(goods) + asked.freight_minor
        sum_ -= sum(goods) * asked.bundle_bps // 10_000 if len(goods) >= asked.bundle_lines else 0
    return sum_


async def test_freight_is_part_of_the_price(selection: Selection) -> None:
    cheap = offer("a", amount=4_000, conditions=SupplyConditions(freight_minor=900))
    (chosen,) = await selection.choose([BASES], [cheap, offer("b", amount=4_800)], **ASKED)
    assert names([chosen]) == ["b"]
    assert chosen.passed_over is not None
    assert (chosen.passed_over.offer, chosen.passed_over.limit) == (cheap, "total")


async def test_freight_is_paid_once_and_so_joins_lines(selection: Selection) -> None:
    far = SupplyConditions(freight_minor=900)
    offers = [
        offer("a", amount=4_000, conditions=far),
        offer("a", COVERS, amount=2_000, conditions=far),
        offer("b", amount=4_800),
        offer("b", COVERS, amount=2_200),
    ]
    assert names(await selection.choose([BASES, COVERS], offers, **ASKED)) == ["a", "a"]


async def test_a_bundle_may_be_worth_a_dearer_line(selection: Selection) -> None:
    joint = SupplyConditions(bundle_lines=2, bundle_bps=1_000)
    offers = [
        offer("a", amount=4_000, conditions=joint),
        offer("a", COVERS, amount=2_100, conditions=joint),
        offer("b", COVERS, amount=2_000),
    ]
    chosen = await selection.choose([BASES, COVERS], offers, **ASKED)
    assert names(chosen) == ["a", "a"]
    assert total(chosen, offers) == 5_490
    assert chosen[1].next_best is not None
    assert (chosen[1].next_best.offer.supplier_id, chosen[1].next_best.extra_minor) == ("b", 510)


async def test_a_supplier_with_a_minimum_order_is_not_asked_for_less(selection: Selection) -> None:
    choosy = offer("a", amount=4_799, conditions=SupplyConditions(minimum_order_minor=4_800))
    (chosen,) = await selection.choose([BASES], [choosy, offer("b", amount=5_000)], **ASKED)
    assert names([chosen]) == ["b"]
    assert chosen.passed_over is not None
    assert chosen.passed_over.limit == "minimum_order"


async def test_nobody_is_asked_for_more_than_he_can_make(selection: Selection) -> None:
    small = SupplyConditions(capacity_h=10)
    offers = [
        offer("a", amount=4_000, hours=6, conditions=small),
        offer("a", COVERS, amount=2_000, hours=5, conditions=small),
        offer("b", amount=4_100, hours=6),
        offer("b", COVERS, amount=2_400, hours=5),
    ]
    chosen = await selection.choose([BASES, COVERS], offers, **ASKED)
    assert names(chosen) == ["b", "a"]
    assert chosen[0].passed_over is not None
    assert chosen[0].passed_over.limit == "capacity"


async def test_a_required_certificate_must_be_stated(selection: Selection) -> None:
    silent, spelt = offer("a", amount=1), offer("b", amount=5_000, certificates=("CE", "iso  9001"))
    (chosen,) = await selection.choose([CERTIFIED], [silent, spelt], **ASKED)
    assert chosen.offer == spelt
    assert chosen.passed_over is not None
    assert chosen.passed_over.limit == "certificate"
    with pytest.raises(NoSelection, match=r"bases.*ISO 9001"):
        await selection.choose([CERTIFIED], [silent], **ASKED)


async def test_a_certificate_is_required_for_its_line_alone(selection: Selection) -> None:
    offers = [offer("a", certificates=("ISO 9001",)), offer("b", COVERS)]
    assert names(await selection.choose([CERTIFIED, COVERS], offers, **ASKED)) == ["a", "b"]


async def test_all_must_be_likely_enough_to_be_on_time_together(selection: Selection) -> None:
    offers = [
        offer("a", amount=4_000, reliability_ppm=950_000),
        offer("b", amount=4_500, reliability_ppm=990_000),
        offer("c", COVERS, amount=2_000, reliability_ppm=950_000),
        offer("d", COVERS, amount=2_600, reliability_ppm=990_000),
        offer("e", COVERS, amount=1),  # states nothing
    ]
    lines = [BASES, COVERS]
    assert names(await selection.choose(lines, offers, **ASKED)) == ["a", "e"]
    assert names(await selection.choose(lines, offers, on_time_bps=9_000, **ASKED)) == ["a", "c"]
    chosen = await selection.choose(lines, offers, on_time_bps=9_400, **ASKED)
    assert names(chosen) == ["b", "c"]  # 0.990 × 0.950 > 0.94 > 0.950 × 0.950, and dearer bases are the smaller evil
    assert chosen[0].passed_over is not None
    assert chosen[0].passed_over.limit == "risk"
    with pytest.raises(NoSelection):
        await selection.choose(lines, offers, on_time_bps=9_900, **ASKED)


@pytest.mark.parametrize("chance", [-1, 10_000])
async def test_no_chance_is_certain(selection: Selection, chance: int) -> None:
    with pytest.raises(ValueError, match="chance"):
        await selection.choose([BASES], [offer("a")], on_time_bps=chance, **ASKED)


async def test_of_two_statements_of_one_supplier_the_worse_one_holds(selection: Selection) -> None:
    offers = [
        offer("a", amount=4_000, conditions=SupplyConditions(freight_minor=100)),
        offer("a", COVERS, amount=2_000, conditions=SupplyConditions(freight_minor=900)),
        offer("b", amount=4_800),
    ]
    assert names(await selection.choose([BASES], offers, **ASKED)) == ["b"]


async def test_the_next_best_and_the_cheaper_offer_are_named(selection: Selection) -> None:
    offers = [offer("a", amount=4_000), offer("b", amount=4_500), offer("c", amount=3_000, days=11)]
    (chosen,) = await selection.choose([BASES], offers, **ASKED)
    assert chosen.next_best is not None
    assert (chosen.next_best.offer, chosen.next_best.extra_minor, chosen.next_best.proved) == (offers[1], 500, True)
    assert chosen.passed_over is not None
    assert (chosen.passed_over.offer, chosen.passed_over.limit) == (offers[2], "lead_time")
    (alone,) = await selection.choose([BASES], offers[:1], **ASKED)
    assert (alone.next_best, alone.passed_over) == (None, None)


async def test_the_fake_and_the_solver_agree() -> None:
    fake, real = FakeSelection(), SelectionAdapter()
    possible = 0
    for seed in range(30):
        lines, offers, chance = _drawn(seed)
        asked = ASKED | {"on_time_bps": chance}
        try:
            one = await fake.choose(lines, offers, **asked)
        except NoSelection:
            with pytest.raises(NoSelection):
                await real.choose(lines, offers, **asked)
            continue
        possible += 1
        two = await real.choose(lines, offers, **asked)
        assert total(one, offers) == total(two, offers), seed
    assert 10 <= possible < 30


def _drawn(seed: int) -> tuple[list[RequiredLine], list[Offer], int]:
    draw = random.Random(seed)
    lines = [CERTIFIED, COVERS, RequiredLine("work", "Work", "urn:work", 40, {})][: draw.randint(1, 3)]
    asked = {
        name: SupplyConditions(
            freight_minor=draw.choice([0, 300, 1_500]),
            minimum_order_minor=draw.choice([0, 0, 6_000]),
            capacity_h=draw.choice([None, 8, 12]),
            bundle_lines=draw.choice([1, 2, 3]),
            bundle_bps=draw.choice([0, 333, 900]),
        )
        for name in "abcd"
    }
    offers = [
        offer(
            name,
            line,
            amount=draw.randint(2_000, 6_000),
            days=draw.choice([2, 10, 11]),
            hours=draw.randint(1, 6),
            reliability_ppm=draw.choice([None, 900_000, 990_000]),
            certificates=draw.choice([(), ("ISO 9001",)]),
            conditions=conditions,
        )
        for line in lines
        for name, conditions in asked.items()
    ]
    return lines, offers, draw.choice([0, 0, 9_000])
