"""Finding suppliers in federated registries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.configuration import RequiredLine


class DirectoryUnavailable(Exception):
    """No registry could be asked just now; trying later makes sense. The text says which and why."""


class DirectoryMisconfigured(Exception):
    """Asking again will not help: wrong password, unknown realm, not a registry. An operator must look."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a supplier asks for one required line: `amount_minor` is cents for its whole quantity."""

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
