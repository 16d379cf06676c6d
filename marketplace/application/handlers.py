"""What the relay does with each kind of effect."""

from collections.abc import Awaitable, Callable

from marketplace.application import move_agreement
from marketplace.application.apply import apply
from marketplace.application.ask_signature import ask_acceptance, ask_carrier
from marketplace.application.claim_milestone import claim_milestone
from marketplace.application.context import Context
from marketplace.application.dispatch_jobs import dispatch_jobs
from marketplace.application.draft_agreements import draft_agreements
from marketplace.application.draft_supply import draft_supply
from marketplace.application.hold_slots import hold_slots
from marketplace.application.match_order import match_order
from marketplace.application.notify import notify, push
from marketplace.application.open_agreements import open_agreements
from marketplace.application.send_letters import send_code, send_invitation
from marketplace.domain.commands import PassDeadline
from marketplace.domain.effects import Effect, EffectKind


async def _deadline(ctx: Context, order_id: str, effect: Effect) -> None:
    async with ctx.uow.write() as tx:
        await apply(ctx, tx, order_id, PassDeadline(effect.subject))


async def _fund_test_account(ctx: Context, order_id: str, effect: Effect) -> None:
    await ctx.chain.fund_test_account(effect.key, effect.subject, int(effect.detail))


Handler = Callable[[Context, str, Effect], Awaitable[None]]

HANDLERS: dict[EffectKind, Handler] = {
    EffectKind.FIND_SUPPLIERS: lambda ctx, order, _: match_order(ctx, order),
    EffectKind.DRAFT_AGREEMENTS: lambda ctx, order, _: draft_agreements(ctx, order),
    EffectKind.DRAFT_SUPPLY: lambda ctx, order, _: draft_supply(ctx, order),
    EffectKind.NOTIFY: notify,
    EffectKind.PUSH: push,
    EffectKind.SEND_INVITATION: send_invitation,
    EffectKind.SEND_CODE: send_code,
    EffectKind.OPEN_AGREEMENTS: lambda ctx, order, _: open_agreements(ctx, order),
    EffectKind.HOLD_SLOTS: lambda ctx, order, _: hold_slots(ctx, order),
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
    EffectKind.SUBMIT_DISPUTE: lambda ctx, _, effect: move_agreement.submit_dispute(ctx, effect.subject, effect.detail),
    EffectKind.FINALISE: lambda ctx, _, effect: move_agreement.finalise(ctx, effect.subject),
    EffectKind.RELEASE: lambda ctx, _, effect: move_agreement.release(ctx, effect.subject),
    EffectKind.REFUND: lambda ctx, _, effect: move_agreement.refund(ctx, effect.subject),
    EffectKind.TIMEOUT: lambda ctx, _, effect: move_agreement.timeout(ctx, effect.subject, int(effect.detail)),
    EffectKind.PAY_OUT: lambda ctx, _, effect: move_agreement.pay_out(ctx, effect.subject, effect.detail, effect.key),
    EffectKind.FUND_TEST_ACCOUNT: _fund_test_account,
    EffectKind.DEADLINE: _deadline,
}
"""Every kind of effect has its handler; a test compares the keys with the enumeration."""
