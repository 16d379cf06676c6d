"""What adapters remember, each call in a transaction of its own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.domain.errors import NotFound
from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.mapping import address_key, columns_of, row_of, value_of
from marketplace.persistence.statements import insert_missing, insert_once, serialise
from marketplace.persistence.tables import chain_attempts, chain_transactions, gateway_commands
from marketplace.ports.stores import ChainAttempt, ChainTransaction, GatewayCommand, Settlement, SignedEntry

NONCE_LOCK = 0x6C736F02
COMMAND_LOCK = 0x6C736F03
"""Advisory locks on PostgreSQL ("lso" and a number): one transaction at a time takes a nonce, or queues a command."""

_OF = chain_transactions.c
_ATTEMPT = columns_of(chain_attempts, ChainAttempt)
_COLUMNS = (_OF.key, _OF.signer, _OF.nonce, _OF.at, _OF.outcome, _OF.block, *_ATTEMPT)
_ROWS = (
    select(*_COLUMNS)
    .select_from(chain_transactions.outerjoin(chain_attempts))
    .order_by(_OF.nonce, chain_attempts.c.number)
)
_ENTRY = ("key", "number", "raw", "hash", "max_fee", "tip", "at")
"""The columns of a SignedEntry."""
_COMMAND = columns_of(gateway_commands, GatewayCommand)


class SqlChainTransactions:
    """Nonces and signed bytes of the platform's own transactions."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def reserve(
        self, keys: Sequence[str], signer: str, first_nonce: int, at: datetime
    ) -> Sequence[ChainTransaction]:
        """The transactions under `keys`; new ones take the signer's next nonces, `first_nonce` at least."""
        async with self._taking_nonces() as connection:
            found = {one.key: one for one in await _rows(connection, _OF.key.in_(keys))}
            new = [key for key in dict.fromkeys(keys) if key not in found]
            if new:
                of_signer = _OF.signer_key == address_key(signer)
                highest = await connection.scalar(select(func.max(_OF.nonce)).where(of_signer))
                nonce = first_nonce if highest is None else max(first_nonce, highest + 1)
                made = [ChainTransaction(key, signer, nonce + place, at) for place, key in enumerate(new)]
                found |= {one.key: one for one in await _reserved(connection, made)}
            return [found[key] for key in keys]

    async def take(self, key: str, signer: str, nonce: int, at: datetime) -> ChainTransaction | None:
        """The transaction under `key` at exactly this nonce, new or old; None if key or nonce belong to another."""
        wanted = ChainTransaction(key, signer, nonce, at)
        at_nonce = select(_OF.key).where(_OF.signer_key == address_key(signer), _OF.nonce == nonce)
        async with self._taking_nonces() as connection:
            found, owner = await _find(connection, key), await connection.scalar(at_nonce)
            if found is None and owner is None:
                return (await _reserved(connection, [wanted]))[0]
            return found if found is not None and owner == key else None

    @asynccontextmanager
    async def _taking_nonces(self) -> AsyncIterator[AsyncConnection]:
        """A transaction in which nobody else, in any process, takes a nonce."""
        with translated():
            async with self._engines.write.begin() as connection:
                await serialise(connection, NONCE_LOCK)
                yield connection

    async def signed(self, entries: Sequence[SignedEntry]) -> Sequence[ChainTransaction]:
        """Store bytes unless there are some under the same number, and give what is stored. Raises NotFound."""
        of_these = _OF.key.in_([key for key, *_ in entries])
        with translated():
            async with self._engines.write.begin() as connection:
                known = {one.key: one for one in await _rows(connection, of_these)}
                missing = [key for key, *_ in entries if key not in known]
                if missing:
                    raise NotFound("chain transaction")
                new = [
                    dict(zip(_ENTRY, one, strict=True)) for one in entries if one[1] == len(known[one[0]].attempts) + 1
                ]
                if new:
                    await insert_missing(connection, chain_attempts, new)
                    known = {one.key: one for one in await _rows(connection, of_these)}
                return [known[key] for key, *_ in entries]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Note outcomes. Raises NotFound."""
        await self._note(settlements)

    async def reopen(self, key: str) -> None:
        """Take the outcome back. Raises NotFound."""
        await self._note([(key, None, None)])

    async def _note(self, notes: Sequence[tuple[str, str | None, int | None]]) -> None:
        by_value: dict[tuple[str | None, int | None], list[str]] = {}
        for key, outcome, block in notes:
            by_value.setdefault((outcome, block), []).append(key)
        with translated():
            async with self._engines.write.begin() as connection:
                for (outcome, block), keys in by_value.items():
                    noted = update(chain_transactions).where(_OF.key.in_(keys)).values(outcome=outcome, block=block)
                    if (await connection.execute(noted)).rowcount < len(keys):
                        raise NotFound("chain transaction")

    async def find(self, key: str) -> ChainTransaction | None:
        """By key."""
        with translated():
            async with self._engines.read.begin() as connection:
                return await _find(connection, key)

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """The signer's transactions without an outcome, by nonce."""
        return await self._read(signer, _OF.outcome.is_(None))

    async def last_settled(self, signer: str) -> int | None:
        """The signer's highest nonce with an outcome."""
        settled = select(func.max(_OF.nonce)).where(_OF.signer_key == address_key(signer), _OF.outcome.is_not(None))
        with translated():
            async with self._engines.read.begin() as connection:
                highest: int | None = await connection.scalar(settled)
                return highest

    async def settled_from(self, signer: str, nonce: int) -> Sequence[ChainTransaction]:
        """The signer's transactions with an outcome, from this nonce on, by nonce."""
        return await self._read(signer, _OF.outcome.is_not(None), _OF.nonce >= nonce)

    async def _read(self, signer: str, *conditions: ColumnElement[bool]) -> Sequence[ChainTransaction]:
        with translated():
            async with self._engines.read.begin() as connection:
                return await _rows(connection, _OF.signer_key == address_key(signer), *conditions)


