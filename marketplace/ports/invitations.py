"""Where invitations are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from marketplace.domain.invitations import Invitation


class Invitations(Protocol):
    """Invitations by link."""

    async def add(self, invitation: Invitation) -> None:
        """Raises Conflict if the id is taken."""
        ...

    async def get(self, invitation_id: str) -> Invitation | None:
        """By id. A transaction that writes keeps it from other writers until its end."""
        ...

    async def by_link(self, token_hash: str) -> Invitation | None:
        """By the digest of its link's secret, kept from other writers as by `get`."""
        ...

    async def save(self, invitation: Invitation) -> None:
        """Replace."""
        ...

    async def of_order(self, order_id: str) -> Sequence[Invitation]:
        """Newest first."""
        ...

    async def of_account(self, account_id: str) -> Sequence[Invitation]:
        """Those by which this account joined, or came back; oldest first."""
        ...

    async def sent_to(self, email: str, since: datetime) -> int:
        """How many were made for this contact since then, whoever asked for them."""
        ...
