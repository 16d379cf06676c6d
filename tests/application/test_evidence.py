"""Evidence on its way to money: stored once, believed in order, and worth nothing beyond its own agreement."""

from dataclasses import replace

import pytest

from marketplace.application.record_production import record_production
from marketplace.application.view_timeline import timeline
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput
from marketplace.domain.evidence import ShopFloorEvent, SignedBatch
from marketplace.domain.order import Status
from marketplace.domain.production import Job, JobState
from marketplace.ports.fakes.stores import FakeGatewayCommandStore
from marketplace.ports.job_dispatch import SigningDomain
from shopfloor.adapter import JobDispatchAdapter
from shopfloor.gateway.translate import ending, progress
from shopfloor.protocols.isa95 import ExecutionMode, JobOrder, JobResult
from shopfloor.protocols.isa95 import JobState as MachineState
from shopfloor.protocols.job_list import JobRecord, StepRecord
from tests.application.example import key_of, work_off
from tests.application.world import World
from tests.shopfloor.ingesting import Machine


def queued(world: World, name: str) -> list[Job]:
    """The jobs that wait for the machine of `name`."""
    return [job for job, _ in world.dispatch.queued(world.gateways[name].id)]


async def claims(world: World) -> list[str]:
    return [row.detail for row in await world.rows("SELECT detail FROM outbox WHERE kind = 'claim_milestone'")]


async def states(world: World) -> dict[str, str]:
    return {row.operation: row.state for row in await world.rows("SELECT operation, state FROM jobs")}


@pytest.mark.req(78, 80, 87)
async def test_signed_evidence_releases_the_share_of_its_supply(world: World) -> None:
    order_id = await world.contracted()
    await world.make("amp")
    assert await claims(world) == ["600"]
    await world.work()
    _, amp, reconcavo = await world.agreements(order_id)
    assert amp.milestone_states[0][0] == "proved"
    assert reconcavo.milestone_states == {}
    (item,) = [
        item for item in await timeline(world.ctx, world["customer"], order_id) if item.name == "MilestoneProved"
    ]
    assert item.vouched_by == "signed by the maker's machine"


@pytest.mark.req(103)
async def test_a_repeated_upload_changes_nothing(world: World) -> None:
    order_id = await world.contracted()
    await world.make("amp")
    told = await world.events(order_id)
    for _ in range(3):
        await world.upload("amp")
    assert await world.events(order_id) == told
    assert await claims(world) == ["600"]


@pytest.mark.req(87)
async def test_altered_bytes_are_a_conflict_and_nothing_of_them_stays(world: World) -> None:
    await world.contracted()
    await world.make("amp")
    kept = await world.rows("SELECT body FROM production_events ORDER BY serial")
    job = queued(world, "amp")[0]
    forged = Machine(key_of("amp"))
    work_off(forged, job, station="another-1")
    world.machines["amp"] = forged
    await world.seal("amp")
    with pytest.raises(Conflict, match="other bytes"):
        await world.upload("amp")
    assert await world.rows("SELECT body FROM production_events ORDER BY serial") == kept


async def test_another_gateway_cannot_speak_for_this_one(world: World) -> None:
    await world.contracted()
    (job, _) = queued(world, "amp")
    stranger = world.machines["tejo"]
    work_off(stranger, job)
    await world.seal("tejo")
    with pytest.raises(Forbidden, match=job.id):
        await world.upload("tejo")
    # Nor may its events enter by the right door.
    with pytest.raises(Forbidden):
        await world.upload_as(world.gateways["amp"], stranger)
    assert await world.rows("SELECT 1 FROM production_events") == []


async def test_the_use_case_does_not_trust_its_caller_with_signers(world: World) -> None:
    await world.contracted()
    (job, _) = queued(world, "amp")
    event = ShopFloorEvent(
        gateway=key_of("tejo").address,
        epoch="e1",
        lane="s",
        seq=1,
        agreement_id=job.agreement_id,
        spec_hash=job.spec_hash,
        job_id=job.id,
        kind="job_accepted",
        code=100,
        at_ms=1,
        station="x",
        value={},
        payload_hash="0x" + "00" * 32,
        body="{}",
        simulated=False,
    )
    batch = SignedBatch(event.gateway, "e1", "s", 1, 1, "0x", 1, "0x", "0x")
    for events, batches in (([event], []), ([], [batch])):
        with pytest.raises(Forbidden):
            await record_production(world.ctx, world.gateways["amp"], events, batches)
    # A batch over events that were never sent is no proof of anything.
    own = replace(batch, gateway=key_of("amp").address, previous="0x" + "00" * 32)
    with pytest.raises(InvalidInput, match=r"batches\.1"):
        await record_production(world.ctx, world.gateways["amp"], [], [own])


@pytest.mark.req(87)
async def test_a_broken_chain_and_a_foreign_agreement_are_refused(world: World) -> None:
    await world.contracted()
    await world.contracted(client_reference="another order")
    first, _, other, _ = queued(world, "amp")
    machine = world.machines["amp"]
    machine.say("job_accepted", job=first.id, agreement=first.agreement_id, spec=first.spec_hash)
    machine.say(job=first.id, agreement=first.agreement_id, spec=first.spec_hash, prev="0x" + "77" * 32)
    await world.seal("amp")
    with pytest.raises(InvalidInput, match=r"records\.2\.prev"):
        await world.upload("amp")
    # The chain of one agreement does not go on in another one's job.
    world.machines["amp"] = machine = Machine(key_of("amp"))
    machine.say("job_accepted", job=first.id, agreement=other.agreement_id, spec=other.spec_hash)
    await world.seal("amp")
    with pytest.raises(InvalidInput, match=r"records\.1"):
        await world.upload("amp")
    assert await world.rows("SELECT 1 FROM production_events") == []


