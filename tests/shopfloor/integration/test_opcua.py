"""The OPC UA client against the real simulator: logins, ReturnStatus, idempotence, loss and return."""

import asyncio
import uuid
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client

from shopfloor.protocols.isa95 import ExecutionMode, JobOrder, JobResult, JobState, ReturnStatus
from shopfloor.protocols.job_list import JobRecord
from shopfloor.protocols.opcua import (
    CertificateRefused,
    CredentialsRefused,
    MachineOffline,
    MachineSession,
    MachineUnsuitable,
    Security,
    keep_session,
    open_session,
)
from tests.shopfloor.integration.certificates import make_certificate
from tests.shopfloor.integration.conftest import FactoryThread, RunningFactory
from tests.shopfloor.worlds import PASSWORD, USER, job_order, machine, until

pytestmark = pytest.mark.integration


def fresh(operation: str = "bases", **options: str) -> JobOrder:
    return job_order(f"job-{uuid.uuid4().hex[:12]}", operation, **options)


async def followed(session: MachineSession, job_id: str) -> list[JobRecord]:
    """Every state of the job that the subscription showed, to its end."""
    seen: list[JobRecord] = []
    async with asyncio.timeout(15):
        while not seen or not seen[-1].over:
            update = await session.next_update()
            if update.jobs and job_id in update.jobs:
                seen.append(update.jobs[job_id])
    return seen


@pytest.mark.req(94)
async def test_the_right_credentials_open_a_session(factory: RunningFactory) -> None:
    async with open_session(machine(factory.opcua_url)) as session:
        assert session.mode is ExecutionMode.SIMULATION
        assert (await session.next_update()).resync


@pytest.mark.req(94)
@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("stranger", PASSWORD), (USER, ""), ("", "")])
async def test_wrong_credentials_are_told_apart_from_offline(factory: RunningFactory, user: str, password: str) -> None:
    with pytest.raises(CredentialsRefused):
        async with open_session(machine(factory.opcua_url, user=user, password=password)):
            pytest.fail("a session opened")


async def test_nobody_there_is_offline(unused_tcp_port: int) -> None:
    with pytest.raises(MachineOffline):
        async with open_session(machine(f"opc.tcp://127.0.0.1:{unused_tcp_port}/factory")):
            pytest.fail("a session opened")


async def test_somebody_who_never_answers_is_offline_and_leaves_no_socket() -> None:
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/factory"
    try:
        with pytest.raises(MachineOffline):
            async with open_session(machine(url, connect_timeout_s=0.5)):
                pytest.fail("a session opened")
        await asyncio.wait_for(gone.wait(), 2)
    finally:
        server.close()


async def test_a_machine_that_stays_away_is_one_line_in_the_log(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = machine(f"opc.tcp://127.0.0.1:{unused_tcp_port}/factory", backoff_min_s=0.02, backoff_max_s=0.05)

    async def serve(_: MachineSession) -> None:
        pytest.fail("a session opened")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keep_session(settings, serve), 0.6)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("shopfloor")]
    assert lines == ["AMP: MachineOffline: ConnectionRefusedError"]


async def test_a_server_without_our_cell_never_will_do(factory: RunningFactory) -> None:
    with pytest.raises(MachineUnsuitable):
        async with open_session(machine(factory.opcua_url, cell="LATHE-7")):
            pytest.fail("a session opened")


@pytest.mark.req(11)
async def test_a_password_does_not_cross_a_network_in_the_clear() -> None:
    with pytest.raises(CertificateRefused):
        async with open_session(machine("opc.tcp://192.0.2.1:4840/factory")):
            pytest.fail("a session opened")


@pytest.mark.req(94, 108)
async def test_return_status_round_trip_with_its_bits(factory: RunningFactory) -> None:
    order = fresh(inspection="complete")
    async with open_session(machine(factory.opcua_url)) as session:
        assert (await session.store_and_start(order)).bits == 1
        assert (await session.store_and_start(order)).bits == 1
        other = job_order(order.job_id, quantity=41)
        assert (await session.store_and_start(other)).bits == ReturnStatus.INVALID_REQUEST
        assert (await session.store_and_start(fresh("assembly"))).bits == ReturnStatus.CANNOT_ACCEPT
        assert (await session.abort("nobody")).bits == ReturnStatus.UNKNOWN_ID
        assert list(await session.job_list()).count(order.job_id) == 1


