"""What one worker of many does for all: whoever holds the duty works, the others stand by."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bootstrap.metrics import Metrics
from marketplace.application.context import Context
from marketplace.persistence.duties import Duty
from marketplace.ports.unit_of_work import StoreUnavailable

log = logging.getLogger(__name__)

STAND_BY_S = 1.0
"""How soon another one notices that the duty is free."""

Step = Callable[[Context], Awaitable[float]]
"""Some work, and how long to rest after it."""


@asynccontextmanager
async def on_duty(duty: Duty, step: Step, metrics: Metrics) -> AsyncIterator[Step]:
    """`step`, done while the duty is ours. In the end the duty is given up, so that nobody has to wait for it."""
    had = False

    async def step_on_duty(ctx: Context) -> float:
        nonlocal had
        have = await duty.held()
        metrics.duty.set(have)
        if have is not had:
            log.info("the duty %s", "is ours now" if have else "is another worker's now")
            had = have
        return await step(ctx) if have else STAND_BY_S

    step_on_duty.__name__ = step.__name__  # what the log names when it fails
    try:
        yield step_on_duty
    finally:
        with suppress(StoreUnavailable):
            await duty.give_up()
