"""How a worker's relay is driven: by polling; where a broker tells of effects, by what it tells, and a slower sweep."""

import random
import time
from collections.abc import Callable

from bootstrap.broker import Broker
from bootstrap.calls import Calls
from bootstrap.duty import Step
from marketplace.application.context import Context
from marketplace.application.relay import Relay

POLL_S = 0.1
SWEEP_S = 1.0
"""Beside a broker that is there: what it did not tell of is found this late, and so is what became due by time."""


def polling(relay: Relay) -> Step:
    """The step that does what is due, as long as there is room for more."""

    async def do_what_is_due(_: Context) -> float:
        await relay.rest(0.0 if await relay.turn() else POLL_S)
        return 0.0

    return do_what_is_due


def told(relay: Relay, calls: Calls, broker: Broker, monotonic: Callable[[], float] = time.monotonic) -> Step:
    """The step that does what the broker tells of, and sweeps: while the broker is away as often as it would poll."""
    sweep_at = 0.0

    async def do_what_is_told(_: Context) -> float:
        nonlocal sweep_at
        if monotonic() >= sweep_at:
            room = relay.room
            claimed = await relay.turn()
            if not room or claimed < room:  # else there is more of it, and the next sweep begins at once
                sweep_at = monotonic() + _beat_s(broker)
        else:
            claimed = await relay.turn(calls.take(relay.room))
        longest_s = 0.0 if claimed and relay.room else max(0.0, sweep_at - monotonic())
        await relay.rest(longest_s, calls.arrived if relay.room else None)
        return 0.0

    return do_what_is_told


def _beat_s(broker: Broker) -> float:
    # With jitter, so that workers that started together do not sweep together.
    return random.uniform(0.5, 1.0) * SWEEP_S if broker.up else POLL_S  # noqa: S311 - no secret
