"""One item of a search answer becomes one offer, or is rejected with a reason; its neighbours are not touched."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, ValidationError

from matchmaking.efpf.conditions import conditions_in
from matchmaking.efpf.spellings import ITEM, PARTY, any_of, gather_dynamic
from matchmaking.efpf.units import hours_of, whole_pieces
from matchmaking.efpf.untrusted import NoneIsList, NoneIsMap, Number, Text, Wire, first_fault
from matchmaking.offers import MINOR_UNITS, NO_CONDITIONS, Conditions, Offer, Party

_MAX_PRICE = Decimal(10) ** 9

Texts = Annotated[list[Text], NoneIsList]
TextMap = Annotated[dict[Text, Annotated[list[Text], NoneIsList]], NoneIsMap]
NumberMap = Annotated[dict[Text, Annotated[list[Number], NoneIsList]], NoneIsMap]
Id = Annotated[Text, Field(min_length=1, max_length=512)]
# Solr gives a text in one language as a text and in several as a map by language.
Label = Annotated[
    dict[Text, Text], BeforeValidator(lambda value: {"": value} if isinstance(value, str) else (value or {}))
]


class Rejected(ValueError):
    """The item cannot be used; `reason` is one of a closed list of codes and `detail` is in our own words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and in what currency he counts: both decide what of an item may be used."""

    source_id: str
    currency: str = "EUR"
    party_id: str | None = None


class WireParty(Wire):
    """The `manufacturer` of an item."""

    party_id: Id = Field(validation_alias=any_of(PARTY["party_id"]))
    legal_name: Text | None = Field(None, validation_alias=any_of(PARTY["legal_name"]))
    verified: bool | None = Field(None, validation_alias=any_of(PARTY["verified"]))
    trust_score: Number | None = Field(None, validation_alias=any_of(PARTY["trust_score"]))
    trust_rating: Number | None = Field(None, validation_alias=any_of(PARTY["trust_rating"]))
    trust_fulfilment: Number | None = Field(None, validation_alias=any_of(PARTY["trust_fulfilment"]))
    trust_transactions: Number | None = Field(None, validation_alias=any_of(PARTY["trust_transactions"]))
    latitude: Number | None = Field(None, validation_alias=any_of(PARTY["latitude"]))
    longitude: Number | None = Field(None, validation_alias=any_of(PARTY["longitude"]))
    ppap_compliance_level: int | None = Field(None, validation_alias=any_of(PARTY["ppap_compliance_level"]))
    base_platform_company_id: Text | None = Field(None, validation_alias=any_of(PARTY["base_platform_company_id"]))
    signing_address: Annotated[Text, Field(pattern=r"^0x[0-9a-fA-F]{40}$")] | None = Field(
        None, validation_alias=any_of(PARTY["signing_address"])
    )
    contact_email: Text | None = Field(None, validation_alias=any_of(PARTY["contact_email"]))


class WireItem(Wire):
    """An item as NIMBLE's index writes it, both spellings understood."""

    uri: Id = Field(validation_alias=any_of(ITEM["uri"]))
    catalogue_id: Text | None = Field(None, validation_alias=any_of(ITEM["catalogue_id"]))
    label: Label = Field(default_factory=dict, validation_alias=any_of(ITEM["label"]))
    price: Annotated[dict[Text, Number], NoneIsMap] = Field(
        default_factory=dict, validation_alias=any_of(ITEM["price"])
    )
    delivery_time: Annotated[dict[Text, Number], NoneIsMap] = Field(
        default_factory=dict, validation_alias=any_of(ITEM["delivery_time"])
    )
    minimum_order_quantity: Number | None = Field(None, validation_alias=any_of(ITEM["minimum_order_quantity"]))
    base_quantities: NumberMap = Field(default_factory=dict, validation_alias=any_of(ITEM["base_quantities"]))
    price_hidden: bool | None = Field(None, validation_alias=any_of(ITEM["price_hidden"]))
    certificate_type: Texts = Field(default_factory=list, validation_alias=any_of(ITEM["certificate_type"]))
    applicable_countries: Texts = Field(default_factory=list, validation_alias=any_of(ITEM["applicable_countries"]))
    permitted_parties: Texts = Field(default_factory=list, validation_alias=any_of(ITEM["permitted_parties"]))
    restricted_parties: Texts = Field(default_factory=list, validation_alias=any_of(ITEM["restricted_parties"]))
    classification_uri: Texts = Field(default_factory=list, validation_alias=any_of(ITEM["classification_uri"]))
    string_value: TextMap = Field(default_factory=dict, validation_alias=any_of(ITEM["string_value"]))
    double_value: NumberMap = Field(default_factory=dict, validation_alias=any_of(ITEM["double_value"]))
    manufacturer_item_id: Text | None = Field(None, validation_alias=any_of(ITEM["manufacturer_item_id"]))
    manufacturer_id: Text | None = Field(None, validation_alias=any_of(ITEM["manufacturer_id"]))
    manufacturer: WireParty | None = Field(None, validation_alias=any_of(ITEM["manufacturer"]))


