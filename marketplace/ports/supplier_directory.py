"""Finding suppliers in federated registries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.supply_conditions import NO_CONDITIONS, SupplyConditions, strictest


class DirectoryUnavailable(Exception):
    """No registry could be asked just now; trying later makes sense. The text says which and why."""


class DirectoryMisconfigured(Exception):
    """Asking again will not help: wrong password, unknown realm, not a registry. An operator must look."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a supplier asks for one required line: `amount_minor` is cents for its whole quantity.

    `hours` of the supplier's capacity go into the line. `reliability_ppm` is the chance, in millionths, that it arrives
    as promised, as its registry states it (None: not stated). `conditions` hold for all that the supplier delivers.
    `signer` is the key that the registry names for the supplier, `contact` the e-mail address; `organisation_id` is who
    the supplier is here, once that is known.
    """

    id: str
    line_id: str
    supplier_id: str
    supplier_name: str
    label: str
    amount_minor: int
    currency: str
    lead_time_days: int
    minimum_quantity: int
    material: str
    certificates: tuple[str, ...]
    source: str
    hours: int = 0
    reliability_ppm: int | None = None
    conditions: SupplyConditions = NO_CONDITIONS
    signer: str | None = None
    contact: str | None = None
    organisation_id: str | None = None


def conditions_of(offers: Sequence[Offer]) -> Mapping[str, SupplyConditions]:
    """Each supplier's conditions. Where its offers disagree, what is worse for the buyer holds."""
    stated: dict[str, list[SupplyConditions]] = defaultdict(list)
    for offer in offers:
        stated[offer.supplier_id].append(offer.conditions)
    return {supplier_id: strictest(some) for supplier_id, some in stated.items()}


@dataclass(frozen=True, slots=True)
class Offers:
    """The answer: `partial` when some source was not heard or a cap cut the list; `failed` names those sources."""

    offers: tuple[Offer, ...]
    partial: bool
    asked: int
    failed: tuple[str, ...]


class SupplierDirectory(Protocol):
    """Port to the federation."""

    async def search(self, lines: Sequence[RequiredLine], *, buyer: str) -> Offers:
        """Offers for `lines`, for the organisation `buyer`.

        Raises DirectoryUnavailable when no source answered and DirectoryMisconfigured when none ever will.
        """
        ...
