"""Effects that somebody said to look at now: a small bounded queue between a broker and this process's relay."""

import asyncio

AT_MOST = 32
"""More than a relay does at once would only wait here, while another worker may be idle."""


class Calls:
    """Ids of effects, in the order in which they were told."""

    def __init__(self, at_most: int = AT_MOST) -> None:
        self._queue: asyncio.Queue[int] = asyncio.Queue(at_most)
        self.arrived = asyncio.Event()

    async def put(self, effect_id: int) -> None:
        """Tell of one; waits for room, which is how a broker learns to keep the rest."""
        await self._queue.put(effect_id)
        self.arrived.set()

    def take(self, at_most: int) -> list[int]:
        """The first ones, each once."""
        taken: dict[int, None] = {}
        while len(taken) < at_most and not self._queue.empty():
            taken[self._queue.get_nowait()] = None
        if self._queue.empty():
            self.arrived.clear()
        return [*taken]
