"""How a process of ours starts and stops: signals, and ending with its parent."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

PARENT_POLL_S = 0.5
ROUND = 10_000
"""New objects before the collector looks at them: a request makes some thousands, and most are gone with it."""


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` with an event that SIGINT and SIGTERM set."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await work(stop)

    asyncio.run(main())


def keep_what_is_loaded() -> None:
    """Take what this process has loaded out of the garbage collector's rounds, for when a server is ready to serve.

    Modules, schemas and compiled statements stay anyway, and to walk over them again and again took a tenth of the
    processor's time. What comes later is collected as ever, in rounds that are worth their while.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ROUND)


@contextmanager
def native_words_aside() -> Iterator[None]:
    """What a library's native code prints meanwhile goes to standard error: HiGHS has a line that no option silences,
    and what a command prints is read by programs. For commands with one thread only."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
