"""RabbitMQ through FastStream: a message is effects' ids and says "look now". Only this module knows FastStream.

Nothing hangs on a message. The effect's row decides by its lease who may do it, and a relay that sweeps finds what no
message told of. So publishing is best effort, after the commit; what is lost, late, doubled or out of order is
harmless; and a broker that is away refuses no order.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from bootstrap.calls import Calls

if TYPE_CHECKING:
    from faststream.rabbit import RabbitBroker, RabbitQueue

log = logging.getLogger(__name__)

QUEUE = "lotsizeone.effects"
LONGEST_QUEUE, MESSAGE_LIVES_MS = 100_000, 60_000
"""What nobody takes from the broker within a minute, a sweep has found long ago."""
PREFETCH = 16
BACKLOG = 10_000
"""Ids that wait here to be published; beyond it the oldest are left to the sweep."""
TOGETHER = 8
"""Ids in one message at most: it costs as much as one alone, and several workers still share what comes at once."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
SEND_WITHIN_S = 2.0
CLOSE_WITHIN_S = 3.0


class Broker:
    """One process's connection: publishes ids, and hands those that come in to `calls` where there is a relay."""

    def __init__(self, url: str, calls: Calls | None = None, queue: str = QUEUE) -> None:
        self._url = url
        self._calls = calls
        self._name = queue
        self._outgoing: deque[int] = deque(maxlen=BACKLOG)
        self._news = asyncio.Event()
        self._lost = asyncio.Event()
        self.up = False

    def announce(self, effect_ids: Sequence[int]) -> None:
        """Tell the workers of effects; called after the commit, never waits, never fails."""
        if self.up:
            self._outgoing.extend(effect_ids)
            self._news.set()

    async def answers(self) -> str | None:
        """For a probe: what is wrong, or None."""
        return None if self.up else "not connected"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Broker"]:
        """Connected, and connected again, while the block runs; it does not wait for the first connection."""
        working = asyncio.create_task(self._keep_connected(), name="broker")
        try:
            yield self
        finally:
            working.cancel()
            await asyncio.wait([working])

    async def _keep_connected(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            rabbit = self._rabbit()
            try:
                await rabbit.start()
                log.info("the broker is connected")
                wait_s = FIRST_WAIT_S
                await self._publish_until_lost(rabbit)
            except Exception as failure:
                log.warning("no broker, effects are found by sweeping: %s", type(failure).__name__)
            finally:
                self.up = False
                self._outgoing.clear()
                with suppress(Exception):
                    async with asyncio.timeout(CLOSE_WITHIN_S):
                        await rabbit.stop()
            # Full jitter: processes that lost the broker together do not come back together.
            await asyncio.sleep(random.uniform(0, wait_s))  # noqa: S311 - no secret
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _publish_until_lost(self, rabbit: "RabbitBroker") -> None:
        self._lost.clear()
        self.up = True
        lost = asyncio.create_task(self._lost.wait())
        try:
            while not lost.done():
                self._news.clear()
                while self._outgoing and not lost.done():
                    some = [str(self._outgoing.popleft()) for _ in range(min(TOGETHER, len(self._outgoing)))]
                    async with asyncio.timeout(SEND_WITHIN_S):
                        await rabbit.publish(",".join(some), queue=self._name, mandatory=False)
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait({news, lost}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            lost.cancel()
        raise ConnectionError("the broker closed the connection")

    def _rabbit(self) -> "RabbitBroker":
        from faststream import AckPolicy  # noqa: PLC0415 - a second to import, and only where there is a broker
        from faststream.rabbit import Channel, RabbitBroker  # noqa: PLC0415

        rabbit = RabbitBroker(
            self._url,
            timeout=5,
            on_close=[self._closed],
            default_channel=Channel(prefetch_count=PREFETCH, publisher_confirms=False),
            apply_types=False,
            logger=None,
            graceful_timeout=CLOSE_WITHIN_S,
        )
        if self._calls is not None:
            rabbit.subscriber(self._queue(), ack_policy=AckPolicy.ACK)(self._told)
        return rabbit

    def _queue(self) -> "RabbitQueue":
        from faststream.rabbit import RabbitQueue  # noqa: PLC0415

        bounds: Any = {"x-max-length": LONGEST_QUEUE, "x-overflow": "drop-head", "x-message-ttl": MESSAGE_LIVES_MS}
        return RabbitQueue(self._name, durable=True, arguments=bounds)

    def _closed(self, *_: object) -> None:
        self._lost.set()

    async def _told(self, body: object) -> None:
        """A message. One that names no effect is nobody's."""
        text = body.decode("ascii", "replace") if isinstance(body, bytes) else str(body)
        names = text.split(",", TOGETHER)
        if self._calls is None or len(names) > TOGETHER or not all(map(_is_id, names)):
            log.warning("a message on the broker names no effect")
            return
        for name in names:
            await self._calls.put(int(name))


def _is_id(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 18
