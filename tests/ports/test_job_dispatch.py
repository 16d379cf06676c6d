"""JobDispatch: a gateway gets each of its jobs once, with all it needs to sign for it, and nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from marketplace.domain.production import Job, JobParameter
from marketplace.ports.fakes.job_dispatch import FakeJobDispatch
from marketplace.ports.fakes.stores import FakeGatewayCommandStore
from marketplace.ports.job_dispatch import JobDispatch, SigningDomain
from marketplace.ports.stores import GatewayCommandStore
from shopfloor.adapter import JobDispatchAdapter
from shopfloor.protocols.isa95 import JobOrder

DOMAIN = SigningDomain(31_337, "0xFa" + "Bc" * 19)
JOB = Job(
    id="job-1",
    order_id="ord_1",
    agreement_id="0x" + "a1" * 32,
    organisation_id="org_1",
    operation="covers",
    quantity=40,
    parameters=(JobParameter("drilling_s", "3", "s"), JobParameter("finish_code", "600")),
    spec_hash="0x" + "5c" * 32,
    gateway="gw_1",
    due=1_900_000_000,
)


class Floor(Protocol):
    """A way to gateways, and what one of them would fetch."""

    dispatch: JobDispatch

    async def fetched(self, gateway: str) -> Sequence[tuple[str, str, int, SigningDomain]]:
        """(job id, operation, quantity, domain) in order."""
        ...


@dataclass
class FakeFloor:
    dispatch: FakeJobDispatch

    async def fetched(self, gateway: str) -> Sequence[tuple[str, str, int, SigningDomain]]:
        return [(job.id, job.operation, job.quantity, domain) for job, domain in self.dispatch.queued(gateway)]


@dataclass
class QueuedFloor:
    dispatch: JobDispatchAdapter
    commands: GatewayCommandStore

    async def fetched(self, gateway: str) -> Sequence[tuple[str, str, int, SigningDomain]]:
        rows = await self.commands.after(gateway, 0, 100)
        assert {row.kind for row in rows} <= {"start"}
        return [_facts(row.body) for row in rows]


def _facts(body: Any) -> tuple[str, str, int, SigningDomain]:
    domain = SigningDomain(body["chain_id"], body["factory"])
    return body["job_id"], body["operation"], body["quantity"], domain


@pytest.fixture(params=["fake", "queue in memory", "queue in the database"])
def floor(request: pytest.FixtureRequest) -> Floor:
    if request.param == "fake":
        return FakeFloor(FakeJobDispatch())
    commands: GatewayCommandStore = FakeGatewayCommandStore()
    if request.param == "queue in the database":
        commands = request.getfixturevalue("database").gateway_commands()
    return QueuedFloor(JobDispatchAdapter(commands), commands)


@pytest.mark.req(55, 108)
async def test_a_job_reaches_its_gateway_once(floor: Floor) -> None:
    for _ in range(3):
        await floor.dispatch.dispatch(JOB, DOMAIN)
    await floor.dispatch.dispatch(replace(JOB, quantity=41), DOMAIN)
    ((job_id, operation, quantity, domain),) = await floor.fetched("gw_1")
    assert (job_id, operation, quantity) == ("job-1", "covers", 40)
    assert (domain.chain_id, domain.factory.lower()) == (DOMAIN.chain_id, DOMAIN.factory.lower())


async def test_jobs_keep_their_order_and_their_gateway(floor: Floor) -> None:
    for name, gateway in (("b", "gw_1"), ("c", "gw_2"), ("a", "gw_1")):
        await floor.dispatch.dispatch(replace(JOB, id=name, gateway=gateway), DOMAIN)
    assert [row[0] for row in await floor.fetched("gw_1")] == ["b", "a"]
    assert [row[0] for row in await floor.fetched("gw_2")] == ["c"]


@pytest.mark.req(184)
async def test_a_job_that_people_report_is_left_to_them(floor: Floor) -> None:
    await floor.dispatch.dispatch(replace(JOB, gateway=None), DOMAIN)
    assert await floor.fetched("gw_1") == []


async def test_the_gateway_reads_what_was_queued_as_a_job() -> None:
    commands = FakeGatewayCommandStore()
    await JobDispatchAdapter(commands).dispatch(JOB, DOMAIN)
    (row,) = await commands.after("gw_1", 0, 1)
    order = JobOrder.from_wire(dict(row.body))
    assert (order.job_id, order.agreement, order.spec) == (JOB.id, JOB.agreement_id, JOB.spec_hash)
    assert order.parameter("finish_code") == "600"
