"""Items and parties as the peer writes them on the wire, and as its search indexes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from matchmaking.peer.catalogue import PeerCatalogue, PeerItem, PeerParty
from matchmaking.peer.quirks import Quirks
from matchmaking.peer.solr import DEFAULT_FIELD, Document

PARTY_LISTS = ("permittedParties", "restrictedParties")


@dataclass(frozen=True, slots=True)
class Indexed:
    """One searchable entry: its id, its wire form and its index; `item` is None for a party."""

    id: str
    wire: Mapping[str, Any]
    document: Document
    item: PeerItem | None = None
    party_id: str = ""
    order: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What words are looked for in."""
        return " ".join(self.document.get(DEFAULT_FIELD, ()))


def index_items(catalogue: PeerCatalogue) -> tuple[Indexed, ...]:
    """All items of all parties, by id."""
    return tuple(
        sorted(
            (index_item(party, item) for party in catalogue.parties for item in party.items),
            key=lambda entry: entry.id,
        )
    )


def index_parties(catalogue: PeerCatalogue) -> tuple[Indexed, ...]:
    """All parties, by id."""
    return tuple(index_party(party) for party in sorted(catalogue.parties, key=lambda one: one.id))


def index_party(party: PeerParty) -> Indexed:
    """One party."""
    document = {"id": (party.id,), "legalName": (party.legalName,), DEFAULT_FIELD: (party.legalName,)}
    return Indexed(party.id, party_wire(party), document, party_id=party.id)


def visible(entry: Indexed, asker: str | None, quirks: Quirks) -> bool:
    """True unless the item's party lists keep it from the asker; its own party always sees it."""
    if entry.item is None or quirks.party_lists_ignored or (asker and asker == entry.party_id):
        return True
    permitted = entry.item.permittedParties
    return (not permitted or asker in permitted) and asker not in entry.item.restrictedParties


def document_for(entry: Indexed, asker: str | None, quirks: Quirks) -> Document:
    """What the asker's query may look at: of another party's lists nothing but his own name."""
    if entry.item is None or quirks.party_lists_ignored or (asker and asker == entry.party_id):
        return entry.document
    own = {name: tuple(one for one in entry.document.get(name, ()) if one == asker) for name in PARTY_LISTS}
    return {**entry.document, **own}


def wire_form(entry: Indexed, asker: str | None, quirks: Quirks) -> dict[str, Any]:
    """What the asker gets: the item, without its price if that is hidden from him, without others' party lists."""
    shown = dict(entry.wire)
    item = entry.item
    if item is None or (asker and asker == entry.party_id):
        return shown
    if item.priceHidden and not quirks.hidden_prices_sent:
        shown["price"], shown["currency"] = {}, []
    if not quirks.party_lists_ignored:
        # Who else may or may not buy is nobody's business; the lists were applied above.
        shown["permittedParties"] = shown["restrictedParties"] = None
    return shown


def party_wire(party: PeerParty) -> dict[str, Any]:
    """A party in NIMBLE's spelling."""
    return {
        "id": party.id,
        "uri": party.id,
        "legalName": party.legalName,
        "verified": party.verified,
        "locationLatitude": _double(party.locationLatitude),
        "locationLongitude": _double(party.locationLongitude),
        "ppapComplianceLevel": party.ppapComplianceLevel,
        "trustScore": _double(party.trustScore),
        "trustRating": _double(party.trustRating),
        "trustFullfillmentOfTerms": _double(party.trustFullfillmentOfTerms),
        "trustNumberOfTransactions": party.trustNumberOfTransactions,
        **({"signingAddress": party.signingAddress} if party.signingAddress else {}),
        **({"contactEmail": party.contactEmail} if party.contactEmail else {}),
    }


def _double(number: Decimal | None) -> float | None:
    # The wire carries doubles; the shortest text of a double is again the number of the file, up to 15 digits.
    return None if number is None else float(number)


def index_item(party: PeerParty, item: PeerItem) -> Indexed:
    """One item of one party."""
    numbers = party.numbers_of(item)
    wire = {
        "uri": item.uri,
        "catalogueId": f"{party.id}-catalogue",
        "label": dict(item.label),
        "price": {currency: _double(amount) for currency, amount in item.price.items()},
        "currency": sorted(item.price),
        "deliveryTime": {unit: _double(amount) for unit, amount in item.deliveryTime.items()},
        "minimumOrderQuantity": float(item.minimumOrderQuantity),
        "baseQuantities": {"piece(s)": [float(item.baseQuantity)]},
        "priceHidden": item.priceHidden,
        "certificateType": list(item.certificateType),
        "applicableCountries": list(item.applicableCountries),
        "permittedParties": list(item.permittedParties) or None,
        "restrictedParties": list(item.restrictedParties) or None,
        "classificationUri": list(item.classificationUri),
        "stringValue": {name: [f"{text}@en" for text in texts] for name, texts in item.stringValue.items()},
        "doubleValue": {name: [_double(number) for number in some] for name, some in numbers.items()},
        "booleanValue": {},
        "manufactuerItemId": item.manufacturerItemId,
        "manufacturerId": party.id,
        "manufacturer": party_wire(party),
    }
    return Indexed(item.uri, wire, _document(party, item), item, party.id, _sortable(item))


def _document(party: PeerParty, item: PeerItem) -> dict[str, tuple[str, ...]]:
    """The index under Solr's field names; `classificationUri` is there under both of its spellings."""
    document: dict[str, tuple[str, ...]] = {
        "id": (item.uri,),
        "uri": (item.uri,),
        "manufacturerId": (party.id,),
        "manufacturerItemId": (item.manufacturerItemId,) if item.manufacturerItemId else (),
        "commodityClassficationUri": tuple(item.classificationUri),
        "classificationUri": tuple(item.classificationUri),
        "certificateType": tuple(item.certificateType),
        "applicableCountries": tuple(item.applicableCountries),
        "permittedParties": tuple(item.permittedParties),
        "restrictedParties": tuple(item.restrictedParties),
        DEFAULT_FIELD: (*item.label.values(), party.legalName),
    }
    for name, texts in item.stringValue.items():
        document[f"{name}_svalues"] = tuple(texts)
    for name, numbers in party.numbers_of(item).items():
        document[f"{name}_dvalues"] = tuple(format(number, "f") for number in numbers)
    if not item.priceHidden:  # else a search for cheap items would tell the hidden price
        document.update({name: (format(amount, "f"),) for name, amount in _prices(item).items()})
    return document


def _prices(item: PeerItem) -> dict[str, Decimal]:
    return {f"{currency[:1].lower()}{currency[1:]}_price": amount for currency, amount in item.price.items()}


def _sortable(item: PeerItem) -> dict[str, Decimal]:
    return {} if item.priceHidden else _prices(item)
