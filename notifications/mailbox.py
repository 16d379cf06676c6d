"""What a push service and the device behind it remember: subscriptions, keys, messages, planned faults."""

import json
import os
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.errors import PushGone, PushInvalid
from notifications.vapid import encode_base64url, public_point
from notifications.web_push import AUTH_SECRET_BYTES

MAX_SUBSCRIPTIONS = 10_000
MAX_MESSAGES = 1_000  # of one subscription; the oldest is dropped


@dataclass(slots=True)
class Box:
    """One device: its private key, its auth secret and what reached it, in order of arrival."""

    id: str
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    auth: bytes = field(repr=False)
    sender_key: str = ""
    messages: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    faults: deque[tuple[int, int]] = field(default_factory=deque)
    _waiting: dict[str, str] = field(default_factory=dict)

    def keys(self) -> dict[str, str]:
        """The public half, as a browser gives it to a site."""
        return {"p256dh": public_point(self.private_key.public_key()), "auth": encode_base64url(self.auth)}

    def decrypt(self, body: bytes) -> Any:
        """The JSON value inside an aes128gcm body.

        Raises:
            PushInvalid: it was not encrypted for this device, or holds no JSON.
        """
        try:
            plain = http_ece.decrypt(body, private_key=self.private_key, auth_secret=self.auth, version="aes128gcm")
            return json.loads(plain)
        except (http_ece.ECEException, ValueError, RecursionError) as error:
            raise PushInvalid("the message cannot be decrypted") from error

    def store(self, topic: str, record: dict[str, Any]) -> None:
        """Keep a message.

        As the service does, replace one of the same topic that still waits (RFC 8030 §5.4); as the app on
        the device does, replace one whose content has the same id.
        """
        content = record.get("content")
        identity = content.get("id") if isinstance(content, dict) else None
        key = identity if isinstance(identity, str) else str(record["message"])
        for old in {key, self._waiting.pop(topic, key)}:
            self.messages.pop(old, None)
        self.messages[key] = record
        if topic:
            self._waiting[topic] = key
        if len(self.messages) > MAX_MESSAGES:
            dropped, _ = self.messages.popitem(last=False)
            self._waiting = {topic: key for topic, key in self._waiting.items() if key != dropped}

    def read(self) -> list[dict[str, Any]]:
        """What the device has, oldest first. From now on nothing of it waits to be replaced by topic."""
        self._waiting.clear()
        return list(self.messages.values())


class Mailroom:
    """All devices of one receiver."""

    def __init__(self) -> None:
        self._boxes: dict[str, Box] = {}
        self._gone: set[str] = set()

    def subscribe(self, sender_key: str = "") -> Box:
        """A new device. With `sender_key` only that VAPID key may send to it (RFC 8292 §4).

        Raises:
            PushInvalid: there are too many already.
        """
        if len(self._boxes) >= MAX_SUBSCRIPTIONS:
            raise PushInvalid("too many subscriptions")
        identity = secrets.token_urlsafe(24)
        box = Box(identity, ec.generate_private_key(ec.SECP256R1()), os.urandom(AUTH_SECRET_BYTES), sender_key)
        self._boxes[identity] = box
        return box

    def unsubscribe(self, identity: str) -> None:
        """Forget a device; later messages to it are answered with "gone".

        Raises:
            PushGone: it is not here.
        """
        self.box(identity)
        del self._boxes[identity]
        self._gone.add(identity)

    def box(self, identity: str) -> Box:
        """The device of that id.

        Raises:
            PushGone: it was never here or has unsubscribed.
        """
        if identity not in self._boxes:
            raise PushGone("no such subscription")
        return self._boxes[identity]

    def was_removed(self, identity: str) -> bool:
        """Whether a device of that id was here and has unsubscribed."""
        return identity in self._gone

    def boxes(self) -> list[Box]:
        """All devices, oldest first."""
        return list(self._boxes.values())
