"""From the backend to the inbox: a long poll that we make, a cursor that moves with what is stored."""

import asyncio
import logging
from collections.abc import Callable

from shopfloor.gateway.backend import Backend, BackendError, BackendUnavailable, Backoff
from shopfloor.gateway.config import GatewayConfig
from shopfloor.gateway.inbox import Inbox
from shopfloor.strict_json import JsonRefused, as_array

_log = logging.getLogger(__name__)
_MOST_COMMANDS = 1_000
_EMPTY_PAUSE_S = 0.2  # a backend that answers "nothing" at once must not be hammered


class Downlink:
    """Fetches commands; `arrived` is called after some were stored."""

    def __init__(self, inbox: Inbox, backend: Backend, config: GatewayConfig, arrived: Callable[[], None]) -> None:
        self._inbox = inbox
        self._backend = backend
        self._config = config
        self._arrived = arrived

    async def run(self) -> None:
        """Fetch for ever, until cancelled."""
        backoff, said = Backoff(self._config.retry), ""
        while True:
            try:
                stored = await self.fetch()
                backoff.reset()
                said = ""
                if not stored:
                    await asyncio.sleep(_EMPTY_PAUSE_S)
            except BackendError as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("downlink: %s", said)
                after = error.retry_after_s if isinstance(error, BackendUnavailable) else 0.0
                await asyncio.sleep(backoff.next(after))

    async def fetch(self) -> int:
        """One long poll; gives how many commands were stored. Raises BackendError."""
        after = await asyncio.to_thread(lambda: self._inbox.cursor)
        wait = self._config.long_poll_s
        answer = await self._backend.call(
            "GET",
            "/v1/gateway/commands",
            params={"after": after, "wait": wait},
            timeout_s=wait + self._config.request_timeout_s,
        )
        try:
            commands = as_array(answer.get("commands"), "commands", limit=_MOST_COMMANDS)
            complaints = await asyncio.to_thread(self._inbox.take, commands)
        except JsonRefused as error:
            raise BackendUnavailable(f"answer: {error}") from error
        for complaint in complaints:
            _log.error("downlink: set aside: %s", complaint)
        if commands:
            self._arrived()
        return len(commands)
