"""What one process at a time does for all. The lock dies with its process, at that moment, so another one takes over.

SQLite: a lock on a file beside the database. PostgreSQL: an advisory lock of a session, which ends with its connection.
A duty spares work, it does not guard money: whoever loses it may notice late, and all that is done under it bears that.
"""

import fcntl
import os
import time
import zlib
from contextlib import suppress
from typing import Protocol

from sqlalchemy import func, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import FAILURES, translated

DUTY_LOCKS = 0x6C736F44
"""First number of the advisory locks of duties ("lso" and D); the second one is the duty's name."""
ASK_AGAIN_S = 1.0
"""How long a lock on PostgreSQL is believed in without asking whether its connection is still there."""


class Duty(Protocol):
    """One process's hold on one duty."""

    async def held(self) -> bool:
        """Whether the duty is ours; takes it if it is free. Raises StoreUnavailable."""
        ...

    async def give_up(self) -> None:
        """Let another one have it."""
        ...


def open_duty(engines: Engines, name: str) -> Duty:
    """A hold on the duty `name`, not taken yet."""
    return FileDuty(f"{engines.write.url.database}-{name}.lock") if engines.on_sqlite else SessionDuty(engines, name)


class FileDuty:
    """A lock on a file: the system lets go of it when the process ends, however that ends."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    async def held(self) -> bool:
        """Take it, unless another process has it."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def give_up(self) -> None:
        """Close the file; it stays, or two processes could lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SessionDuty:
    """An advisory lock of a connection of its own. PostgreSQL lets go of it when that connection ends."""

    def __init__(self, engines: Engines, name: str) -> None:
        self._engine = engines.write.execution_options(isolation_level="AUTOCOMMIT")
        self._number = zlib.crc32(name.encode()) - 2**31  # an int4, which is what two-number locks take
        self._connection: AsyncConnection | None = None
        self._believed_until = 0.0

    async def held(self) -> bool:
        """Take it, unless another session has it."""
        if self._connection is not None and time.monotonic() < self._believed_until:
            return True
        with translated():
            if self._connection is not None and not await _answers(self._connection):
                self._connection = None
            if self._connection is None:
                self._connection = await self._taken()
        self._believed_until = time.monotonic() + ASK_AGAIN_S
        return self._connection is not None

    async def _taken(self) -> AsyncConnection | None:
        connection = await self._engine.connect()
        try:
            if await connection.scalar(select(func.pg_try_advisory_lock(DUTY_LOCKS, self._number))):
                return connection
        except BaseException:
            await connection.invalidate()
            raise
        await connection.close()
        return None

    async def give_up(self) -> None:
        """Let go now, then end the connection: a server notices that late, and the pool must not get the lock."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(*FAILURES, InvalidRequestError):
                await connection.scalar(select(func.pg_advisory_unlock(DUTY_LOCKS, self._number)))
            with suppress(*FAILURES, InvalidRequestError):
                await connection.invalidate()
                await connection.close()


async def _answers(connection: AsyncConnection) -> bool:
    try:
        await connection.execute(text("SELECT 1"))
    except FAILURES:
        with suppress(*FAILURES, InvalidRequestError):
            await connection.invalidate()
            await connection.close()
        return False
    return True
