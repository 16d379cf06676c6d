"""The whole simulated factory: cell AMP makes bases and covers, cell MF (model factory) machines and assembles."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from shopfloor.simulator.cell import Cell, CellSettings
from shopfloor.simulator.server import CellServer
from shopfloor.simulator.station import InspectionStation

CELLS: Mapping[str, frozenset[str]] = {
    "AMP": frozenset({"bases", "covers"}),
    "MF": frozenset({"machining", "assembly"}),
}


@dataclass(frozen=True, slots=True)
class FactorySettings:
    """Ports of 0 are chosen freely; `passwords` maps user → password; `speed` 60 makes 40 pieces in about 4 s."""

    passwords: Mapping[str, str] = field(repr=False)
    host: str = "127.0.0.1"
    opcua_port: int = 0
    station_ports: Mapping[str, int] = field(default_factory=dict)
    speed: int = 60
    seed: int = 1
    defect_per_mille: int = 0
    certificate: tuple[Path, Path] | None = None


class Factory:
    """`async with Factory(settings, clock) as factory:` runs it; `clock` gives milliseconds UTC."""

    def __init__(self, settings: FactorySettings, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._server = CellServer(settings.passwords, settings.host, settings.opcua_port)
        self._stations = {name: InspectionStation(settings.host, settings.station_ports.get(name, 0)) for name in CELLS}
        self.cells = {name: self._cell(name, operations, clock) for name, operations in CELLS.items()}
        self._tasks: list[asyncio.Task[None]] = []

    def _cell(self, name: str, operations: frozenset[str], clock: Callable[[], int]) -> Cell:
        settings = CellSettings(
            name=name,
            operations=operations,
            speed=self._settings.speed,
            seed=self._settings.seed,
            defect_per_mille=self._settings.defect_per_mille,
        )
        changed: Callable[[], Awaitable[None]] = partial(self._publish, name)
        return Cell(settings, clock, changed, self._stations[name].publish)

    async def _publish(self, name: str) -> None:
        await self._server.publish(name, self.cells[name])

    @property
    def opcua_url(self) -> str:
        """The OPC UA endpoint of both cells."""
        return self._server.url

    def station_url(self, cell: str) -> str:
        """The inspection station of `cell`, as pyserial opens it."""
        return self._stations[cell].url

    async def start(self) -> None:
        """Listen and work."""
        for station in self._stations.values():
            await station.start()
        await self._server.start(self.cells, self._settings.certificate)
        self._tasks = [asyncio.create_task(cell.run()) for cell in self.cells.values()]

    async def stop(self) -> None:
        """Stop working and listening; jobs are forgotten."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.stop()
        for station in self._stations.values():
            await station.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def run(
    settings: FactorySettings,
    clock: Callable[[], int],
    stop_event: asyncio.Event,
    ready: Callable[[Factory], None] = lambda _: None,
) -> None:
    """Run the factory until `stop_event` is set; `ready` is called once it listens."""
    async with Factory(settings, clock) as factory:
        ready(factory)
        await stop_event.wait()
