"""What is sent to a device, whichever service carries it."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from notifications.errors import PushInvalid

_LIMITS = {"id": 128, "title": 100, "body": 300, "url": 1024, "topic": 128}
_REQUIRED = ("id", "title", "body")


@dataclass(frozen=True, slots=True)
class PushMessage:
    """One message to a person's device.

    `id` names the message and makes a repeat recognisable. `topic` says what it is about (an order): while a
    device is away, a newer message of a topic replaces the older. `url` is a path of the app, or empty.
    Lengths are bounded in characters so that the encrypted form fits one push record (RFC 8291 §4).

    Raises:
        PushInvalid: a field is missing, too long, carries control characters, or `url` leaves the app.
    """

    id: str
    title: str
    body: str
    url: str = ""
    topic: str = ""

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            _check_text(name, getattr(self, name), limit)
        for name in _REQUIRED:
            if not getattr(self, name):
                raise PushInvalid(f"{name} must not be empty")
        _check_path(self.url)

    @property
    def collapse_key(self) -> str:
        """32 base64url characters from topic, or id where there is none: the longest `Topic` of RFC 8030 §5.4."""
        digest = hashlib.sha256((self.topic or self.id).encode()).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode()


def _check_text(name: str, value: object, limit: int) -> None:
    if not isinstance(value, str) or len(value) > limit:
        raise PushInvalid(f"{name} must be text of at most {limit} characters")
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise PushInvalid(f"{name} must not carry control characters or lone surrogates")


def _check_path(url: str) -> None:
    """A notification opens the app and never another site."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or url.startswith(("//", "\\", "/\\")):
        raise PushInvalid("url must be a path of the app")
