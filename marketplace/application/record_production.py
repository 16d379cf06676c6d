"""What the shop floor reports: stored once, shown to the customer, and turned into claims where a milestone waits."""

import json
from collections.abc import Sequence

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.domain.agreement import Agreement, AgreementKind
from marketplace.domain.commands import RecordFailure, RecordProgress
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput
from marketplace.domain.evidence import EventCode, ShopFloorEvent, SignedBatch, Source
from marketplace.domain.production import FINAL, Job, JobState, advance
from marketplace.ports.unit_of_work import Gateway, Transaction


async def record_production(
    ctx: Context, gateway: Gateway, events: Sequence[ShopFloorEvent], batches: Sequence[SignedBatch]
) -> dict[str, int]:
    """Store what is new and act on it; the acknowledgement names the highest number without a gap, by lane.

    Signatures and roots were checked by the caller. Raises Forbidden for a job of someone else's, InvalidInput for
    an event that does not fit its job or breaks the chain, Conflict for a number that is taken by other bytes.
    Nothing of a refused upload is kept.
    """
    lanes = {(event.epoch, event.lane) for event in events} | {(batch.epoch, batch.lane) for batch in batches}
    async with ctx.uow.write() as tx:
        for event in events:
            await _record(ctx, tx, gateway, event)
        for batch in batches:
            if await tx.production.add_batch(batch):
                await _claim_what_it_proves(ctx, tx, batch, events)
        return {lane: await tx.production.acknowledged(gateway.address, epoch, lane) for epoch, lane in lanes}


async def _record(ctx: Context, tx: Transaction, gateway: Gateway, event: ShopFloorEvent) -> None:
    job = await tx.production.job(event.job_id)
    if job is None or job.gateway != gateway.id:
        raise Forbidden(f"job {event.job_id} is not for this gateway")
    if event.agreement_id != job.agreement_id or event.spec_hash != job.spec_hash:
        raise InvalidInput("records.event", f"names another agreement or specification than job {job.id}")
    before = await tx.production.last_hash(event.agreement_id, gateway.address) or event.spec_hash
    if not await tx.production.add_event(event):
        return
    if json.loads(event.body)["prev"] != before:
        raise InvalidInput("records.event.prev", "does not follow the last event of this agreement")
    done, of = (int(event.value[key]) if key in event.value else None for key in ("index", "of"))
    # An operation that is not its agreement's last ends with the code of a step: only the last one proves anything.
    ended = event.code == EventCode.OPERATION_FINISHED and event.value.get("final") == "true"
    changed = advance(job, EventCode.PRODUCTION_FINISHED if ended else event.code, done=done, of=of)
    await tx.production.save_job(changed)
    await tell_order(ctx, tx, changed, event.kind, event.value.get("step", ""), event.station, Source.MACHINE)


async def tell_order(
    ctx: Context, tx: Transaction, job: Job, kind: str, step: str, station: str, source: Source
) -> None:
    """Translate the state of a job into a command of its order, and an arrival into a question to the carrier."""
    agreement = await tx.agreements.get(job.agreement_id)
    if agreement is None:
        raise Conflict(f"the agreement of job {job.id} is gone")
    if job.state in (JobState.FAILED, JobState.REFUSED):
        await apply(ctx, tx, job.order_id, RecordFailure(job.operation, step or kind))
        return
    jobs = await tx.production.jobs_of_agreement(job.agreement_id)
    complete = all(other.state is JobState.ENDED for other in jobs)
    if job.state in (JobState.RUNNING, JobState.ENDED):
        command = RecordProgress(
            operation=job.operation,
            step=step or kind,
            station=station,
            done=job.done,
            of=job.of,
            reported_by=source,
            last=complete and agreement.kind is AgreementKind.DELIVERY,
        )
        await apply(ctx, tx, job.order_id, command)
    if complete and agreement.kind is AgreementKind.SUPPLY and job.state in FINAL:
        ask = Effect(EffectKind.ASK_CARRIER, f"carrier:{agreement.id}", agreement.id)
        await tx.outbox.add(job.order_id, [ask], ctx.clock.now())


async def _claim_what_it_proves(
    ctx: Context, tx: Transaction, batch: SignedBatch, events: Sequence[ShopFloorEvent]
) -> None:
    """A claim for each milestone whose event lies in the batch; an event proves its milestone once."""
    seen: dict[str, Agreement | None] = {}
    for event in events:
        if not batch.first <= event.seq <= batch.last or event.lane != batch.lane:
            continue
        if event.agreement_id not in seen:
            seen[event.agreement_id] = await tx.agreements.get(event.agreement_id)
        agreement = seen[event.agreement_id]
        if agreement is None or event.code == EventCode.OPENED or agreement.terms.milestone_for(event.code) is None:
            continue
        claim = Effect(EffectKind.CLAIM_MILESTONE, f"claim:{agreement.id}:{event.code}", agreement.id, str(event.code))
        await tx.outbox.add(agreement.order_id, [claim], ctx.clock.now())
