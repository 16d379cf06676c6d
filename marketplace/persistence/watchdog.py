"""PostgreSQL's connections: none is handed out dead, and none makes its caller wait longer than allowed.

Both are asked of the socket. A query that asks whether the server is there costs each transaction a round trip; and
where the network swallows everything, a driver that cancels politely waits for that too.
"""

import asyncio
import os
import select
import socket
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

_USED = "lotsizeone used"
_TIMER = "lotsizeone timer"


def watch(engine: Engine, transaction_s: float | None) -> None:
    """Look at each connection before it is used; cut it when it is kept longer than `transaction_s` seconds.

    A caller of a connection that was cut gets the driver's error for a connection that broke.
    """

    def take(connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
        if entry.info.get(_USED) and _has_news(connection):
            # Nobody speaks first but a server that says goodbye: what else is in the pool is as old.
            raise InvalidatePoolError("the server closed the connection")
        entry.info[_USED] = True
        if transaction_s is not None:
            entry.info[_TIMER] = asyncio.get_running_loop().call_later(transaction_s, _cut, connection)

    def give_back(_: Any, entry: ConnectionPoolEntry, *__: Any) -> None:
        timer = entry.info.pop(_TIMER, None)
        if timer is not None:
            timer.cancel()

    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)
    event.listen(engine, "invalidate", give_back)


def _has_news(connection: Any) -> bool:
    """Whether there is something to read, or an end, on an idle connection."""
    try:
        poll = select.poll()
        poll.register(connection.driver_connection.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))
    except Exception:  # the driver knows already that it is closed
        return True


def _cut(connection: Any) -> None:
    """End the connection under its user, who then reads its end."""
    with (
        suppress(Exception),  # it is closed already
        socket.socket(fileno=os.dup(connection.driver_connection.pgconn.socket)) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
