"""Messages to people's devices."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class PushGone(Exception):
    """The device's registration is dead: forget it."""


class PushUnavailable(Exception):
    """The service cannot take the message now; `retry_after_s` where it said so."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class PushInvalid(Exception):
    """The registration or the message can never be delivered."""


class PushKind(StrEnum):
    """Which service carries the message."""

    WEB_PUSH = "web_push"
    FCM = "fcm"


@dataclass(frozen=True, slots=True)
class PushAddress:
    """Where a device listens: endpoint and keys (RFC 8030, RFC 8291) or an FCM token in `endpoint`."""

    kind: PushKind
    endpoint: str
    p256dh: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class PushMessage:
    """Text without personal data. Messages of one `topic` replace each other; `id` makes a repeat recognisable."""

    id: str
    title: str
    body: str
    url: str
    topic: str


class PushSender(Protocol):
    """Port to the push services."""

    async def send(self, address: PushAddress, message: PushMessage) -> None:
        """Hand the message over. Raises PushGone, PushUnavailable or PushInvalid."""
        ...
