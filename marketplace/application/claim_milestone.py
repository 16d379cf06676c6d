"""Signed evidence becomes a claim: the batch's leaves, the one that counts, and the gateway's signature."""

from marketplace.application.context import Context
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.errors import NotFound
from marketplace.ports.chain import Proof


async def claim_milestone(ctx: Context, agreement_id: str, code: int) -> None:
    """Submit the claim, once. Raises NotFound without evidence, ChainRefused, ChainUnavailable."""
    async with ctx.uow.read() as tx:
        agreement = await tx.agreements.get(agreement_id)
        found = await tx.production.batch_with(agreement_id, code)
    if agreement is None or found is None:
        raise NotFound("evidence")
    milestone = agreement.terms.milestone_for(code)
    if milestone is None or milestone in agreement.milestone_states or agreement.status is not AgreementStatus.OPEN:
        return
    batch, events = found
    proof = Proof(
        leaves=[(item.agreement_id, item.spec_hash, item.code, item.at_ms, item.payload_hash) for item in events],
        index=next(
            index for index, item in enumerate(events) if (item.agreement_id, item.code) == (agreement_id, code)
        ),
        root=batch.root,
        sequence=batch.sequence,
        previous=batch.previous,
        signature=batch.signature,
    )
    await ctx.chain.claim(f"claim:{agreement_id}:{milestone}", agreement, milestone, [proof])
