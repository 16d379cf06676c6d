"""One simulated factory for the whole folder: building asyncua's address space takes two seconds."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shopfloor.simulator.cell import Cell
from shopfloor.simulator.factory import Factory, FactorySettings, run
from tests.shopfloor.worlds import PASSWORD, USER


@dataclass
class RunningFactory:
    """Where the factory listens."""

    opcua_url: str
    stations: dict[str, str]
    cells: dict[str, Cell]


def wall_ms() -> int:
    """Milliseconds UTC."""
    return int(time.time() * 1_000)


class FactoryThread:
    """A factory on a loop of its own, so that every test's loop may come and go."""

    def __init__(self, **fields: object) -> None:
        self._settings = FactorySettings(passwords={USER: PASSWORD}, **{"speed": 600, **fields})  # type: ignore[arg-type]
        self._ready = threading.Event()
        self._factory: Factory | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await run(self._settings, wall_ms, self._stop, self._listening)

    def _listening(self, factory: Factory) -> None:
        self._factory = factory
        self._ready.set()

    def start(self) -> RunningFactory:
        """Start and wait until it listens."""
        self._thread.start()
        assert self._ready.wait(30)
        assert self._factory is not None
        stations = {name: self._factory.station_url(name) for name in self._factory.cells}
        return RunningFactory(self._factory.opcua_url, stations, self._factory.cells)

    def stop(self) -> None:
        """Stop and wait until it is gone."""
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def factory() -> Iterator[RunningFactory]:
    """Both cells and their stations, 600 times as fast as real."""
    thread = FactoryThread()
    try:
        yield thread.start()
    finally:
        thread.stop()
