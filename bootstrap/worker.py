"""The worker process: relays effects, reads the chain, and keeps both going whatever fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bootstrap.container import open_container
from bootstrap.settings import Settings
from marketplace.application.chain_sync import ChainForked, sync_chain
from marketplace.application.context import Context
from marketplace.application.relay import relay_due
from marketplace.ports.chain import ChainUnavailable

log = logging.getLogger(__name__)

RELAY_POLL_S = 0.1
CHAIN_POLL_S = 0.25
LOOK_AHEAD = timedelta(seconds=30)
"""Deadlines nearer than this are told to the chain: an embedded one must keep its clock going for them."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


async def relay(ctx: Context) -> float:
    """Do what is due; returns how long to rest."""
    claimed = await relay_due(ctx)
    return 0.0 if claimed else RELAY_POLL_S


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


async def forever(ctx: Context, step: Callable[[Context], Awaitable[float]], stop: asyncio.Event) -> None:
    """Repeat `step`; after a failure with growing patience. A fork of the chain stops this step for good."""
    wait = FIRST_WAIT_S
    while not stop.is_set():
        try:
            rest = await step(ctx)
            wait = FIRST_WAIT_S
        except ChainForked:
            log.critical("the chain forked below what was read: money moves stop until an operator looks")
            raise
        except ChainUnavailable as failure:
            log.warning("the chain does not answer: %s", failure)
            rest, wait = wait, min(wait * 2, LONGEST_WAIT_S)
        except Exception:
            log.exception("%s failed; trying again in %.1f s", step.__name__, wait)
            rest, wait = wait, min(wait * 2, LONGEST_WAIT_S)
        try:
            await asyncio.wait_for(stop.wait(), rest)
        except TimeoutError:
            continue


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until told to stop. Raises SettingsRefused, ChainForked."""
    async with open_container(settings) as container, asyncio.TaskGroup() as tasks:
        tasks.create_task(forever(container.ctx, relay, stop), name="relay")
        tasks.create_task(forever(container.ctx, watch_chain, stop), name="chain")