async def test_the_high_level_call_would_lose_the_bits(factory: RunningFactory) -> None:
    """Why the client builds the CallMethodRequest itself: asyncua's own call raises on Uncertain."""
    client = Client(factory.opcua_url)
    client.set_user(USER)
    client.set_password(PASSWORD)
    async with client:
        index = await client.get_namespace_index("http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/")
        cell = await client.nodes.objects.get_child(ua.QualifiedName("AMP", index))  # type: ignore[arg-type]
        with pytest.raises(ua.UaStatusCodeError):
            await cell.call_method(f"{index}:Abort", "nobody")


@pytest.mark.req(70, 88, 94)
async def test_a_whole_job_shows_its_steps_in_order(factory: RunningFactory) -> None:
    order = fresh("assembly", pressing="with", inspection="functional")
    async with open_session(machine(factory.opcua_url, cell="MF")) as session:
        assert (await session.store_and_start(order)).accepted
        seen = await followed(session, order.job_id)
    assert [r.state for r in seen] == sorted(r.state for r in seen)
    end = seen[-1]
    assert (end.state, end.result) == (JobState.ENDED, JobResult.SUCCESSFUL)
    assert [s.name for s in end.steps] == ["kitting", "assembling", "pressing", "inspection"]
    assert [s.index for s in end.steps] == [1, 2, 3, 4]


async def test_a_client_writes_no_variable(factory: RunningFactory) -> None:
    async with open_session(machine(factory.opcua_url)) as session:
        with pytest.raises(ua.UaStatusCodeError):
            await session.nodes["JobOrderList"].write_value("[]")


async def test_an_oversized_request_does_not_reach_the_cell(factory: RunningFactory) -> None:
    big = job_order("job-big", **{f"p{i}": "x" * 128 for i in range(64)})
    async with open_session(machine(factory.opcua_url)) as session:
        assert (await session.store_and_start(big)).bits in (1, ReturnStatus.INVALID_REQUEST)
        with pytest.raises((MachineOffline, MachineUnsuitable)):
            await session._call("Abort", "x" * 3_000_000)
    async with open_session(machine(factory.opcua_url)) as session:
        assert await session.job_list()


@pytest.mark.req(104, 105)
async def test_after_a_restart_the_session_is_back_with_gap_and_resync() -> None:
    first = FactoryThread()
    running = first.start()
    port = int(running.opcua_url.rsplit(":", 1)[1].split("/")[0])
    gaps: list[float | None] = []
    resyncs: list[bool] = []

    async def serve(session: MachineSession) -> None:
        gaps.append(session.gap.seconds if session.gap else None)
        resyncs.append((await session.next_update()).resync)
        while True:
            await session.next_update()

    task = asyncio.create_task(keep_session(machine(running.opcua_url), serve))
    second = FactoryThread(opcua_port=port)
    try:
        await until(lambda: len(resyncs) == 1)
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.start)
        await until(lambda: len(resyncs) == 2)
        await asyncio.to_thread(second.stop)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert gaps[0] is None
    assert gaps[1] is not None
    assert 0 < gaps[1] < 20
    assert resyncs == [True, True]


@pytest.mark.req(11)
async def test_with_certificates_the_trusted_server_is_taken_and_a_stranger_is_not(tmp_path: Path) -> None:
    server = make_certificate(tmp_path, "server", "urn:lotsizeone:factory", server=True)
    ours = make_certificate(tmp_path, "gateway", "urn:lotsizeone:gateway", server=False)
    thread = FactoryThread(certificate=server)
    running = thread.start()
    try:
        for trusted, refused in ((server, False), (ours, True)):  # a folder that trusts only somebody else
            folder = tmp_path / f"trust-{trusted[0].stem}"
            folder.mkdir()
            (folder / trusted[0].name).write_bytes(trusted[0].read_bytes())
            security = Security(*ours, trusted=folder, application_uri="urn:lotsizeone:gateway")
            settings = machine(running.opcua_url, security=security)
            if refused:
                with pytest.raises(CertificateRefused):
                    async with open_session(settings):
                        pytest.fail("a stranger was trusted")
            else:
                async with open_session(settings) as session:
                    assert await session.job_list() == {}
    finally:
        await asyncio.to_thread(thread.stop)
