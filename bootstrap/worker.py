"""The worker process: relays effects, reads the chain, and keeps both going whatever fails."""

import asyncio
import logging
from datetime import timedelta

from bootstrap.calls import Calls
from bootstrap.container import Container, open_container
from bootstrap.duty import Step, on_duty
from bootstrap.log_keeper import sweep
from bootstrap.monitor import checks_of, monitored
from bootstrap.processes import keep_what_is_loaded
from bootstrap.relaying import polling, told
from bootstrap.settings import Settings
from bootstrap.tracing import open_tracing
from marketplace.application.chain_sync import sync_chain
from marketplace.application.context import Context
from marketplace.application.relay import Relay
from marketplace.ports.chain import ChainUnavailable

log = logging.getLogger(__name__)

STOP_WITHIN_S = 5.0
"""How long effects may go on once the process is told to stop."""
CHAIN_POLL_S = 0.25
LOOK_AHEAD = timedelta(seconds=30)
"""Deadlines nearer than this are told to the chain: an embedded one must keep its clock going for them."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
LOG_SWEEP_S = 3_600.0


async def watch_chain(ctx: Context) -> float:
    """Read what is new, look after what was sent, announce what is due soon; returns how long to rest."""
    await sync_chain(ctx)
    await ctx.chain.reconcile()
    async with ctx.uow.read() as tx:
        due = await tx.outbox.next_due()
    now = ctx.clock.now()
    if due is not None and now < due <= now + LOOK_AHEAD:
        await ctx.chain.watch_deadline(int(due.timestamp()) + 1)
    return CHAIN_POLL_S


def log_sweep(container: Container) -> Step:
    """Deletes old log records; they grow old slowly, so it rests long."""

    async def sweep_log(ctx: Context) -> float:
        await sweep(container.database.log_records().sweep, container.settings.log_keep_days, ctx.clock.now())
        return LOG_SWEEP_S

    return sweep_log


async def forever(ctx: Context, step: Step, stop: asyncio.Event) -> None:
    """Repeat `step`; after a failure with growing patience."""
    wait = FIRST_WAIT_S
    while not stop.is_set():
        try:
            rest = await step(ctx)
            wait = FIRST_WAIT_S
        except ChainUnavailable as failure:
            log.warning("the chain does not answer: %s", failure)
            rest, wait = wait, min(wait * 2, LONGEST_WAIT_S)
        except Exception:
            log.exception("%s failed; trying again in %.1f s", step.__name__, wait)
            rest, wait = wait, min(wait * 2, LONGEST_WAIT_S)
        try:
            async with asyncio.timeout(rest):
                await stop.wait()
        except TimeoutError:
            continue


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until told to stop. Raises SettingsRefused."""
    calls = Calls()
    async with (
        open_container(settings, open_tracing(settings, "lotsizeone-worker"), calls) as container,
        monitored(container, checks_of(container)),
        on_duty(container.database.duty("chain"), watch_chain, container.metrics) as watch_chain_for_all,
    ):
        relay, broker = Relay(container.ctx), container.broker
        keep_what_is_loaded()
        relaying = polling(relay) if broker is None else told(relay, calls, broker)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forever(container.ctx, relaying, stop), name="relay")
                tasks.create_task(forever(container.ctx, watch_chain_for_all, stop), name="chain")
                tasks.create_task(forever(container.ctx, log_sweep(container), stop), name="log sweep")
        finally:
            await relay.close(STOP_WITHIN_S)