def offer_of(raw: JsonValue, reader: Reader) -> Offer:
    """The offer in one raw item. Raises Rejected."""
    if not isinstance(raw, dict):
        raise Rejected("malformed", "the item is not an object")
    try:
        item = WireItem.model_validate(gather_dynamic(dict(raw)))
    except ValidationError as error:
        raise Rejected("malformed", first_fault(error)) from None
    _check_parties(item, reader)
    price, currency = _price(item, reader.currency)
    numbers = {name: tuple(values) for name, values in item.double_value.items()}
    return Offer(
        source_id=reader.source_id,
        item_id=item.uri,
        name=_in_english(item.label) or item.uri,
        party=_party(item),
        price=price,
        currency=currency,
        lead_time_h=_lead_time(item.delivery_time),
        base_quantity=_base_quantity(item.base_quantities),
        minimum_quantity=_minimum(item.minimum_order_quantity),
        catalogue_id=item.catalogue_id,
        manufacturer_item_id=item.manufacturer_item_id,
        categories=tuple(item.classification_uri),
        certificates=tuple(item.certificate_type),
        countries=tuple(item.applicable_countries),
        texts={name: tuple(map(_without_language, values)) for name, values in item.string_value.items()},
        numbers=numbers,
        conditions=_conditions(numbers, currency),
    )


def _check_parties(item: WireItem, reader: Reader) -> None:
    """NIMBLE leaves both lists to the asking client; a source that forgets them must not make us break them."""
    if item.permitted_parties and reader.party_id not in item.permitted_parties:
        raise Rejected("not_permitted", "the item is for other parties only")
    if reader.party_id is not None and reader.party_id in item.restricted_parties:
        raise Rejected("restricted", "the item is not for us")


def _price(item: WireItem, wanted: str) -> tuple[Decimal | None, str | None]:
    if item.price_hidden or not item.price:
        return None, None  # ask for a quote: a hidden number is not ours to use
    currency = wanted if wanted in item.price else min(item.price)
    if currency not in MINOR_UNITS:
        raise Rejected("unknown_currency", "the price is in a currency we do not trade in")
    amount = item.price[currency]
    if not 0 < amount <= _MAX_PRICE:
        raise Rejected("bad_price", "the price is not between 0 and 10⁹")
    return amount, currency


def _conditions(numbers: Mapping[str, tuple[Decimal, ...]], currency: str | None) -> Conditions:
    if currency is None:
        return NO_CONDITIONS  # asked for with the price
    try:
        return conditions_in(numbers, currency)
    except ValueError as error:
        raise Rejected("bad_conditions", str(error)) from None


def _lead_time(times: Mapping[str, Decimal]) -> int:
    if not times:
        raise Rejected("no_lead_time", "the item names no delivery time")
    try:
        # Two units are two ways of saying it; the longer one can be kept in either case.
        return max(hours_of(amount, unit) for unit, amount in times.items())
    except ValueError as error:
        raise Rejected("bad_lead_time", str(error)) from None


def _base_quantity(quantities: Mapping[str, list[Decimal]]) -> int:
    try:
        found = {whole_pieces(amount, unit) for unit, amounts in quantities.items() for amount in amounts}
        whole = all(amount == amount.to_integral_value() for amounts in quantities.values() for amount in amounts)
    except ValueError as error:
        raise Rejected("bad_base_quantity", str(error)) from None
    if len(found) > 1 or not whole:
        raise Rejected("bad_base_quantity", "it is not clear for how many pieces the price is")
    return found.pop() if found else 1


def _minimum(amount: Decimal | None) -> int:
    if amount is None or amount == 0:
        return 1
    try:
        return whole_pieces(amount)
    except ValueError as error:
        raise Rejected("bad_minimum", str(error)) from None


def _party(item: WireItem) -> Party:
    wire = item.manufacturer
    if wire is None:
        if not item.manufacturer_id:
            raise Rejected("no_party", "the item names no manufacturer")
        return Party(item.manufacturer_id, item.manufacturer_id)
    transactions = wire.trust_transactions
    return Party(
        party_id=wire.party_id,
        legal_name=wire.legal_name or wire.party_id,
        verified=wire.verified,
        trust_score=wire.trust_score,
        trust_rating=wire.trust_rating,
        trust_fulfilment_of_terms=wire.trust_fulfilment,
        trust_number_of_transactions=None if transactions is None else int(transactions),
        latitude=wire.latitude,
        longitude=wire.longitude,
        ppap_compliance_level=wire.ppap_compliance_level,
        base_platform_company_id=wire.base_platform_company_id,
        signing_address=wire.signing_address.lower() if wire.signing_address else None,
        contact_email=wire.contact_email,
    )


def _in_english(label: Mapping[str, str]) -> str:
    for language in ("en", "", *sorted(label)):
        if label.get(language, "").strip():
            return label[language].strip()
    return ""


def _without_language(text: str) -> str:
    """`steel@en` is `steel`; a text with another `@` stays as it is."""
    head, mark, tail = text.rpartition("@")
    return head if mark and head and len(tail) in (2, 3) and tail.isascii() and tail.islower() else text
