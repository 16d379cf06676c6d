"""How far the chain has been read."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.statements import held, insert_once, upsert
from marketplace.persistence.tables import chain_cursor, chain_logs

_ONLY = 1
"""The cursor is one row."""


class SqlChainCursor:
    """The cursor and the logs that were applied, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> tuple[int, str] | None:
        """(number, hash) of the last block that was applied."""
        wanted = select(chain_cursor.c.number, chain_cursor.c.hash)
        row = (await self._connection.execute(held(self._connection, wanted))).first()
        return None if row is None else (row.number, row.hash)

    async def advance(self, number: int, block_hash: str) -> None:
        """Move on."""
        await upsert(self._connection, chain_cursor, {"id": _ONLY, "number": number, "hash": block_hash}, "id")

    async def seen(self, block_hash: str, log_index: int) -> bool:
        """Note a log; True if it was noted before."""
        row = {"block_hash": block_hash, "log_index": log_index}
        return not await insert_once(self._connection, chain_logs, row)
