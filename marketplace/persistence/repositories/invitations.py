"""Invitations by link."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select, update

from marketplace.domain.errors import Conflict
from marketplace.domain.invitations import Invitation
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import Held, insert_once
from marketplace.persistence.tables import invitations

_ALL = select(*columns_of(invitations, Invitation))
_BY_ID = Held(_ALL.where(invitations.c.id == bindparam("it")))
_BY_LINK = Held(_ALL.where(invitations.c.token_hash == bindparam("it")))
_OF_ORDER = _ALL.where(invitations.c.order_id == bindparam("it")).order_by(invitations.c.serial.desc())
_OF_ACCOUNT = _ALL.where(invitations.c.account_id == bindparam("it")).order_by(invitations.c.serial)


class SqlInvitations:
    """Invitations, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, invitation: Invitation) -> None:
        """Raises Conflict if the id is taken."""
        if not await insert_once(self._connection, invitations, row_of(invitations, invitation)):
            raise Conflict("an invitation with this id is there already")

    async def get(self, invitation_id: str) -> Invitation | None:
        """By id; a writing transaction holds it until its end."""
        return next(iter(await self._found(_BY_ID.on(self._connection), invitation_id)), None)

    async def by_link(self, token_hash: str) -> Invitation | None:
        """By digest; held, so that of two who use a link at once one is second."""
        return next(iter(await self._found(_BY_LINK.on(self._connection), token_hash)), None)

    async def save(self, invitation: Invitation) -> None:
        """Replace."""
        mine = update(invitations).where(invitations.c.id == invitation.id)
        await self._connection.execute(mine.values(**row_of(invitations, invitation)))

    async def of_order(self, order_id: str) -> Sequence[Invitation]:
        """Newest first."""
        return await self._found(_OF_ORDER, order_id)

    async def of_account(self, account_id: str) -> Sequence[Invitation]:
        """Oldest first."""
        return await self._found(_OF_ACCOUNT, account_id)

    async def sent_to(self, email: str, since: datetime) -> int:
        """Counted."""
        counted = select(func.count()).where(invitations.c.email == email, invitations.c.created_at >= since)
        return int(await self._connection.scalar(counted) or 0)

    async def _found(self, asked: Select[Any], of: str) -> Sequence[Invitation]:
        return [value_of(Invitation, row) for row in (await self._connection.execute(asked, {"it": of})).mappings()]
