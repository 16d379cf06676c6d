"""The gateway as one thing to run: `lotsizeone gateway` calls `run`."""

import asyncio
import logging

import httpx

from shopfloor.gateway.backend import Backend
from shopfloor.gateway.bridge import Bridge
from shopfloor.gateway.config import Clock, GatewayConfig
from shopfloor.gateway.downlink import Downlink
from shopfloor.gateway.inbox import Inbox
from shopfloor.gateway.recorder import Recorder
from shopfloor.gateway.spool import Spool
from shopfloor.gateway.store import Store
from shopfloor.gateway.uplink import Uplink
from shopfloor.protocols.ending import end

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0  # longer than a dead link takes to close


class Gateway:
    """One gateway beside one cell; everything it does outside this host, it fetches or pushes itself."""

    def __init__(
        self, config: GatewayConfig, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Opens the spool. `clock` gives milliseconds UTC. Raises SpoolError."""
        store = Store(config.spool_path)
        if store.set_aside is not None:
            _log.critical("the spool was corrupt and is set aside as %s", store.set_aside.name)
        self._store = store
        self.spool = Spool(store, config.key.address)
        self.inbox = Inbox(store)
        self._backend = Backend(config, transport)
        self.uplink = Uplink(self.spool, self._backend, config)
        self._recorder = Recorder(self.spool, config.key, config.batch_wait_s, self.uplink.wake)
        self.bridge = Bridge(config, clock, self.spool, self.inbox, self._recorder)
        self.downlink = Downlink(self.inbox, self._backend, config, self.bridge.wake)

    async def run(self, stop_event: asyncio.Event) -> None:
        """Work until `stop_event` is set; what is unsent stays in the spool. Raises SpoolError (full disk …)."""
        # asyncua logs every broken connection with a traceback; our own link says it once.
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)
        parts = [
            asyncio.create_task(part, name=name)
            for name, part in {
                "recorder": self._recorder.run(),
                "uplink": self.uplink.run(),
                "downlink": self.downlink.run(),
                "bridge": self.bridge.run(),
                "stop": _told(stop_event),
            }.items()
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a part ends only by failing: stop all, the supervisor starts us again
        finally:
            if not await end(parts, _PATIENCE_S):
                _log.critical("a part of the gateway does not end")
            await self._backend.close()
            self._store.close()


async def run(config: GatewayConfig, clock: Clock, stop_event: asyncio.Event) -> None:
    """Run one gateway until `stop_event` is set. Raises SpoolError."""
    await Gateway(config, clock).run(stop_event)


async def _told(stop_event: asyncio.Event) -> None:
    await stop_event.wait()
