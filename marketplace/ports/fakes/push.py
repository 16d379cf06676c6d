"""A push service in memory."""

from collections import deque
from collections.abc import Iterable

from marketplace.ports.push import PushAddress, PushGone, PushInvalid, PushKind, PushMessage, PushUnavailable

ALL_KINDS = (PushKind.WEB_PUSH, PushKind.FCM)


class FakePushSender:
    """`PushSender` that keeps what it is handed. `kinds` are the services that are configured.

    A device shows a message once: its id makes a repeat recognisable, so `shown` has no doubles while `sent` does.
    """

    def __init__(self, kinds: Iterable[PushKind] = ALL_KINDS) -> None:
        self.kinds = frozenset(kinds)
        self.sent: list[tuple[PushAddress, PushMessage]] = []
        self._failures: deque[PushUnavailable] = deque()
        self._gone: set[str] = set()
        self._invalid: set[str] = set()

    def shown(self, address: PushAddress) -> list[PushMessage]:
        """What the device at `address` has shown, in order, a repeat left out."""
        mine: dict[str, PushMessage] = {}
        for to, message in self.sent:
            if to.endpoint == address.endpoint:
                mine.setdefault(message.id, message)
        return list(mine.values())

    def forget(self, address: PushAddress) -> None:
        """The device's registration is dead from now on."""
        self._gone.add(address.endpoint)

    def distrust(self, address: PushAddress) -> None:
        """Nothing can ever be delivered to this address."""
        self._invalid.add(address.endpoint)

    def fail_next(self, failure: PushUnavailable) -> None:
        """Refuse the next message with `failure`; further calls queue up behind it."""
        self._failures.append(failure)

    async def send(self, address: PushAddress, message: PushMessage) -> None:
        """As the port says."""
        if address.kind not in self.kinds:
            raise PushUnavailable(f"{address.kind} is not configured here")
        if self._failures:
            raise self._failures.popleft()
        if address.endpoint in self._gone:
            raise PushGone("this device has forgotten us")
        if not address.endpoint or address.endpoint in self._invalid:
            raise PushInvalid("this is no address of a device")
        self.sent.append((address, message))
