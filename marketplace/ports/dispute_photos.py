"""The store of the photos of disputes: bytes by their digest, each of one order and one side of it, never changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DisputePhoto:
    """A photo without its bytes. Only `party_id` sees it until it was `said`, as part of a statement."""

    digest: str
    party_id: str
    size: int
    width: int
    height: int
    said: bool = False


class DisputePhotos(Protocol):
    """Photos in one transaction. Whoever writes holds the order first, so that no two pass one bound."""

    async def of(self, order_id: str) -> Sequence[DisputePhoto]:
        """The order's photos, oldest first."""
        ...

    async def keep(self, order_id: str, photo: DisputePhoto, data: bytes, at: datetime) -> None:
        """Add a photo; the same one of the same side is there once."""
        ...

    async def data(self, order_id: str, digest: str) -> bytes | None:
        """The bytes of a photo of this order."""
        ...

    async def say(self, order_id: str, party_id: str, digests: Collection[str]) -> None:
        """These photos of a side belong to what it has said, and stay."""
        ...

    async def drop(self, order_id: str, party_id: str, digest: str) -> bool:
        """The side takes back a photo that was not said yet. False where there is none."""
        ...