async def test_batches_follow_one_another(world: World) -> None:
    await world.contracted()
    first, second = queued(world, "amp")
    machine = world.machines["amp"]
    work_off(machine, first)
    await world.seal("amp")
    await world.upload("amp")
    work_off(machine, second)
    await world.seal("amp", sequence=3)
    with pytest.raises(InvalidInput, match=r"batches\.3"):
        await world.upload("amp")
    machine.batches.pop()
    await world.seal("amp", previous="0x" + "00" * 32)
    with pytest.raises(InvalidInput, match=r"batches\.2"):
        await world.upload("amp")
    machine.batches.pop()
    await world.seal("amp")
    assert await world.upload("amp") == {"s": 8}


async def test_events_without_a_signature_move_no_order(world: World) -> None:
    order_id = await world.contracted()
    machine = world.machines["amp"]
    for job in queued(world, "amp"):
        work_off(machine, job)
    assert await world.upload("amp") == {"s": 8}
    await world.work()
    assert await world.status(order_id) is Status.CONTRACTED
    assert set((await states(world)).values()) == {JobState.WAITING}
    await world.seal("amp")
    assert await world.upload("amp") == {"s": 8}
    await world.work()
    assert await world.status(order_id) is Status.IN_PRODUCTION
    assert "MilestoneProved" in await world.events(order_id)


@pytest.mark.req(78, 189)
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_supply_of_two_operations_claims_after_the_last_one(world: World, reverse: bool) -> None:
    order_id = await world.contracted()
    first, second = sorted(queued(world, "amp"), key=lambda job: job.operation, reverse=reverse)
    await world.make("amp", first)
    await world.work()
    assert await claims(world) == []
    assert await world.rows("SELECT 1 FROM signature_requests WHERE purpose = 'delivered'") == []
    await world.make("amp", second)
    await world.work()
    assert await claims(world) == ["600"]
    assert (await world.agreements(order_id))[1].milestone_states[0][0] == "proved"
    assert len(await world.rows("SELECT 1 FROM signature_requests WHERE purpose = 'delivered'")) == 1


@pytest.mark.req(110)
async def test_a_failed_operation_claims_nothing_and_calls_the_maker(world: World) -> None:
    order_id = await world.contracted()
    first, second = queued(world, "amp")
    await world.make("amp", first, good=False)
    await world.make("amp", second)
    await world.work()
    assert await claims(world) == []
    assert (await states(world))[first.operation] == JobState.FAILED
    assert "ProductionFailed" in await world.events(order_id)
    assert await world.parked() == []


@pytest.mark.req(55, 97, 108)
async def test_the_code_of_the_end_goes_from_the_terms_to_the_machine_and_back(world: World) -> None:
    """dispatch_jobs writes it, the gateway's translation reads it, record_production believes it."""
    await world.contracted()
    jobs = queued(world, "amp")
    commands = FakeGatewayCommandStore()
    machine = world.machines["amp"]
    for job in jobs:
        await JobDispatchAdapter(commands).dispatch(job, SigningDomain(31_337, "0x" + "fa" * 20))
    ends = {}
    for row in await commands.after(world.gateways["amp"].id, 0, 10):
        record = finished(JobOrder.from_wire(dict(row.body)))
        story = [*progress(record, "amp", 9_000, resync=False), ending(record, "amp", 9_000, inspection_ok=True)]
        for named in story:
            machine.add(named.draft)
        ends[record.order.operation] = story[-1].draft.kind
    assert ends == {jobs[0].operation: "operation_finished", jobs[1].operation: "production_finished"}
    await world.seal("amp")
    await world.upload("amp")
    assert {operation: (await states(world))[operation] for operation in ends} == dict.fromkeys(ends, JobState.ENDED)
    assert await claims(world) == ["600"]


def finished(order: JobOrder) -> JobRecord:
    """The machine's record of a job that went well."""
    return JobRecord(
        order=order,
        state=MachineState.ENDED,
        result=JobResult.SUCCESSFUL,
        mode=ExecutionMode.PRODUCTION,
        started_ms=1_000,
        ended_ms=3_000,
        changed_ms=3_000,
        interruptions=0,
        reason="",
        steps=(StepRecord("turning", 1, 1, 2_000, 3_000),),
    )


async def test_the_job_carries_what_the_customer_chose_and_a_suppliers_only_its_lines(world: World) -> None:
    await world.supplied()
    (own,) = queued(world, "maker")
    chosen = {item.id: item.value for item in own.parameters}
    assert chosen["drilling_s"] == "3"
    assert chosen["engraving"] == "SENAI"
    base, cover = queued(world, "amp")
    assert [(item.id, item.value, item.unit) for item in base.parameters] == [
        ("diameter", "40", "mm"),
        ("finish_code", "300", ""),
    ]
    assert [(item.id, item.value) for item in cover.parameters] == [("finish_code", "600")]
    assert {job.quantity for job in (own, base, cover)} == {40}
    (_, domain), *_ = world.dispatch.queued(world.gateways["amp"].id)
    known = await world.chain.parameters()
    assert (domain.chain_id, domain.factory) == (known.chain_id, known.factory)
