"""One try at one effect, and what is to be noted of it."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from marketplace.application.context import Context
from marketplace.application.drafting import DraftingBlocked
from marketplace.application.fence import FencedUnitOfWork, LeaseLost
from marketplace.application.handlers import HANDLERS
from marketplace.domain.errors import Conflict
from marketplace.domain.reactions import by_chain_time
from marketplace.ports.chain import ChainRefused, ChainUnavailable
from marketplace.ports.mail import MailUnavailable
from marketplace.ports.push import PushUnavailable
from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable
from marketplace.ports.unit_of_work import Outbox, StoredEffect, StoreUnavailable

log = logging.getLogger(__name__)

LEASE_S = 20.0
TRY_S = 15.0
"""An attempt ends before its lease does: whoever is still at it is still the one who may be."""
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 60.0
LONGEST_WAIT_S = 15.0
PARK_AFTER = 50
"""Some twenty minutes of trying: then an operator looks."""
SILENT_AFTER = 100
"""Half an hour of claims without a word: whoever takes this effect dies of it."""
LONGEST_REASON = 1_000

OUTAGES = (ChainUnavailable, StoreUnavailable, DraftingBlocked, OSError)
"""Nothing is wrong with the effect, however long this lasts: it is tried until the other side is back."""
RETRY = (
    *OUTAGES,
    ChainRefused,
    PushUnavailable,
    MailUnavailable,
    DirectoryUnavailable,
    DirectoryMisconfigured,
    Conflict,
)
"""Failures that time may mend; anything else is parked at once."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Note = Callable[[Outbox], Awaitable[bool]]
"""Writes what became of a claim; gives False where another relay has claimed the effect since."""


async def attempt(ctx: Context, stored: StoredEffect) -> Note | None:
    """Do the effect once. Gives what is to be noted, or None where the claim is no longer ours.

    A crash before the note means that it is done again, under the same key.
    """
    with ctx.telemetry.effect(stored) as tell:
        outcome, note = await _try(ctx, stored)
        tell(outcome)
    return note


async def _try(ctx: Context, stored: StoredEffect) -> tuple[str, Note | None]:
    if stored.reason is None and stored.attempts > SILENT_AFTER:
        return "parked", _parked(ctx, stored, f"{SILENT_AFTER} relays took it, and none of them was heard of again")
    fenced, limit = replace(ctx, uow=FencedUnitOfWork(ctx.uow, stored)), asyncio.timeout(TRY_S)
    try:
        async with limit:
            if (due := stored.effect.due) is not None and by_chain_time(stored.effect):
                behind_s = await _behind_s(ctx, due)
                if behind_s > 0:
                    return "waits", _waits(ctx, stored, behind_s)
            await HANDLERS[stored.effect.kind](fenced, stored.order_id, stored.effect)
    except LeaseLost as lost:
        log.warning("%s", lost)
        return "lost", None
    except RETRY as failure:
        return "failed", _failed(ctx, stored, failure)
    except Exception as failure:
        if limit.expired():
            # A driver that is interrupted may raise whatever it likes (psycopg 3.3: AssertionError in a pipeline).
            return "failed", _failed(ctx, stored, TimeoutError(f"interrupted: {in_words(failure)}"))
        log.exception("effect %d (%s of %s) is parked", stored.id, stored.effect.kind, stored.order_id)
        return "parked", _parked(ctx, stored, in_words(failure))
    now = ctx.clock.now()
    return "done", lambda outbox: outbox.done(stored.id, stored.lease, now)


def given_back(ctx: Context, stored: StoredEffect, reason: str) -> Note:
    """It was not tried: whoever comes next may have it at once."""
    now = ctx.clock.now()
    return lambda outbox: outbox.wait(stored.id, stored.lease, now, reason)


async def _behind_s(ctx: Context, due: datetime) -> float:
    """How far the chain's head is from `due`; a chain that sleeps while nothing happens is told to go on till then."""
    head = await ctx.chain.head()
    behind = due - datetime.fromtimestamp(head.timestamp, UTC)
    if behind > timedelta(0):
        await ctx.chain.watch_deadline(int(due.timestamp()) + 1)
    return behind.total_seconds()


def _waits(ctx: Context, stored: StoredEffect, behind_s: float) -> Note:
    # A quarter of what is missing: blocks come each second here and each twelfth there.
    again = ctx.clock.now() + timedelta(seconds=min(max(behind_s / 4, FIRST_RETRY_S), LONGEST_WAIT_S))
    reason = f"the chain's clock is {behind_s:.0f} s short of it"
    return lambda outbox: outbox.wait(stored.id, stored.lease, again, reason)


def _failed(ctx: Context, stored: StoredEffect, failure: Exception) -> Note:
    reason = in_words(failure)
    log.info("effect %d (%s of %s) waits: %s", stored.id, stored.effect.kind, stored.order_id, reason)
    if stored.attempts >= PARK_AFTER and not isinstance(failure, OUTAGES):
        return _parked(ctx, stored, reason)
    # Full jitter: what failed together does not come back together.
    wait = ctx.random() * min(FIRST_RETRY_S * 2 ** min(stored.attempts, 10), LONGEST_RETRY_S)
    if isinstance(failure, PushUnavailable):
        wait = max(wait, failure.retry_after_s or 0.0)
    again = ctx.clock.now() + timedelta(seconds=wait)
    return lambda outbox: outbox.retry(stored.id, stored.lease, again, reason)


def _parked(ctx: Context, stored: StoredEffect, reason: str) -> Note:
    now = ctx.clock.now()
    return lambda outbox: outbox.park(stored.id, stored.lease, reason, now)


def in_words(failure: Exception) -> str:
    """A failure as one line that every database can keep; strangers' words may be in it."""
    words = " ".join(f"{type(failure).__name__}: {failure}".split())
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", words)[:LONGEST_REASON]
