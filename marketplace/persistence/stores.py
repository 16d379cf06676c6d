"""What adapters remember, each call in a transaction of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.domain.errors import NotFound
from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.mapping import address_key, columns_of, value_of
from marketplace.persistence.statements import insert_once, serialise
from marketplace.persistence.tables import chain_transactions, gateway_commands
from marketplace.ports.stores import ChainTransaction, GatewayCommand

NONCE_LOCK = 0x6C736F02
COMMAND_LOCK = 0x6C736F03
"""Advisory locks on PostgreSQL ("lso" and a number): one transaction at a time takes a nonce, or queues a command."""

_TRANSACTION = columns_of(chain_transactions, ChainTransaction)
_COMMAND = columns_of(gateway_commands, GatewayCommand)


class SqlChainTransactions:
    """Nonces and signed bytes of the platform's own transactions."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def reserve(self, key: str, signer: str, first_nonce: int) -> ChainTransaction:
        """The transaction under `key`; a new one takes the signer's next nonce, `first_nonce` at least."""
        with translated():
            async with self._engines.write.begin() as connection:
                await serialise(connection, NONCE_LOCK)
                found = await _find(connection, key)
                if found is not None:
                    return found
                of_signer = chain_transactions.c.signer_key == address_key(signer)
                highest = await connection.scalar(select(func.max(chain_transactions.c.nonce)).where(of_signer))
                nonce = first_nonce if highest is None else max(first_nonce, highest + 1)
                row = {"key": key, "signer": signer, "signer_key": address_key(signer), "nonce": nonce}
                await connection.execute(insert(chain_transactions).values(row))
                return ChainTransaction(key, signer, nonce)

    async def signed(self, key: str, raw: str, transaction_hash: str) -> ChainTransaction:
        """Store the signed bytes unless there are some, and give what is stored. Raises NotFound."""
        unsigned = update(chain_transactions).where(chain_transactions.c.key == key, chain_transactions.c.raw.is_(None))
        with translated():
            async with self._engines.write.begin() as connection:
                await connection.execute(unsigned.values(raw=raw, hash=transaction_hash))
                return await _known(connection, key)

    async def settle(self, key: str, outcome: str) -> None:
        """Note "mined" or "failed". Raises NotFound."""
        settled = update(chain_transactions).where(chain_transactions.c.key == key).values(outcome=outcome)
        with translated():
            async with self._engines.write.begin() as connection:
                await _known(connection, key)
                await connection.execute(settled)

    async def find(self, key: str) -> ChainTransaction | None:
        """By key."""
        with translated():
            async with self._engines.read.begin() as connection:
                return await _find(connection, key)

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """The signer's transactions without an outcome, by nonce."""
        columns = chain_transactions.c
        wanted = (
            select(*_TRANSACTION)
            .where(columns.signer_key == address_key(signer), columns.outcome.is_(None))
            .order_by(columns.nonce)
        )
        with translated():
            async with self._engines.read.begin() as connection:
                rows = (await connection.execute(wanted)).mappings()
                return [value_of(ChainTransaction, row) for row in rows]


async def _find(connection: AsyncConnection, key: str) -> ChainTransaction | None:
    wanted = select(*_TRANSACTION).where(chain_transactions.c.key == key)
    row = (await connection.execute(wanted)).mappings().first()
    return None if row is None else value_of(ChainTransaction, row)


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
