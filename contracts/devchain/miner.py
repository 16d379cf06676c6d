"""When a block is made.

A waiting transaction: at once if the wall is past the parent's stamp, else at the next second. Nothing waiting but a
deadline: an empty block each idle second, so that the head's time follows the wall's; the block that reaches the
deadline comes at once, the others in the second half of their second, because a block at its beginning would make a
transaction of the same second wait for the next.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from contracts.devchain.errors import LIMIT_EXCEEDED, RpcError
from contracts.devchain.node import Node

# A deadline further away costs no blocks until it comes near: a month of them would be 2.6 million.
NEAR_S: Final = 120
_IDLE_FRACTION: Final = 0.5
# The clock is injected and may jump, so no sleep is longer.
_LONGEST_SLEEP_S: Final = 0.25
_MAX_DEADLINES: Final = 10_000

Result = TypeVar("Result")


class Miner:
    """Owns the node's thread; everything that touches the node goes through `run`."""

    def __init__(self, node: Node, clock: Callable[[], float], thread: Executor) -> None:
        self._node = node
        self._clock = clock
        self._thread = thread
        self._deadlines: list[int] = []
        self._changed = asyncio.Event()

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Calls something on the node's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def notify(self) -> None:
        """A transaction came in."""
        self._changed.set()

    def wait_until(self, timestamp: int) -> bool:
        """Keeps blocks coming until the head is stamped `timestamp` or later; whether it is already."""
        if self._node.head_timestamp >= timestamp:
            return True
        if timestamp not in self._deadlines:
            if len(self._deadlines) >= _MAX_DEADLINES:
                raise RpcError(LIMIT_EXCEEDED, "too many deadlines wait")
            heapq.heappush(self._deadlines, timestamp)
            self._changed.set()
        return False

    async def forever(self, ready: Callable[[], Awaitable[bool]]) -> None:
        """Makes blocks until cancelled. `ready` says whether a transaction could be mined now."""
        while True:
            self._changed.clear()
            sleep_s = await self._step(await ready())
            try:
                async with asyncio.timeout(sleep_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _step(self, has_ready: bool) -> float | None:
        """Makes the block that is due, if one is; gives how long nothing will be, None without end."""
        while self._deadlines and self._deadlines[0] <= self._node.head_timestamp:
            heapq.heappop(self._deadlines)
        due = self._due(has_ready)
        if due is None:
            return None
        now = self._clock()
        if now < due:
            return min(due - now, _LONGEST_SLEEP_S)
        await self.run(self._node.mine, int(now))
        return 0.0

    def _due(self, has_ready: bool) -> float | None:
        next_second = self._node.head_timestamp + 1
        if has_ready:
            return next_second
        if not self._deadlines:
            return None
        nearest = self._deadlines[0]
        # The deadline's own second, or half a second into an idle one: whichever comes first.
        return min(max(next_second + _IDLE_FRACTION, nearest - NEAR_S), max(nearest, next_second))
