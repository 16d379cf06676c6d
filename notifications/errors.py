"""Why a message did not reach a device.

PushError
├── PushRetryable   the service is busy or away: send again, not before `retry_after_s`
├── PushGone        the address is dead: remove it
├── PushInvalid     the address or the message is malformed: sending again cannot help
└── PushRefused     the service does not accept *us* (key, project): an operator must look
"""

from datetime import datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 86_400.0  # a service that asks for more than a day is asked again tomorrow


class PushError(Exception):
    """Base of every error of this package."""


class PushRetryable(PushError):
    """The service could not take the message now.

    `retry_after_s` is the wait the service asked for in seconds, or None where it named none.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PushGone(PushError):
    """The token or subscription no longer exists: forget it."""


class PushInvalid(PushError):
    """The address or the message is malformed; the same call will fail again."""


class PushRefused(PushError):
    """The service refused the sender's own credentials; every address will fail alike."""


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait from a `Retry-After` header (RFC 9110 §10.2.3), seconds or HTTP date.

    `now` is a Unix time. Unreadable values give None; the answer is between 0 and `MAX_RETRY_AFTER_S`.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return min(float(text), MAX_RETRY_AFTER_S)
    moment = _http_date(text)
    if moment is None:
        return None
    return min(max(moment.timestamp() - now, 0.0), MAX_RETRY_AFTER_S)


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
