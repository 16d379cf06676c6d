"""The whole gateway: command → machine → evidence → backend, also when it is killed in the middle."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shopfloor.gateway.config import GatewayConfig
from shopfloor.gateway.service import Gateway
from shopfloor.protocols.isa95 import JobOrder
from shopfloor.protocols.opcua import open_session
from tests.shopfloor.integration.conftest import FactoryThread, RunningFactory, wall_ms
from tests.shopfloor.integration.serving import served
from tests.shopfloor.receiver import Receiver
from tests.shopfloor.worlds import config, job_order, machine, until

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parent.parent.parent.parent
WHOLE = [
    "job_accepted",
    "production_started",
    *["operation_finished"] * 3,
    "inspection_passed",
    "production_finished",
]


def fresh(operation: str = "bases", **options: str) -> JobOrder:
    return job_order(f"job-{uuid.uuid4().hex[:12]}", operation, **{"inspection": "complete", **options})


def kinds(receiver: Receiver, order: JobOrder) -> list[str]:
    return [v.event.kind for v in receiver.believed if v.event.job == order.job_id]


@asynccontextmanager
async def running(settings: GatewayConfig) -> AsyncIterator[Gateway]:
    """A gateway in this process."""
    gateway, stop = Gateway(settings, wall_ms), asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    try:
        yield gateway
        assert not task.done()
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def settings_for(tmp_path: Path, url: str, factory: RunningFactory, cell: str = "AMP", **fields: Any) -> GatewayConfig:
    return config(
        tmp_path / "spool.db",
        backend_url=url,
        machine=machine(factory.opcua_url, cell=cell),
        inspection_url=factory.stations[cell],
        **fields,
    )


@pytest.mark.req(88, 93, 95, 97, 102, 174)
async def test_a_command_becomes_a_job_and_the_job_evidence_in_order(tmp_path: Path, factory: RunningFactory) -> None:
    receiver, order = Receiver(), fresh(drilling_s="3")
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)) as gateway:
        receiver.start(order.to_wire())
        await until(lambda: kinds(receiver, order)[-1:] == ["production_finished"])
        assert gateway.spool.unbatched() == 0
        await until(lambda: gateway.spool.acked("s") == 7)
        assert gateway.inbox.open_jobs() == []
    assert kinds(receiver, order) == WHOLE
    assert [v.event.seq for v in receiver.believed] == list(range(1, 8))
    drilling = receiver.believed[3].event
    assert (drilling.station, drilling.mode, drilling.value["step"]) == ("amp-drilling", "simulation", "drilling")
    stamps = [v.event.at for v in receiver.believed]
    assert stamps == sorted(stamps)


async def test_several_jobs_follow_one_another(tmp_path: Path, factory: RunningFactory) -> None:
    receiver, orders = Receiver(), [fresh(), fresh("covers", inspection="without"), fresh()]
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)):
        for order in orders:
            receiver.start(order.to_wire())
        await until(lambda: all(kinds(receiver, o)[-1:] == ["production_finished"] for o in orders))
    assert kinds(receiver, orders[0]) == WHOLE
    assert "inspection_passed" not in kinds(receiver, orders[1])


@pytest.mark.req(55)
async def test_what_the_machine_cannot_do_is_refused_with_its_reason(tmp_path: Path, factory: RunningFactory) -> None:
    receiver, wrong, right = Receiver(), fresh("assembly"), fresh()
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)):
        receiver.start(wrong.to_wire())
        receiver.start(right.to_wire())
        await until(lambda: kinds(receiver, right)[-1:] == ["production_finished"])
    assert kinds(receiver, wrong) == ["job_refused"]
    refusal = next(v.event for v in receiver.believed if v.event.job == wrong.job_id)
    assert refusal.value["reason"] == "cannot accept the job order"


async def test_a_job_whose_id_the_machine_knows_with_other_content_is_refused(
    tmp_path: Path, factory: RunningFactory
) -> None:
    receiver, order = Receiver(), fresh()
    other = job_order(order.job_id, quantity=3)
    async with open_session(machine(factory.opcua_url)) as session:
        assert (await session.store_and_start(other)).accepted
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)):
        receiver.start(order.to_wire())
        await until(lambda: kinds(receiver, order) == ["job_refused"])


@pytest.mark.req(110)
async def test_a_failed_inspection_fails_the_job(tmp_path: Path, factory: RunningFactory) -> None:
    receiver, order, cell = Receiver(), fresh("assembly"), factory.cells["MF"]
    good = cell.settings
    cell.settings = replace(good, defect_per_mille=500)
    try:
        async with served(receiver) as url, running(settings_for(tmp_path, url, factory, "MF")):
            receiver.start(order.to_wire())
            await until(lambda: kinds(receiver, order)[-1:] == ["production_failed"])
    finally:
        cell.settings = good
    assert kinds(receiver, order)[-2:] == ["inspection_failed", "production_failed"]


async def test_a_silent_station_does_not_hold_the_job_for_ever(
    tmp_path: Path, factory: RunningFactory, unused_tcp_port: int
) -> None:
    receiver, order = Receiver(), fresh()
    async with served(receiver) as url:
        settings = config(
            tmp_path / "spool.db",
            backend_url=url,
            machine=machine(factory.opcua_url),
            inspection_url=f"socket://127.0.0.1:{unused_tcp_port}",
            inspection_deadline_s=0.5,
        )
        async with running(settings):
            receiver.start(order.to_wire())
            await until(lambda: kinds(receiver, order)[-1:] == ["production_failed"])
    assert kinds(receiver, order)[-2] == "inspection_failed"


async def test_a_job_is_aborted_on_command(tmp_path: Path, factory: RunningFactory) -> None:
    receiver, order = Receiver(), fresh(drilling_s="60")
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)):
        receiver.start(order.to_wire())
        await until(lambda: "production_started" in kinds(receiver, order))
        receiver.start(order.to_wire(), kind="abort")
        await until(lambda: kinds(receiver, order)[-1:] == ["production_failed"])


@pytest.mark.req(103, 104)
async def test_while_the_backend_is_away_evidence_waits_and_then_arrives_once(
    tmp_path: Path, factory: RunningFactory
) -> None:
    receiver, order = Receiver(), fresh()
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory)) as gateway:
        receiver.fault = lambda _: "before"
        receiver.start(order.to_wire())
        await until(lambda: gateway.spool.kind_of(order.job_id, "ended") is not None)
        assert receiver.believed == []
        receiver.fault = lambda _: ""
        await until(lambda: kinds(receiver, order) == WHOLE)


@pytest.mark.req(104)
async def test_a_machine_that_forgot_its_job_fails_it_and_does_not_start_it_again(tmp_path: Path) -> None:
    first = FactoryThread(speed=60)
    factory = first.start()
    port = int(factory.opcua_url.rsplit(":", 1)[1].split("/")[0])
    receiver, order = Receiver(), fresh(drilling_s="20")
    second = FactoryThread(opcua_port=port)
    async with served(receiver) as url, running(settings_for(tmp_path, url, factory, telemetry=True)):
        receiver.start(order.to_wire())
        await until(lambda: "production_started" in kinds(receiver, order))
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.start)
        try:
            await until(lambda: kinds(receiver, order)[-1:] == ["production_failed"])
            async with open_session(machine(factory.opcua_url)) as session:
                assert await session.job_list() == {}
            await until(lambda: any(lane == "t" for _, lane, _ in receiver.records))
        finally:
            await asyncio.to_thread(second.stop)
    assert receiver.believed[-1].event.value["reason"] == "the machine no longer knows the job"


async def spawn(tmp_path: Path, url: str, factory: RunningFactory) -> asyncio.subprocess.Process:
    """A gateway process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.shopfloor.integration.gateway_process",
        str(tmp_path / "spool.db"),
        url,
        factory.opcua_url,
        factory.stations["AMP"],
        cwd=ROOT,
    )


@pytest.mark.req(103, 104)
async def test_kill_9_in_the_middle_of_a_job_loses_and_doubles_nothing(tmp_path: Path) -> None:
    thread = FactoryThread(speed=100)
    factory = thread.start()
    receiver, order = Receiver(), fresh()
    moments = ["production_started", "operation_finished"]
    try:
        async with served(receiver) as url:
            receiver.start(order.to_wire())
            for moment in moments:
                process = await spawn(tmp_path, url, factory)
                await until(lambda m=moment: m in kinds(receiver, order), 20)  # type: ignore[misc]
                os.kill(process.pid, signal.SIGKILL)
                await process.wait()
                if moment == moments[0]:  # so it was killed in the middle; the second kill comes whenever it does
                    assert "production_finished" not in kinds(receiver, order)
            process = await spawn(tmp_path, url, factory)
            await until(lambda: kinds(receiver, order)[-1:] == ["production_finished"], 20)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 15) == 0
            async with open_session(machine(factory.opcua_url)) as session:
                jobs = await session.job_list()
    finally:
        await asyncio.to_thread(thread.stop)
    assert list(jobs) == [order.job_id]
    assert kinds(receiver, order) == WHOLE
    assert [v.event.seq for v in receiver.believed] == list(range(1, 8))
