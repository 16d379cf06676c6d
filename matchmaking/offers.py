"""What a federated search brings home: offers of parties, in one shape whatever the source spelt.

These are plain values. A price is kept as the exact decimal of the source; integers of minor units come from
`Offer.total_minor`, which holds the one rounding rule of this package (half a cent goes up).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

# ISO 4217 currencies that have two decimal digits and that we trade in; another currency is a rejected offer.
MINOR_UNITS: Mapping[str, int] = MappingProxyType({"EUR": 100, "USD": 100, "GBP": 100, "CHF": 100, "BRL": 100})


@dataclass(frozen=True, slots=True)
class Party:
    """A company as its registry describes it; None where the registry is silent.

    Trust figures are the registry's own claims (NIMBLE `trust*` fields), never something we have proved.
    `signing_address` is the key that the registry names for it, in small letters; `contact_email` is whom it says to
    write to.
    """

    party_id: str
    legal_name: str
    verified: bool | None = None
    trust_score: Decimal | None = None
    trust_rating: Decimal | None = None
    trust_fulfilment_of_terms: Decimal | None = None
    trust_number_of_transactions: int | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    ppap_compliance_level: int | None = None
    base_platform_company_id: str | None = None
    signing_address: str | None = None
    contact_email: str | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the party asks, and gives, for all that is ordered from it at once; as `selection.Supplier` says it.

    `work_minutes` of its capacity go into one piece of this item. `reliability_ppm` is the chance, in millionths, that
    the item arrives as promised (None: not stated).
    """

    freight_minor: int = 0
    minimum_order_minor: int = 0
    capacity_h: int | None = None
    bundle_lines: int = 1
    bundle_bps: int = 0
    work_minutes: Decimal = Decimal(0)
    reliability_ppm: int | None = None

    def hours(self, quantity: int) -> int:
        """Of the capacity for `quantity` pieces: an hour that has begun is counted."""
        numerator, denominator = self.work_minutes.as_integer_ratio()
        return -(-numerator * quantity // (60 * denominator))


NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class Offer:
    """One item that one party offers.

    `price` is for `base_quantity` pieces in `currency`; both are None if the party wants to be asked for a quote.
    `texts` and `numbers` are the item's further properties by name; a number's unit stands behind `@` in its name
    (`diameter@mm`). `lead_time_h` is in hours. `signed_by` is who proved to stand behind the source.
    `age_s` is how old the answer of the source was when it was used.
    """

    source_id: str
    item_id: str
    name: str
    party: Party
    price: Decimal | None
    currency: str | None
    lead_time_h: int
    base_quantity: int = 1
    minimum_quantity: int = 1
    catalogue_id: str | None = None
    manufacturer_item_id: str | None = None
    categories: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)
    price_conflict: bool = False
    signed_by: str | None = None
    age_s: int = 0
    conditions: Conditions = NO_CONDITIONS

    @property
    def key(self) -> tuple[str, str]:
        """(party id, item id): the identity of an offer over all sources."""
        return (self.party.party_id, self.item_id)

    @property
    def asks_for_quote(self) -> bool:
        """True if no price may be used and the party must be asked."""
        return self.price is None or self.currency is None

    @property
    def materials(self) -> tuple[str, ...]:
        """What the item is made of, as the source says (NIMBLE `stringValue.material`)."""
        return self.texts.get("material", ())

    def total_minor(self, quantity: int) -> int:
        """The price of `quantity` pieces in minor units (cents), half a cent rounded up.

        Raises ValueError if the offer carries no price or `quantity` is not positive.
        """
        if self.price is None or self.currency is None:
            raise ValueError(f"offer {self.item_id!r} has no price: ask its party for a quote")
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        # An exact ratio of integers: no decimal context, hence no precision, can change a price.
        numerator, denominator = self.price.as_integer_ratio()
        numerator *= quantity * MINOR_UNITS[self.currency]
        denominator *= self.base_quantity
        return (2 * numerator + denominator) // (2 * denominator)

    def as_dict(self) -> dict[str, object]:
        """A JSON-ready form; decimals are texts, so nothing is lost on the way."""
        return {
            "source": self.source_id,
            "item": self.item_id,
            "name": self.name,
            "party": {"id": self.party.party_id, "legal_name": self.party.legal_name},
            "price": None if self.price is None else _plain(self.price),
            "currency": self.currency,
            "base_quantity": self.base_quantity,
            "minimum_quantity": self.minimum_quantity,
            "lead_time_h": self.lead_time_h,
            "categories": list(self.categories),
            "certificates": list(self.certificates),
            "countries": list(self.countries),
            "properties": {name: list(values) for name, values in sorted(self.texts.items())},
            "numbers": {name: [_plain(v) for v in values] for name, values in sorted(self.numbers.items())},
            "price_conflict": self.price_conflict,
            "signed_by": self.signed_by,
        }

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of what was offered: freeze it beside a quote to tell later changes."""
        frozen = self.as_dict()
        # Where it was found, who vouched for that and whether another source disagreed change nothing of the offer.
        del frozen["source"], frozen["price_conflict"], frozen["signed_by"]
        text = json.dumps(frozen, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(number: Decimal) -> str:
    """The shortest text of a number: sources write 40, 40.0 and 4e1 for the same thing."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
