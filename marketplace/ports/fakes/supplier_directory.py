"""A directory of suppliers in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.supply_conditions import NO_CONDITIONS, SupplyConditions
from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable, Offer, Offers

SOURCE = "memory"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a supplier offers: `unit_minor` cents a piece of `category`.

    `attributes` lists the values that it states by name; a line that asks for another value, or for an attribute that
    is not stated, is not met. `only_for` names the buyers that may see it (None: everybody). `signer` and `contact` are
    the key and the e-mail address that the registry names for the supplier.
    """

    id: str
    supplier_id: str
    supplier_name: str
    label: str
    category: str
    unit_minor: int
    lead_time_days: int
    currency: str = "EUR"
    minimum_quantity: int = 1
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    material: str = ""
    certificates: tuple[str, ...] = ()
    only_for: frozenset[str] | None = None
    minutes_a_piece: int = 0
    reliability_ppm: int | None = None
    conditions: SupplyConditions = NO_CONDITIONS
    signer: str | None = None
    contact: str | None = None


class FakeSupplierDirectory:
    """`SupplierDirectory` over `listings`, which may be changed at any time. `asked` keeps every question."""

    def __init__(self, listings: Iterable[Listing] = ()) -> None:
        self.listings = list(listings)
        self.silent: tuple[str, ...] = ()
        self.asked: list[tuple[tuple[RequiredLine, ...], str]] = []
        self._failure: DirectoryUnavailable | DirectoryMisconfigured | None = None

    def fail(self, failure: DirectoryUnavailable | DirectoryMisconfigured) -> None:
        """Raise `failure` for every question from now on."""
        self._failure = failure

    def heal(self) -> None:
        """Answer again, from every source."""
        self._failure = None
        self.silent = ()

    def fall_silent(self, *sources: str) -> None:
        """Further sources that are not heard: answers are partial from now on."""
        self.silent = sources

    async def search(self, lines: Sequence[RequiredLine], *, buyer: str) -> Offers:
        """As the port says."""
        self.asked.append((tuple(lines), buyer))
        if self._failure is not None:
            raise self._failure
        found = tuple(
            _offer(listing, line) for line in lines for listing in self.listings if _meets(listing, line, buyer)
        )
        return Offers(found, partial=bool(self.silent), asked=1 + len(self.silent), failed=self.silent)


def _meets(listing: Listing, line: RequiredLine, buyer: str) -> bool:
    if listing.category != line.category or (listing.only_for is not None and buyer not in listing.only_for):
        return False
    return all(wanted in listing.attributes.get(name, ()) for name, wanted in line.attributes.items())


def _offer(listing: Listing, line: RequiredLine) -> Offer:
    return Offer(
        id=listing.id,
        line_id=line.id,
        supplier_id=listing.supplier_id,
        supplier_name=listing.supplier_name,
        label=listing.label,
        amount_minor=listing.unit_minor * line.quantity,
        currency=listing.currency,
        lead_time_days=listing.lead_time_days,
        minimum_quantity=listing.minimum_quantity,
        material=listing.material,
        certificates=listing.certificates,
        source=SOURCE,
        hours=-(-listing.minutes_a_piece * line.quantity // 60),
        reliability_ppm=listing.reliability_ppm,
        conditions=listing.conditions,
        signer=listing.signer,
        contact=listing.contact,
    )
