"""Who acts, on which order, in which trace: told once at the door, known to whatever writes a log record on the way.

Context variables follow a task and what it awaits, so nobody hands them on. They describe; nothing is decided by them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

user_id: ContextVar[str | None] = ContextVar("user_id", default=None)
"""The account, or the gateway, that sent the request; None where the marketplace acts by itself."""

order_id: ContextVar[str | None] = ContextVar("order_id", default=None)
"""The order whose effect is being done; None where no order, or more than one, is meant."""

trace: ContextVar[str | None] = ContextVar("trace", default=None)
"""The present span as a W3C traceparent; None where nothing is traced. An effect that is asked for keeps it."""


def current() -> dict[str, str | None]:
    """What is known of the present activity, by the names of the log's columns and details."""
    return {"user_id": user_id.get(), "order_id": order_id.get()}


@contextmanager
def about(order: str) -> Iterator[None]:
    """What happens inside concerns `order`."""
    token = order_id.set(order)
    try:
        yield
    finally:
        order_id.reset(token)
