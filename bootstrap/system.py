"""What the operating system gives: the time and randomness."""

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """The wall clock, in UTC."""

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)


def unix_time() -> float:
    """Seconds since 1970."""
    return time.time()


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """96 random bits as hex: ids say nothing about how many there are."""
    return secrets.token_hex(12)


def random_hash() -> str:
    """256 random bits as 0x-hex."""
    return "0x" + secrets.token_hex(32)
