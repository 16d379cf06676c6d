"""What a database remembers of having come back from a backup."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from marketplace.domain.agreement import Agreement, Terms


@dataclass(frozen=True, slots=True)
class Restore:
    """A return from a backup that was made at `made_at`; `digest` is the backup's.

    `up_to_block` is the chain's head when it was first read afterwards: once it is final and read the database has
    caught up, at `caught_up_at`. `held` effects waited for an operator from then on.
    """

    made_at: datetime
    restored_at: datetime
    digest: str
    held: int
    up_to_block: int | None = None
    caught_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LostAgreement:
    """An agreement that our own account opened and of which the database has no row: it is older than the opening.

    `agreement` is what the chain says of it; its `order_id` is empty unless the order can be named. `block` and
    `transaction` are the opening's.
    """

    agreement: Agreement
    block: int
    transaction: str
    found_at: datetime


class Restores(Protocol):
    """Returns from backups."""

    async def catching_up(self) -> Restore | None:
        """The return after which the chain was not read to its end yet; while there is one no effect is done."""
        ...

    async def last(self) -> Restore | None:
        """The newest."""
        ...

    async def wait_for(self, block: int) -> None:
        """This was the chain's head when it was first read after the return; a later word changes nothing."""
        ...

    async def caught_up(self, held: int, at: datetime) -> None:
        """The chain was read as far as it had to be; so many effects are held."""
        ...


class LostAgreements(Protocol):
    """Agreements that only the chain knows."""

    async def unknown(self, agreement_ids: Collection[str]) -> Sequence[str]:
        """Those that are neither an order's nor known as lost."""
        ...

    async def order_of(self, terms: Terms) -> str | None:
        """The order to which an agreement of these terms belongs: by its handover hash, or by its parent."""
        ...

    async def add(self, lost: LostAgreement) -> bool:
        """Remember it; False if it is remembered already."""
        ...

    async def get(self, agreement_id: str) -> Agreement | None:
        """As the chain says it stands, or None."""
        ...

    async def save(self, agreement: Agreement) -> None:
        """Replace what is known of it."""
        ...

    async def all(self) -> Sequence[LostAgreement]:
        """The oldest first."""
        ...

    async def orders(self) -> frozenset[str]:
        """Orders to which one of them belongs."""
        ...
