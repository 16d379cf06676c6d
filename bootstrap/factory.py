"""The simulated factory's process."""

import asyncio
import logging
from pathlib import Path

from bootstrap.files import read_object
from bootstrap.system import unix_ms
from shopfloor.simulator.factory import Factory, FactorySettings, run

log = logging.getLogger(__name__)


async def run_factory(path: Path, stop: asyncio.Event) -> None:
    """Run until told to stop. Raises ValueError for a bad configuration."""
    try:
        settings = FactorySettings(**read_object(path))
    except TypeError as error:
        raise ValueError(f"{path} is not a factory's configuration: {error}") from error

    def ready(factory: Factory) -> None:
        log.info("factory at %s", factory.opcua_url)

    await run(settings, unix_ms, stop, ready)
