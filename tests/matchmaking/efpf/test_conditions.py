"""What a supplier asks beside the price: absent is not asked, and nonsense rejects the offer."""

from decimal import Decimal
from typing import Any

import pytest

from matchmaking.efpf.item_mapping import Reader, Rejected, offer_of
from matchmaking.offers import NO_CONDITIONS, Conditions
from matchmaking.peer.catalogue import read_catalogue
from matchmaking.peer.documents import index_items
from matchmaking.selection import Line, candidates_for
from tests.matchmaking.helpers import item

READER = Reader("efpf/fs", "EUR", "lso")
ALL = {
    "freight@EUR": [9.001],
    "minimumOrderValue@EUR": [20],
    "capacity@h": [16.9],
    "work@min": [1.5],
    "bundleLines": [3],
    "bundleDiscount@%": [6.125],
    "onTime@%": [98.5],
}


def conditions(**changes: Any) -> Conditions:
    return offer_of(item(**changes), READER).conditions


def test_what_is_stated_is_read_and_rounded_to_the_worse() -> None:
    found = conditions(doubleValue=ALL)
    assert found == Conditions(901, 2_000, 16, 3, 612, Decimal("1.5"), 985_000)
    assert [found.hours(pieces) for pieces in (1, 40, 41)] == [1, 1, 2]


@pytest.mark.parametrize("numbers", [None, {}, {"diameter@mm": [40]}, {"freight@EUR": []}, {"capacity@h": None}])
def test_what_is_absent_is_not_asked(numbers: Any) -> None:
    assert conditions(doubleValue=numbers) == NO_CONDITIONS
    assert NO_CONDITIONS.hours(1_000_000) == 0


def test_of_several_values_the_worse_counts() -> None:
    found = conditions(doubleValue={"freight@EUR": [1, 9], "capacity@h": [30, 20], "onTime@%": [99, 90]})
    assert (found.freight_minor, found.capacity_h, found.reliability_ppm) == (900, 20, 900_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freight@EUR", -1),
        ("freight@EUR", 1e10),
        ("freight@USD", 9),
        ("minimumOrderValue@EUR", -0.01),
        ("minimumOrderValue@USD", 1),
        ("capacity@h", -1),
        ("work@min", -1),
        ("bundleLines", 0),
        ("bundleDiscount@%", 100),
        ("onTime@%", 0),
        ("onTime@%", 100.1),
    ],
)
def test_what_cannot_be_meant_rejects_the_offer_and_is_named(name: str, value: float) -> None:
    with pytest.raises(Rejected, match=name.partition("@")[0]) as caught:
        conditions(doubleValue={name: [value]})
    assert caught.value.reason == "bad_conditions"


def test_who_hides_its_price_is_asked_for_the_rest_with_it() -> None:
    assert conditions(priceHidden=True, doubleValue={"freight@USD": [9]}) == NO_CONDITIONS


def test_our_registry_states_a_party_s_conditions_for_all_its_items() -> None:
    catalogue = read_catalogue(
        """
        parties:
          - id: amp
            legalName: AMP
            doubleValue: {"freight@EUR": [12], "capacity@h": [16]}
            items:
              - {uri: a, label: {en: A}, price: {EUR: "1"}, deliveryTime: {"Day(s)": 1}, classificationUri: [c]}
              - uri: b
                label: {en: B}
                price: {EUR: "1"}
                deliveryTime: {"Day(s)": 1}
                classificationUri: [c]
                doubleValue: {"freight@EUR": [0], "work@min": [3]}
        """
    )
    one, two = (offer_of(dict(entry.wire), READER).conditions for entry in index_items(catalogue))
    assert (one.freight_minor, one.capacity_h) == (1_200, 16)
    assert (two.freight_minor, two.capacity_h, two.hours(20)) == (0, 16, 1)


def test_a_candidate_carries_what_its_offer_states() -> None:
    (found,) = candidates_for(Line("bases", 40), [offer_of(item(doubleValue=ALL), READER)])
    assert (found.hours, found.reliability_ppm, found.certificates) == (1, 985_000, frozenset({"ISO 9001"}))
