"""Outbox → port → the answer comes back as a command: at least once here, once in the world by each effect's key."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from marketplace.application import move_agreement
from marketplace.application.apply import apply
from marketplace.application.ask_signature import ask_acceptance, ask_carrier
from marketplace.application.claim_milestone import claim_milestone
from marketplace.application.context import Context
from marketplace.application.dispatch_jobs import dispatch_jobs
from marketplace.application.draft_agreements import DraftingBlocked, draft_agreements
from marketplace.application.match_order import match_order
from marketplace.application.notify import notify, push
from marketplace.application.open_agreements import open_agreements
from marketplace.domain.commands import PassDeadline
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict
from marketplace.ports.chain import ChainRefused, ChainUnavailable
from marketplace.ports.push import PushUnavailable
from marketplace.ports.unit_of_work import StoredEffect, StoreUnavailable

log = logging.getLogger(__name__)

LEASE_S = 20.0
BATCH = 5
"""Few at a time: a worker that dies keeps only these from the others, and only until their lease runs out."""
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 60.0
PARK_AFTER = 50
"""About three quarters of an hour of trying: then an operator looks."""

RETRY = (ChainRefused, ChainUnavailable, StoreUnavailable, PushUnavailable, DraftingBlocked, Conflict, OSError)
"""Failures that time may mend; anything else is parked at once."""


async def relay_due(ctx: Context) -> int:
    """Do the effects that are due; returns how many were claimed."""
    async with ctx.uow.read() as tx:
        due = await tx.outbox.next_due()
    if due is None or due > ctx.clock.now():
        return 0  # nobody else's write has to wait for our finding nothing
    async with ctx.uow.write() as tx:
        claimed = await tx.outbox.claim(ctx.clock.now(), LEASE_S, BATCH)
    for stored in claimed:
        await _attempt(ctx, stored)
    return len(claimed)


async def _attempt(ctx: Context, stored: StoredEffect) -> None:
    """Do one effect and note the outcome. A crash before the note means it is done again, under the same key."""
    try:
        await HANDLERS[stored.effect.kind](ctx, stored.order_id, stored.effect)
    except RETRY as failure:
        await _later(ctx, stored, failure)
    except Exception as failure:
        log.exception("effect %s of %s is parked", stored.effect.kind, stored.order_id)
        async with ctx.uow.write() as tx:
            await tx.outbox.park(stored.id, f"{type(failure).__name__}: {failure}", ctx.clock.now())
    else:
        async with ctx.uow.write() as tx:
            await tx.outbox.done(stored.id, ctx.clock.now())


async def _later(ctx: Context, stored: StoredEffect, failure: Exception) -> None:
    reason = f"{type(failure).__name__}: {failure}"
    log.info("effect %s of %s waits: %s", stored.effect.kind, stored.order_id, reason)
    wait = min(FIRST_RETRY_S * 2 ** min(stored.attempts, 10), LONGEST_RETRY_S)
    if isinstance(failure, PushUnavailable):
        wait = max(wait, failure.retry_after_s or 0.0)
    async with ctx.uow.write() as tx:
        if stored.attempts >= PARK_AFTER:
            await tx.outbox.park(stored.id, reason, ctx.clock.now())
        else:
            await tx.outbox.retry(stored.id, ctx.clock.now() + timedelta(seconds=wait), reason)


async def _deadline(ctx: Context, order_id: str, effect: Effect) -> None:
    async with ctx.uow.write() as tx:
        await apply(ctx, tx, order_id, PassDeadline(effect.subject))


async def _fund_test_account(ctx: Context, order_id: str, effect: Effect) -> None:
    await ctx.chain.fund_test_account(effect.key, effect.subject, int(effect.detail))


Handler = Callable[[Context, str, Effect], Awaitable[None]]

HANDLERS: dict[EffectKind, Handler] = {
    EffectKind.FIND_SUPPLIERS: lambda ctx, order, _: match_order(ctx, order),
    EffectKind.DRAFT_AGREEMENTS: lambda ctx, order, _: draft_agreements(ctx, order),
    EffectKind.NOTIFY: notify,
    EffectKind.PUSH: push,
    EffectKind.OPEN_AGREEMENTS: lambda ctx, order, _: open_agreements(ctx, order),
    EffectKind.DISPATCH_JOBS: lambda ctx, order, effect: dispatch_jobs(ctx, order, effect.subject),
    EffectKind.ASK_CARRIER: lambda ctx, _, effect: ask_carrier(ctx, effect.subject),
    EffectKind.ASK_ACCEPTANCE: lambda ctx, _, effect: ask_acceptance(ctx, effect.subject),
    EffectKind.CLAIM_MILESTONE: lambda ctx, _, effect: claim_milestone(ctx, effect.subject, int(effect.detail)),
    EffectKind.SUBMIT_DELIVERED: lambda ctx, _, effect: move_agreement.submit_delivered(
        ctx, effect.subject, effect.detail
    ),
    EffectKind.SUBMIT_ACCEPTANCE: lambda ctx, _, effect: move_agreement.submit_acceptance(
        ctx, effect.subject, effect.detail
    ),
    EffectKind.FINALISE: lambda ctx, _, effect: move_agreement.finalise(ctx, effect.subject),
    EffectKind.RELEASE: lambda ctx, _, effect: move_agreement.release(ctx, effect.subject),
    EffectKind.REFUND: lambda ctx, _, effect: move_agreement.refund(ctx, effect.subject),
    EffectKind.TIMEOUT: lambda ctx, _, effect: move_agreement.timeout(ctx, effect.subject, int(effect.detail)),
    EffectKind.PAY_OUT: lambda ctx, _, effect: move_agreement.pay_out(ctx, effect.subject, effect.detail, effect.key),
    EffectKind.FUND_TEST_ACCOUNT: _fund_test_account,
    EffectKind.DEADLINE: _deadline,
}
"""Every kind of effect has its handler; a test compares the keys with the enumeration."""
