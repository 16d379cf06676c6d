"""Programs of others and their codes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.persistence.late import Connection, ask
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import Held, insert_once
from marketplace.persistence.tables import oauth_clients, oauth_codes
from marketplace.ports.oauth import FormerSecret, OAuthClient, OAuthCode

_CLIENT = columns_of(oauth_clients, OAuthClient)
_CODE = columns_of(oauth_codes, OAuthCode)
_THERE = select(oauth_clients.c.id).where(oauth_clients.c.id.in_(bindparam("ids", expanding=True)))
_CLIENT_BY_ID = Held(select(*_CLIENT).where(oauth_clients.c.id == bindparam("client")))
_CODE_BY_HASH = Held(select(*_CODE).where(oauth_codes.c.code_hash == bindparam("hash")))


class SqlOAuth:
    """Clients and codes, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_client(self, client: OAuthClient) -> None:
        """Raises Conflict if the id is taken."""
        if not await insert_once(self._connection, oauth_clients, row_of(oauth_clients, client)):
            raise Conflict("a client with this id is registered already")

    async def client(self, client_id: str) -> OAuthClient | None:
        """By id; a writing transaction holds it until its end."""
        asked = _CLIENT_BY_ID.on(self._connection), {"client": client_id}
        row = (await self._connection.execute(*asked)).mappings().first()
        return None if row is None else value_of(OAuthClient, row)

    async def is_registered(self, client_id: str) -> bool:
        """Whether it is there, asked together with others of the moment."""
        return await ask(self._connection, _registered, client_id)

    async def clients_of(self, organisation_id: str, limit: int, before: str | None) -> Sequence[OAuthClient]:
        """A page, newest first. Raises InvalidInput if `before` is none of them."""
        own = oauth_clients.c.organisation_id == organisation_id
        wanted = select(*_CLIENT).where(own).order_by(oauth_clients.c.serial.desc()).limit(limit)
        if before is not None:
            which = select(oauth_clients.c.serial).where(own, oauth_clients.c.id == before)
            last = await self._connection.scalar(which)
            if last is None:
                raise InvalidInput("cursor", "is not a cursor of this list")
            wanted = wanted.where(oauth_clients.c.serial < last)
        return [value_of(OAuthClient, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def set_secrets(self, client_id: str, secret_hash: str, former: Sequence[FormerSecret]) -> None:
        """Replace."""
        mine = update(oauth_clients).where(oauth_clients.c.id == client_id)
        await self._connection.execute(mine.values(secret_hash=secret_hash, former_secrets=tuple(former)))

    async def remove_client(self, client_id: str) -> None:
        """The codes first: they refer to it."""
        await self._connection.execute(delete(oauth_codes).where(oauth_codes.c.client_id == client_id))
        await self._connection.execute(delete(oauth_clients).where(oauth_clients.c.id == client_id))

    async def add_code(self, code: OAuthCode, now: datetime) -> None:
        """Insert, and delete what nobody need remember any more."""
        await self._connection.execute(delete(oauth_codes).where(oauth_codes.c.forget_at <= now))
        if not await insert_once(self._connection, oauth_codes, row_of(oauth_codes, code)):
            raise Conflict("this code was given already")

    async def code(self, code_hash: str) -> OAuthCode | None:
        """By hash; a writing transaction holds it until its end, so that of two who bring it one is second."""
        asked = _CODE_BY_HASH.on(self._connection), {"hash": code_hash}
        row = (await self._connection.execute(*asked)).mappings().first()
        return None if row is None else value_of(OAuthCode, row)

    async def use_code(self, code_hash: str, token_id: str, forget_at: datetime) -> None:
        """Note the token."""
        mine = update(oauth_codes).where(oauth_codes.c.code_hash == code_hash)
        await self._connection.execute(mine.values(token_id=token_id, forget_at=forget_at))


async def _registered(connection: Connection, client_ids: Sequence[str]) -> Sequence[bool]:
    """For each id whether there is such a client."""
    found = set((await connection.scalars(_THERE, {"ids": client_ids})).all())
    return [client_id in found for client_id in client_ids]
