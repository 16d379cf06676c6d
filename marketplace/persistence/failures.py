"""What a database's failure means to a caller: try again later, somebody was faster, or a fault of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from marketplace.domain.errors import Conflict
from marketplace.ports.unit_of_work import StoreUnavailable

FAILURES = (DBAPIError, StoreUnavailable, Conflict)
"""What a statement that fails may raise."""

_LOST_RACES = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization_failure, deadlock_detected."""

_LATER = ("08", "53", "55P03", "57", "58")
"""PostgreSQL: connection, resources, lock_not_available, operator intervention (timeouts too), system error."""

_SQLITE_LATER = frozenset({5, 6, 10, 13, 14})
"""SQLite: BUSY, LOCKED, IOERR, FULL, CANTOPEN (primary result codes)."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable or Conflict for the failures that mean that; others pass."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("no connection to the database became free in time") from error
    except DBAPIError as error:
        meant = _meant(error)
        if meant is None:
            raise
        raise meant from error


def translate_at_once(engine: Engine) -> None:
    """Let a failing statement raise what its failure means there and then.

    Whoever catches errors inside a transaction could not tell a lost race from a fault of the data otherwise.
    """

    def translate(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        meant = _meant(error) if isinstance(error, DBAPIError) else None
        if meant is not None:
            raise meant from error

    event.listen(engine, "handle_error", translate)


def _meant(error: DBAPIError) -> Conflict | StoreUnavailable | None:
    state = getattr(error.orig, "sqlstate", None)
    if state in _LOST_RACES:
        return Conflict("somebody else changed this at the same time")
    if _may_pass(error, state):
        return StoreUnavailable(str(error.orig))
    return None


def _may_pass(error: DBAPIError, state: str | None) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return (code & 0xFF) in _SQLITE_LATER
    if state is None:  # psycopg: the connection was refused, or broke before the server could say why
        return error.connection_invalidated or type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")
    return state.startswith(_LATER)
