"""Submit the moves of a running agreement: delivered and accepted by people's words, all others once it is time."""

from marketplace.application.accept_delivery import acceptance_deadline
from marketplace.application.context import Context
from marketplace.domain.agreement import ENDED, ActionKind, Agreement, AgreementStatus, OnChain
from marketplace.domain.errors import NotFound
from marketplace.ports.chain import ChainRefused, Consent


async def _agreement(ctx: Context, agreement_id: str) -> Agreement:
    async with ctx.uow.read() as tx:
        agreement = await tx.agreements.get(agreement_id) or await tx.lost.get(agreement_id)
    if agreement is None:
        raise NotFound("agreement")
    return agreement


async def submit_delivered(ctx: Context, agreement_id: str, proof: str) -> None:
    """`proof` is "secret:0x…" (the recipient's) or "signature:0x…" (the carrier's). Goods arrive in a dispute too."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status not in {AgreementStatus.OPEN, AgreementStatus.DISPUTED}:
        return
    kind, value = proof.split(":", 1)
    key = f"delivered:{agreement_id}"
    if kind == "secret":
        await ctx.chain.delivered_by_secret(key, agreement, value)
    else:
        consent = Consent(value, acceptance_deadline(agreement))
        await ctx.chain.act(key, agreement, ActionKind.DELIVERED, consent)


async def submit_acceptance(ctx: Context, agreement_id: str, signature: str) -> None:
    """Relay the payer's acceptance."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status is AgreementStatus.DELIVERED:
        consent = Consent(signature, acceptance_deadline(agreement))
        await ctx.chain.act(f"accept:{agreement_id}", agreement, ActionKind.ACCEPT, consent)


async def submit_dispute(ctx: Context, agreement_id: str, signed: str) -> None:
    """Relay the payer's dispute. `signed` is "state:deadline:signature"; in a later state it means something else."""
    agreement = await _agreement(ctx, agreement_id)
    state, deadline, signature = signed.split(":", 2)
    since = OnChain(int(state))
    if agreement.status == since.name.lower():
        consent = Consent(signature, int(deadline), since)
        await ctx.chain.act(f"dispute:{agreement_id}", agreement, ActionKind.DISPUTE, consent)


async def finalise(ctx: Context, agreement_id: str) -> None:
    """Settle after the acceptance window, unless somebody was faster."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status is AgreementStatus.DELIVERED:
        await ctx.chain.finalise(f"finalise:{agreement_id}", agreement)


async def release(ctx: Context, agreement_id: str) -> None:
    """Pay the retention share after its window, unless somebody was faster or disputes it."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status is AgreementStatus.RETAINED:
        await ctx.chain.release(f"release:{agreement_id}", agreement)


async def timeout(ctx: Context, agreement_id: str, decide_by: int) -> None:
    """End a dispute that the arbiter should have decided by the second `decide_by`, unless it has ended."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status is not AgreementStatus.DISPUTED:
        return
    try:
        await ctx.chain.timeout(f"timeout:{agreement_id}:{decide_by}", agreement)
    except ChainRefused as refused:
        # A handover has given the arbiter a new term since, which has an effect of its own.
        if refused.reason != "TooEarly" or (await ctx.chain.head()).timestamp <= decide_by:
            raise


async def refund(ctx: Context, agreement_id: str) -> None:
    """Send the rest back after date and grace, unless it was delivered."""
    agreement = await _agreement(ctx, agreement_id)
    if agreement.status is AgreementStatus.OPEN:
        await ctx.chain.refund(f"refund:{agreement_id}", agreement)


async def pay_out(ctx: Context, agreement_id: str, party: str, key: str) -> None:
    """Push what the token refused to move; before the end this also pays milestones that have matured."""
    agreement = await _agreement(ctx, agreement_id)
    waits = agreement.status not in ENDED and any(state == "proved" for state, _ in agreement.milestone_states.values())
    owed = any(payout.party == party and not payout.paid for payout in agreement.payouts)
    if owed or waits:
        await ctx.chain.pay_out(key, agreement, party)
