"""Selection: the cheapest choice in time, the same for the same seed, and a refusal that says what would help."""

from dataclasses import replace
from itertools import permutations

import pytest

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.selection import NoSelection, Selection
from marketplace.ports.supplier_directory import Offer
from matchmaking.adapter import SelectionAdapter

BASES = RequiredLine("bases", "Bases", "urn:base", 40, {})
COVERS = RequiredLine("covers", "Covers", "urn:cover", 40, {})
ASKED = {"currency": "EUR", "latest_days": 10, "seed": "ord_1"}


def offer(supplier: str, line: RequiredLine = BASES, *, amount: int = 4_800, days: int = 2, **more: object) -> Offer:
    made = Offer(
        id=f"{supplier}-{line.id}",
        line_id=line.id,
        supplier_id=supplier,
        supplier_name=supplier.title(),
        label=line.label,
        amount_minor=amount,
        currency="EUR",
        lead_time_days=days,
        minimum_quantity=1,
        material="aluminium",
        certificates=(),
        source="here",
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.fixture(params=[FakeSelection, SelectionAdapter])
def selection(request: pytest.FixtureRequest) -> Selection:
    made: Selection = request.param()
    return made


@pytest.mark.req(29, 30, 68)
async def test_takes_the_cheapest_offer_of_each_line(selection: Selection) -> None:
    offers = [offer("a"), offer("b", amount=4_700), offer("a", COVERS, amount=2_800), offer("b", COVERS, amount=2_900)]
    chosen = await selection.choose([BASES, COVERS], offers, **ASKED)
    assert [(one.line, one.offer, one.amount_minor) for one in chosen] == [
        (BASES, offers[1], 4_700),
        (COVERS, offers[2], 2_800),
    ]
    assert all(one.reason for one in chosen)


async def test_nothing_to_buy_needs_no_choice(selection: Selection) -> None:
    assert await selection.choose([], [], **ASKED) == ()


@pytest.mark.parametrize(
    ("offers", "gives_way"),
    [
        ([], ""),
        ([offer("a", days=11)], ""),
        ([offer("a", minimum_quantity=41)], "41"),
        ([offer("a", currency="USD")], ""),
        ([offer("a", COVERS)], ""),
    ],
)
async def test_says_which_line_nobody_can_deliver(selection: Selection, offers: list[Offer], gives_way: str) -> None:
    with pytest.raises(NoSelection, match="bases") as refused:
        await selection.choose([BASES], offers, **ASKED)
    assert gives_way in str(refused.value)


async def test_the_last_day_is_in_time_and_the_least_lot_is_enough(selection: Selection) -> None:
    (chosen,) = await selection.choose([BASES], [offer("a", days=10, minimum_quantity=40)], **ASKED)
    assert chosen.offer.supplier_id == "a"


async def test_among_equals_the_faster_one(selection: Selection) -> None:
    for offers in permutations([offer("a", days=3), offer("b", days=1), offer("c", days=2)]):
        (chosen,) = await selection.choose([BASES], offers, **ASKED)
        assert chosen.offer.supplier_id == "b"


async def test_ties_are_drawn_by_the_seed_alone(selection: Selection) -> None:
    drawn = set()
    for seed in map(str, range(24)):
        wanted = ASKED | {"seed": seed}
        winners = {
            (await selection.choose([BASES], offers, **wanted))[0].offer.supplier_id
            for offers in permutations([offer("a"), offer("b"), offer("c")])
        }
        assert len(winners) == 1
        drawn |= winners
    assert drawn == {"a", "b", "c"}


async def test_offers_for_other_lines_are_left_aside(selection: Selection) -> None:
    (chosen,) = await selection.choose([BASES], [offer("a"), offer("b", COVERS, amount=1)], **ASKED)
    assert chosen.offer.supplier_id == "a"
