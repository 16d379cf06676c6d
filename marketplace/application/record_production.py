"""What the shop floor reports: stored once, shown to the customer, and turned into claims where a milestone waits."""

import json
from collections.abc import Sequence

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.domain.agreement import ZERO_HASH, AgreementKind
from marketplace.domain.commands import RecordFailure, RecordProgress
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput
from marketplace.domain.evidence import EventCode, ShopFloorEvent, SignedBatch, Source
from marketplace.domain.production import FINAL, Job, JobState, advance
from marketplace.ports.unit_of_work import Gateway, Transaction

MOST_STEPS = 10_000
"""More steps than any route has; a number above is an error of the gateway."""


async def record_production(
    ctx: Context, gateway: Gateway, events: Sequence[ShopFloorEvent], batches: Sequence[SignedBatch]
) -> dict[str, int]:
    """Store what is new and act on what is signed; the acknowledgement names the highest number without a gap, by lane.

    Signatures and roots were checked by the caller. An event that no batch covers yet is kept and changes nothing:
    whoever has the gateway's password alone moves no order. Raises Forbidden for a job or a signature of someone
    else's, InvalidInput for an event that does not fit its job or breaks the chain and for a batch that does not
    follow the last one, Conflict for a number that is taken by other bytes. Nothing of a refused upload is kept.
    """
    signers = {event.gateway.lower() for event in events} | {batch.gateway.lower() for batch in batches}
    if signers - {gateway.address.lower()}:
        raise Forbidden("a gateway uploads only what it signed itself")
    lanes = {(event.epoch, event.lane) for event in events} | {(batch.epoch, batch.lane) for batch in batches}
    async with ctx.uow.write() as tx:
        for event in events:
            await _store(tx, gateway, event)
        for batch in batches:
            await _follows(tx, batch)
            if await tx.production.add_batch(batch):
                await _act(ctx, tx, batch)
        return {lane: await tx.production.acknowledged(gateway.address, epoch, lane) for epoch, lane in lanes}


async def _store(tx: Transaction, gateway: Gateway, event: ShopFloorEvent) -> None:
    where = f"records.{event.seq}"
    job = await tx.production.job(event.job_id)
    if job is None or job.gateway != gateway.id:
        raise Forbidden(f"job {event.job_id} is not for this gateway")
    if event.agreement_id != job.agreement_id or event.spec_hash != job.spec_hash:
        raise InvalidInput(where, f"names another agreement or specification than job {job.id}")
    before = await tx.production.last_hash(event.agreement_id, event.gateway) or event.spec_hash
    if not await tx.production.add_event(event):
        return
    if json.loads(event.body)["prev"] != before:
        raise InvalidInput(f"{where}.prev", "does not follow the last event of this agreement")
    for name in ("index", "of"):
        _count(event, name)


async def _follows(tx: Transaction, batch: SignedBatch) -> None:
    """Batches of a gateway's epoch are numbered from 1 without a gap, each names the root before it."""
    last = await tx.production.last_batch(batch.gateway, batch.epoch)
    number, root = (last.sequence, last.root) if last else (0, ZERO_HASH)
    repeated = batch.sequence <= number
    if not repeated and (batch.sequence, batch.previous) != (number + 1, root):
        raise InvalidInput(f"batches.{batch.sequence}", f"does not follow batch {number}, the last one, and its root")


async def _act(ctx: Context, tx: Transaction, batch: SignedBatch) -> None:
    """Let jobs and orders follow the events of a new batch, then claim what they prove."""
    events = await tx.production.events_of(batch)
    if len(events) != batch.last - batch.first + 1:
        raise InvalidInput(f"batches.{batch.sequence}", "covers events that are not there")
    for event in events:
        job = await tx.production.job(event.job_id)
        if job is None:
            raise Conflict(f"job {event.job_id} is gone")
        # An operation that is not its agreement's last ends with the code of a step: only the last one proves anything.
        ended = event.code == EventCode.OPERATION_FINISHED and event.value.get("final") == "true"
        code = EventCode.PRODUCTION_FINISHED if ended else event.code
        changed = advance(job, code, done=_count(event, "index"), of=_count(event, "of"))
        await tx.production.save_job(changed)
        await tell_order(ctx, tx, changed, event.kind, event.value.get("step", ""), event.station, Source.MACHINE)
    for agreement_id in dict.fromkeys(event.agreement_id for event in events):
        await _claim_what_is_proved(ctx, tx, agreement_id)


def _count(event: ShopFloorEvent, name: str) -> int | None:
    """The number of a step, or of how many there are. Raises InvalidInput."""
    text = event.value.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_STEPS)) and int(text) <= MOST_STEPS):
        raise InvalidInput(f"records.{event.seq}.value.{name}", f"must be a whole number up to {MOST_STEPS}")
    return int(text)


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


async def _claim_what_is_proved(ctx: Context, tx: Transaction, agreement_id: str) -> None:
    """A claim for each milestone whose event lies in a signed batch; the end of production counts once all jobs ended.

    Operations may end in another order than they began, and one that failed is proved by no other one's end.
    """
    agreement = await tx.agreements.get(agreement_id)
    if agreement is None:
        return
    jobs = await tx.production.jobs_of_agreement(agreement_id)
    complete = all(job.state is JobState.ENDED for job in jobs)
    for index, milestone in enumerate(agreement.terms.milestones):
        code = int(milestone.code)
        waits = code == EventCode.PRODUCTION_FINISHED and not complete
        if waits or code == EventCode.OPENED or index in agreement.milestone_states:
            continue
        if await tx.production.batch_with(agreement_id, code) is not None:
            claim = Effect(EffectKind.CLAIM_MILESTONE, f"claim:{agreement_id}:{code}", agreement_id, str(code))
            await tx.outbox.add(agreement.order_id, [claim], ctx.clock.now())
