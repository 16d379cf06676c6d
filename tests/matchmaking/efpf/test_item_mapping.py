"""An item becomes an offer, or is rejected with a reason: one test for each trap of the search's JSON."""

from decimal import Decimal
from typing import Any

import pytest

from matchmaking.efpf.item_mapping import Reader, Rejected, offer_of
from matchmaking.efpf.units import UnknownUnit, hours_of, whole_pieces
from matchmaking.offers import Offer
from tests.matchmaking.helpers import item

READER = Reader("efpf/fs", "EUR", "lso")


def mapped(**changes: Any) -> Offer:
    return offer_of(item(**changes), READER)


def rejected(raw: Any, reason: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        offer_of(raw, READER)
    assert caught.value.reason == reason
    return caught.value


@pytest.mark.req(67)
def test_the_recorded_item_becomes_an_offer() -> None:
    offer = mapped()
    assert (offer.item_id, offer.name, offer.source_id) == ("urn:item:1", "Base 40 mm", "efpf/fs")
    assert (offer.price, offer.currency) == (Decimal("12.5"), "EUR")
    assert offer.lead_time_h == 14 * 24
    assert (offer.minimum_quantity, offer.base_quantity) == (1, 1)
    assert offer.materials == ("steel",)
    assert offer.numbers["diameter@mm"] == (Decimal(40),)
    assert offer.categories == ("urn:lso:category:cylinder-base",)
    assert offer.certificates == ("ISO 9001",)
    assert (offer.party.party_id, offer.party.legal_name) == ("991", "Nine Nine One")
    assert offer.party.trust_score == Decimal("0.7")
    assert offer.manufacturer_item_id == "A-7"
    assert offer.total_minor(40) == 50_000


@pytest.mark.parametrize(
    "spelling",
    [
        {"manufacturerItemId": "A-7", "manufactuerItemId": None},
        {"commodityClassficationUri": ["urn:lso:category:cylinder-base"]},
        {"commodityClassificationUri": ["urn:lso:category:cylinder-base"]},
        {"eUR_price": 12.5},
        {"Week(s)_deliveryTime": 2},
    ],
)
def test_both_spellings_are_understood(spelling: dict[str, Any]) -> None:
    raw = item() | spelling
    for ours, theirs in {
        "manufacturerItemId": "manufactuerItemId",
        "commodityClassficationUri": "classificationUri",
        "commodityClassificationUri": "classificationUri",
        "eUR_price": "price",
        "Week(s)_deliveryTime": "deliveryTime",
    }.items():
        if ours in spelling:
            del raw[theirs]
    assert offer_of(raw, READER).as_dict() == mapped().as_dict()


@pytest.mark.parametrize(
    ("number", "exact"),
    [(0.1, "0.1"), (1.005, "1.005"), (12, "12"), (1e-7, "1E-7"), ("12.10", "12.10"), (4.35, "4.35")],
)
def test_prices_are_the_decimals_of_their_text(number: object, exact: str) -> None:
    assert mapped(price={"EUR": number}).price == Decimal(exact)


@pytest.mark.parametrize(
    ("price", "base", "quantity", "cents"),
    [(4.35, 1, 100, 43_500), (0.005, 1, 1, 1), (0.0049, 1, 1, 0), (78.0, 100, 40, 3_120), (1.0, 3, 1, 33)],
)
def test_totals_are_whole_cents_half_a_cent_up(price: float, base: int, quantity: int, cents: int) -> None:
    offer = mapped(price={"EUR": price}, baseQuantities={"piece(s)": [float(base)]})
    assert offer.total_minor(quantity) == cents


@pytest.mark.parametrize("hidden", [{"priceHidden": True}, {"price": {}}, {"price": None}])
def test_a_hidden_price_is_not_used(hidden: dict[str, Any]) -> None:
    offer = mapped(**hidden)
    assert offer.asks_for_quote
    assert offer.price is None
    with pytest.raises(ValueError, match="ask its party"):
        offer.total_minor(1)


@pytest.mark.parametrize(
    ("lists", "reason"),
    [
        ({"permittedParties": ["other"]}, "not_permitted"),
        ({"restrictedParties": ["x", "lso"]}, "restricted"),
        ({"permittedParties": ["lso"], "restrictedParties": ["lso"]}, "restricted"),
    ],
)
def test_party_lists_are_kept_here_too(lists: dict[str, Any], reason: str) -> None:
    rejected(item(**lists), reason)


def test_who_is_permitted_sees_the_offer() -> None:
    assert mapped(permittedParties=["other", "lso"], restrictedParties=["other"]).price == Decimal("12.5")
    with pytest.raises(Rejected):
        offer_of(item(permittedParties=["lso"]), Reader("s"))  # nobody is not permitted


@pytest.mark.parametrize(
    ("prices", "currency"), [({"USD": 2.0, "EUR": 1.0}, "EUR"), ({"USD": 2.0}, "USD"), ({"USD": 1, "CHF": 1}, "CHF")]
)
def test_the_wanted_currency_is_taken_if_there_is_one(prices: dict[str, float], currency: str) -> None:
    assert mapped(price=prices).currency == currency


@pytest.mark.parametrize(
    ("unit", "amount", "hours"),
    [
        ("Hour(s)", 5.0, 5),
        ("Day(s)", 2.0, 48),
        ("days", 0.5, 12),
        ("Week(s)", 1, 168),
        ("Working Day(s)", 1, 34),
        ("working_days", 5, 168),
        ("Month(s)", 1, 744),
        ("DAY", 0, 0),
    ],
)
def test_units_of_delivery_time(unit: str, amount: float, hours: int) -> None:
    assert mapped(deliveryTime={unit: amount}).lead_time_h == hours


def test_of_two_delivery_times_the_longer_counts() -> None:
    assert mapped(deliveryTime={"Day(s)": 3, "Week(s)": 1}).lead_time_h == 168


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deliveryTime": {"fortnight": 1}}, "bad_lead_time"),
        ({"deliveryTime": {"Day(s)": 366}}, "bad_lead_time"),
        ({"deliveryTime": {"Day(s)": -1}}, "bad_lead_time"),
        ({"deliveryTime": {}}, "no_lead_time"),
        ({"deliveryTime": None}, "no_lead_time"),
        ({"deliveryTime": {"Day(s)": "soon"}}, "malformed"),
        ({"price": {"XAU": 1}}, "unknown_currency"),
        ({"price": {"EUR": 0}}, "bad_price"),
        ({"price": {"EUR": -1}}, "bad_price"),
        ({"price": {"EUR": 1e10}}, "bad_price"),
        ({"price": {"EUR": True}}, "malformed"),
        ({"price": {"EUR": float("nan")}}, "malformed"),
        ({"price": {"EUR": float("inf")}}, "malformed"),
        ({"price": {"EUR": 1e-300}}, "malformed"),
        ({"price": {"EUR": 10**400}}, "malformed"),
        ({"price": {"EUR": "NaN"}}, "malformed"),
        ({"price": {"EUR": "１２"}}, "malformed"),
        ({"price": {"EUR": "1_000"}}, "malformed"),
        ({"price": {"EUR": {}}}, "malformed"),
        ({"price": 5}, "malformed"),
        ({"baseQuantities": {"kg": [1.0]}}, "bad_base_quantity"),
        ({"baseQuantities": {"piece(s)": [1.0, 10.0]}}, "bad_base_quantity"),
        ({"baseQuantities": {"piece(s)": [1.5]}}, "bad_base_quantity"),
        ({"baseQuantities": {"piece(s)": [0.0]}}, "bad_base_quantity"),
        ({"minimumOrderQuantity": -1}, "bad_minimum"),
        ({"manufacturer": None, "manufacturerId": None}, "no_party"),
        ({"manufacturer": {}}, "malformed"),
        ({"uri": None}, "malformed"),
        ({"uri": ""}, "malformed"),
        ({"uri": "a" * 600}, "malformed"),
        ({"uri": 7}, "malformed"),
        ({"label": {"en": "nul\x00"}}, "malformed"),
        ({"label": {"en": "bidi\x9b"}}, "malformed"),
        ({"label": {"en": "a" * 5_000}}, "malformed"),
        ({"label": ["x"]}, "malformed"),
        ({"certificateType": ["x"] * 1_001}, "malformed"),
        ({"certificateType": "ISO"}, "malformed"),
        ({"doubleValue": {"d@mm": ["x"]}}, "malformed"),
        ({"priceHidden": "no"}, "malformed"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    verdict = rejected(item(**changes), reason)
    assert verdict.detail
    assert "\x00" not in verdict.detail


@pytest.mark.parametrize("raw", [None, 1, "x", [], True])
def test_what_is_no_item_is_rejected(raw: Any) -> None:
    rejected(raw, "malformed")


@pytest.mark.parametrize(
    ("label", "name"),
    [({"de": "Fuß", "en": "Foot"}, "Foot"), ({"pt": "Pé", "de": "Fuß"}, "Fuß"), ("Foot", "Foot"), ({}, "urn:item:1")],
)
def test_the_name_is_english_if_there_is_one(label: Any, name: str) -> None:
    assert mapped(label=label).name == name


def test_only_a_language_is_cut_off() -> None:
    offer = mapped(stringValue={"mail": ["a@b.example"], "material": ["steel@en", "steel", "@en"]})
    assert offer.texts == {"mail": ("a@b.example",), "material": ("steel", "steel", "@en")}


def test_the_manufacturer_may_be_an_id_only() -> None:
    assert mapped(manufacturer=None).party.party_id == "991"


def test_a_digest_freezes_what_was_offered() -> None:
    same = offer_of(item(), Reader("another/source", "EUR", "lso"))
    assert mapped().digest() == same.digest() == mapped(price={"EUR": "12.50"}).digest()
    assert mapped().digest() != mapped(price={"EUR": 12.51}).digest()
    assert mapped().digest() != mapped(deliveryTime={"Week(s)": 3}).digest()


def test_unknown_units_have_their_own_type() -> None:
    with pytest.raises(UnknownUnit):
        hours_of(Decimal(1), "moon")
    with pytest.raises(UnknownUnit):
        whole_pieces(Decimal(1), "kg")


def test_the_key_that_a_registry_names_is_kept_and_a_broken_one_is_refused() -> None:
    party = {"id": "991", "legalName": "Nine Nine One"}
    assert mapped(manufacturer=party).party.signing_address is None
    named = mapped(manufacturer=party | {"signingAddress": "0x" + "aB" * 20})
    assert named.party.signing_address == "0x" + "ab" * 20
    for broken in ("0x" + "ab" * 19, "ab" * 20, 7, "0x" + "zz" * 20, ["0x" + "ab" * 20]):
        rejected(item(manufacturer=party | {"signingAddress": broken}), "malformed")


def test_the_contact_that_a_registry_names_is_kept() -> None:
    party = {"id": "991", "legalName": "Nine Nine One"}
    assert mapped(manufacturer=party).party.contact_email is None
    named = mapped(manufacturer=party | {"contactEmail": "a@nine.example"})
    assert named.party.contact_email == "a@nine.example"
    for broken in (7, ["a@nine.example"], {"en": "a@nine.example"}):
        rejected(item(manufacturer=party | {"contactEmail": broken}), "malformed")
