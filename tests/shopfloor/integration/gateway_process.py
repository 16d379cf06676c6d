"""A gateway as a process: `python -m … SPOOL BACKEND OPCUA STATION`, until SIGTERM."""

import asyncio
import signal
import sys
from pathlib import Path

from shopfloor.gateway.service import run
from tests.shopfloor.integration.conftest import wall_ms
from tests.shopfloor.worlds import config, machine


async def main() -> None:
    """Run until told to stop."""
    spool, backend_url, opcua_url, station_url = sys.argv[1:]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = config(Path(spool), backend_url=backend_url, machine=machine(opcua_url), inspection_url=station_url)
    await run(settings, wall_ms, stop)


if __name__ == "__main__":
    asyncio.run(main())