async def _reserved(connection: AsyncConnection, new: list[ChainTransaction]) -> list[ChainTransaction]:
    rows = [row_of(chain_transactions, one, signer_key=address_key(one.signer)) for one in new]
    await connection.execute(insert(chain_transactions), rows)
    return new


async def _rows(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[ChainTransaction]:
    """Transactions with all their attempts, by nonce. Read at every beat, so they are made without `value_of`."""
    wanted = _ROWS.where(*conditions)
    found: dict[str, ChainTransaction] = {}
    for key, signer, nonce, at, outcome, block, *attempt in (await connection.execute(wanted)).all():
        one = found.get(key) or ChainTransaction(key, signer, nonce, at, (), outcome, block)
        found[key] = replace(one, attempts=(*one.attempts, ChainAttempt(*attempt))) if attempt[0] else one
    return list(found.values())


async def _find(connection: AsyncConnection, key: str) -> ChainTransaction | None:
    return next(iter(await _rows(connection, _OF.key == key)), None)


async def _known(connection: AsyncConnection, key: str) -> ChainTransaction:
    found = await _find(connection, key)
    if found is None:
        raise NotFound("chain transaction")
    return found


class SqlGatewayCommands:
    """The command queues that gateways read from the last id they know."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def append(self, gateway: str, key: str, kind: str, body: Mapping[str, Any]) -> None:
        """Queue a command once."""
        row = {"gateway": gateway, "key": key, "kind": kind, "body": body}
        with translated():
            async with self._engines.write.begin() as connection:
                # Ids must grow in commit order, or a gateway that reads on from the last one would miss a command.
                await serialise(connection, COMMAND_LOCK)
                await insert_once(connection, gateway_commands, row)

    async def after(self, gateway: str, command_id: int, limit: int) -> Sequence[GatewayCommand]:
        """The gateway's commands above `command_id`, in order."""
        columns = gateway_commands.c
        wanted = (
            select(*_COMMAND)
            .where(columns.gateway == gateway, columns.id > command_id)
            .order_by(columns.id)
            .limit(limit)
        )
        with translated():
            async with self._engines.read.begin() as connection:
                return [value_of(GatewayCommand, row) for row in (await connection.execute(wanted)).mappings()]
