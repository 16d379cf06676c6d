"""What the shop floor reports: stored once, shown to the customer, and turned into claims where a milestone waits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.application.apply import apply_each
from marketplace.application.context import Context
from marketplace.domain.agreement import ZERO_HASH, AgreementKind
from marketplace.domain.commands import Command, RecordFailure, RecordProgress
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput
from marketplace.domain.evidence import EventCode, ShopFloorEvent, SignedBatch, Source
from marketplace.domain.production import Job, JobState, advance
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
        await tx.orders.hold({event.agreement_id for event in events})
        await _store(tx, gateway, events)
        for batch in batches:
            await _follows(tx, batch)
            if await tx.production.add_batch(batch):
                await _act(ctx, tx, batch)
        return {lane: await tx.production.acknowledged(gateway.address, epoch, lane) for epoch, lane in lanes}


async def _store(tx: Transaction, gateway: Gateway, events: Sequence[ShopFloorEvent]) -> None:
    """All at once: an upload has hundreds of events after an hour without a network."""
    if not events:
        return
    jobs = await tx.production.jobs({event.job_id for event in events})
    heads: dict[str, str] = {}
    for event in events:
        job = jobs.get(event.job_id)
        if job is None or job.gateway != gateway.id:
            raise Forbidden(f"job {event.job_id} is not for this gateway")
        if event.agreement_id != job.agreement_id or event.spec_hash != job.spec_hash:
            raise InvalidInput(f"records.{event.seq}", f"names another agreement or specification than job {job.id}")
        if event.agreement_id not in heads:
            last = await tx.production.last_hash(event.agreement_id, event.gateway)
            heads[event.agreement_id] = last or event.spec_hash
    for event in await tx.production.add_events(events):
        if json.loads(event.body)["prev"] != heads[event.agreement_id]:
            raise InvalidInput(f"records.{event.seq}.prev", "does not follow the last event of this agreement")
        heads[event.agreement_id] = event.payload_hash
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
    jobs = dict(await tx.production.jobs({event.job_id for event in events}))
    told: dict[str, list[Told]] = {}
    for event in events:
        job = jobs.get(event.job_id)
        if job is None:
            raise Conflict(f"job {event.job_id} is gone")
        # An operation that is not its agreement's last ends with the code of a step: only the last one proves anything.
        ended = event.code == EventCode.OPERATION_FINISHED and event.value.get("final") == "true"
        code = EventCode.PRODUCTION_FINISHED if ended else event.code
        jobs[job.id] = advance(job, code, done=_count(event, "index"), of=_count(event, "of"))
        what = Told(jobs[job.id], event.kind, event.value.get("step", ""), event.station, Source.MACHINE)
        told.setdefault(event.agreement_id, []).append(what)
    for agreement_id, news in told.items():
        await tell_order(ctx, tx, agreement_id, news)
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


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a job: `job` as it is after that."""

    job: Job
    kind: str
    step: str
    station: str
    source: Source


async def tell_order(ctx: Context, tx: Transaction, agreement_id: str, news: Sequence[Told]) -> None:
    """Save an agreement's jobs as they are after the news, and translate each into a command of the order, an arrival
    into a question to the carrier."""
    await tx.orders.get(news[0].job.order_id)  # first of its rows, as everywhere
    agreement = await tx.agreements.get(agreement_id)
    if agreement is None:
        raise Conflict(f"the agreement of job {news[0].job.id} is gone")
    # Read once the agreement is held: of two machines that end at the same time, the second sees that all have ended.
    states = {job.id: job.state for job in await tx.production.jobs_of_agreement(agreement_id)}
    commands: list[Command] = []
    for one in news:
        states[one.job.id] = one.job.state
        complete = all(state is JobState.ENDED for state in states.values())
        command = _command(one, last=complete and agreement.kind is AgreementKind.DELIVERY)
        commands += [] if command is None else [command]
        if complete and agreement.kind is AgreementKind.SUPPLY:
            ask = Effect(EffectKind.ASK_CARRIER, f"carrier:{agreement.id}", agreement.id)
            await tx.outbox.add(agreement.order_id, [ask], ctx.clock.now())
    for job in {one.job.id: one.job for one in news}.values():
        await tx.production.save_job(job)
    await apply_each(ctx, tx, agreement.order_id, commands)


def _command(told: Told, *, last: bool) -> Command | None:
    job = told.job
    if job.state in (JobState.FAILED, JobState.REFUSED):
        return RecordFailure(job.operation, told.step or told.kind)
    if job.state not in (JobState.RUNNING, JobState.ENDED):
        return None
    return RecordProgress(
        operation=job.operation,
        step=told.step or told.kind,
        station=told.station,
        done=job.done,
        of=job.of,
        reported_by=told.source,
        last=last,
    )


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
