"""From federated offers to candidates; and the demo's order on the demo's registry."""

from decimal import Decimal

import pytest

from matchmaking.efpf.item_mapping import Reader, offer_of
from matchmaking.efpf.query import SearchQuery
from matchmaking.offers import Offer
from matchmaking.selection import Constraints, Line, Problem, candidates_for, select
from tests.matchmaking.helpers import CATEGORIES, PeerUnderTest, item

READER = Reader("s", "EUR", "lso")


def offer(**changes: object) -> Offer:
    return offer_of(item(**changes), READER)


@pytest.mark.parametrize(
    ("attributes", "fits"),
    [
        ({}, True),
        ({"diameter@mm": "40"}, True),
        ({"diameter@mm": "40.0"}, True),
        ({"diameter@mm": "20"}, False),
        ({"diameter@mm": "NaN"}, False),
        ({"diameter@mm": "wide"}, False),
        ({"material": "Steel"}, True),
        ({"material": "brass"}, False),
        ({"colour": "red"}, False),  # not stated: silence is no promise
        ({"diameter@mm": "40", "material": "brass"}, False),
    ],
)
def test_an_offer_fits_if_it_states_what_is_asked(attributes: dict[str, str], fits: bool) -> None:
    line = Line("bases", 40, CATEGORIES[0], attributes)
    assert bool(candidates_for(line, [offer()])) is fits


def test_another_category_or_a_hidden_price_is_no_candidate() -> None:
    assert not candidates_for(Line("covers", 40, CATEGORIES[1]), [offer()])
    assert not candidates_for(Line("bases", 40, CATEGORIES[0]), [offer(priceHidden=True)])
    assert candidates_for(Line("anything", 40), [offer()])


@pytest.mark.parametrize("price", ["1.20", "0.0125", "0.005", "12.345", "999999999"])
@pytest.mark.parametrize("base", [1, 3, 100])
@pytest.mark.parametrize("quantity", [1, 7, 40, 1_000])
def test_a_candidate_costs_what_its_offer_costs(price: str, base: int, quantity: int) -> None:
    one = offer(price={"EUR": price}, baseQuantities={"piece(s)": [float(base)]})
    assert one.price == Decimal(price)
    (candidate,) = candidates_for(Line("bases", quantity, CATEGORIES[0]), [one])
    assert candidate.total_minor(quantity) == one.total_minor(quantity)


@pytest.mark.req(68, 70, 71)
async def test_the_demo_order_costs_at_most_what_its_advance_funds() -> None:
    """40 pieces, base 40 mm, cover, 3 s drilling: 20 % of 600 EUR less 2 % fee is 117.60 EUR."""
    got = await PeerUnderTest().client().search(SearchQuery(CATEGORIES, party_id="lso"))
    lines = [
        Line("bases", 40, CATEGORIES[0], {"diameter@mm": "40"}),
        Line("covers", 40, CATEGORIES[1], {"diameter@mm": "40"}),
        Line("machining", 40, CATEGORIES[2], {"drilling@s": "3"}),
    ]
    candidates = tuple(one for line in lines for one in candidates_for(line, got.offers))
    limits = Constraints(max_lead_time_h=14 * 24, seed="order-9")
    chosen = select(Problem(tuple(lines), candidates, constraints=limits))
    assert [choice.candidate.supplier_id for choice in chosen.choices] == ["amp", "amp", "reconcavo-machining"]
    assert chosen.total_minor == 10_800
    assert chosen.total_minor <= 60_000 * 20 // 100 * 98 // 100
    assert all(choice.runner_up is not None and choice.runner_up.extra_minor > 0 for choice in chosen.choices)

    small = Line("bases", 1, CATEGORIES[0], {"diameter@mm": "20"})
    (choice,) = select(Problem((small,), candidates_for(small, got.offers))).choices
    assert choice.candidate.supplier_id == "amp"
