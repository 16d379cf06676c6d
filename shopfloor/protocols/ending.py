"""Ending tasks that may miss the word."""

import asyncio
from collections.abc import Collection

_TRIES = 4


async def end(tasks: Collection[asyncio.Task[None]], patience_s: float) -> bool:
    """Cancel `tasks` and wait for their end; says whether all have ended.

    A task can lose its cancellation: before Python 3.12 `asyncio.wait_for`, which asyncua uses, gives its result
    instead where both come in the same turn (cpython #86296). So whoever still runs after `patience_s` is told again,
    and after four times it is left alone: a stop has an end.
    """
    running = {task for task in tasks if not task.done()}
    for _ in range(_TRIES):
        if not running:
            break
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=patience_s)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # read, so that nobody is told of it at the end of the process
    return not running
