"""The store of customers' own files: bytes by their digest, never changed, shared with whom an order entitles."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DesignFile:
    """A file without its bytes. `facts` are what formulas read of it, `sketch` is what a preview draws."""

    digest: str
    format: str
    size: int
    facts: Mapping[str, str | int | bool]
    sketch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """How many files an account holds, and their bytes in all."""

    files: int
    size: int


class DesignFiles(Protocol):
    """Files in one transaction."""

    async def held(self, account_id: str) -> Held:
        """What counts against the account's quota. Who else asks in order to write waits for this transaction."""
        ...

    async def keep(self, account_id: str, file: DesignFile, data: bytes, at: datetime) -> None:
        """The account holds this file; the same bytes are kept once, whoever hands them in."""
        ...

    async def of(self, account_id: str) -> Sequence[DesignFile]:
        """The account's files, newest first."""
        ...

    async def find(self, digests: Collection[str], account_id: str | None) -> Sequence[DesignFile]:
        """Those of `digests` that the account holds; with None, whoever holds them."""
        ...

    async def data(self, digest: str) -> bytes | None:
        """The bytes."""
        ...

    async def drop(self, account_id: str, digest: str) -> bool:
        """The account no longer holds it; bytes that nobody holds and no order uses are gone. False if it did not."""
        ...

    async def use(self, order_id: str, digests: Sequence[str]) -> None:
        """An order is made from these."""
        ...

    async def used_by(self, order_id: str) -> Sequence[str]:
        """Digests of the files that an order is made from."""
        ...
