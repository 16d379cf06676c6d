"""Uploads that are believed, forged ones, and genuine ones that are no evidence. No socket is opened."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from marketplace.domain.production import JobState
from shopfloor.gateway.batches import bury
from shopfloor.gateway.signing import Domain
from tests.shopfloor.ingesting import JOBS, STRANGER, Backend, Machine, open_backend, refused, started
from tests.shopfloor.worlds import CHAIN_ID, FACTORY_ADDRESS

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.req(102, 103)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_signed_upload_is_acknowledged_and_moves_its_job(backend: Backend, packed: bool) -> None:
    machine = started()
    machine.say("operation_finished", value={"step": "drilling", "index": "1", "of": "2", "duration_ms": "3000"})
    machine.close()
    answer = await backend.post(machine.upload(), packed=packed)
    assert (answer.status_code, answer.json()) == (200, {"ack": {"s": 3}})
    assert (await backend.states())[JOBS[0]] is JobState.RUNNING


@pytest.mark.req(103)
async def test_a_repeat_is_harmless(backend: Backend) -> None:
    machine = Machine()
    machine.whole_job(JOBS[0], "operation_finished", final="true", step="bases")
    machine.whole_job(JOBS[1], "production_finished")
    machine.close()
    for _ in range(3):
        assert (await backend.post(machine.upload())).json() == {"ack": {"s": 6}}
    assert [await backend.rows(table) for table in ("production_events", "production_batches")] == [6, 1]
    assert await backend.claims() == ["600"]
    # An answer was lost: the gateway sends the old batch together with a new one.
    machine.say("production_paused", job=JOBS[1])
    machine.close()
    assert (await backend.post(machine.upload())).json() == {"ack": {"s": 7}}
    assert await backend.rows("production_batches") == 2


@pytest.mark.req(103, 105)
async def test_what_piled_up_costs_hardly_more_questions_than_a_little(backend: Backend) -> None:
    """Else a gateway that was offline for an hour would never be done before its request is cut off."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(backend.database._engines.write.sync_engine, "before_cursor_execute", note)
    machine, questions = started(), []
    for steps in (1, 100):
        for _ in range(steps):
            machine.say("operation_finished", value={"step": "drilling", "index": "1", "of": "2"})
        machine.close()
        asked.clear()
        assert (await backend.post(machine.upload())).status_code == 200
        questions.append(len(asked))
    assert questions[1] < questions[0] + 10, questions


@pytest.mark.req(87)
async def test_other_bytes_under_a_known_number_are_a_conflict(backend: Backend) -> None:
    assert (await backend.post(started().upload())).status_code == 200
    altered = Machine()
    altered.say("job_accepted", station="another-1")
    altered.say()
    altered.close()
    await refused(backend, altered.upload(), 409, "other bytes")


@pytest.mark.req(87)
async def test_a_second_batch_under_a_known_number_is_a_conflict(backend: Backend) -> None:
    machine = started()
    assert (await backend.post(machine.upload())).status_code == 200
    machine.say("production_paused")
    machine.close(sequence=1)
    await refused(backend, machine.upload(batches=machine.batches[1:]), 409, "Batch 1")


@pytest.mark.req(87)
@pytest.mark.parametrize("changes", [{"sequence": 3}, {"previous": "0x" + "77" * 32}, {"sequence": 9}])
async def test_batches_are_numbered_without_a_gap(backend: Backend, changes: dict[str, Any]) -> None:
    machine = started()
    assert (await backend.post(machine.upload())).status_code == 200
    machine.say("production_paused")
    machine.close(**changes)
    number = machine.batches[1]["sequence"]
    await refused(backend, machine.upload(), 422, f"batches.{number}")
    # The control: the same events under the number and root that follow are taken.
    machine.batches.pop()
    machine.close()
    assert (await backend.post(machine.upload())).json() == {"ack": {"s": 3}}


@pytest.mark.parametrize("changes", [{"sequence": 2}, {"previous": "0x" + "77" * 32}])
async def test_the_first_batch_is_number_one_after_nothing(backend: Backend, changes: dict[str, Any]) -> None:
    machine = Machine()
    machine.say()
    machine.close(**changes)
    await refused(backend, machine.upload(), 422, "batches.")


async def test_a_batch_left_out_is_missed(backend: Backend) -> None:
    machine = started()
    for kind in ("production_paused", "production_started"):
        machine.say(kind)
        machine.close()
    await refused(backend, machine.upload(batches=[machine.batches[0], machine.batches[2]]), 422, "batches.3")


@pytest.mark.req(13, 87)
async def test_what_is_not_signed_yet_is_kept_and_moves_nothing(backend: Backend) -> None:
    machine = started()
    unsigned = machine.upload(batches=[])
    assert (await backend.post(unsigned)).json() == {"ack": {"s": 2}}
    assert (await backend.states())[JOBS[0]] is JobState.WAITING
    assert (await backend.post(machine.upload())).json() == {"ack": {"s": 2}}
    assert (await backend.states())[JOBS[0]] is JobState.RUNNING


async def test_a_new_epoch_counts_from_one(backend: Backend) -> None:
    old = started()
    assert (await backend.post(old.upload())).status_code == 200
    fresh = Machine(epoch="e2")
    fresh.say("job_accepted", job=JOBS[1], prev="0x" + old.events[-1].payload_hash.hex())
    fresh.close()
    assert (await backend.post(fresh.upload())).json() == {"ack": {"s": 1}}


class TestForgery:
    """Somebody holds the gateway's password but not its key, or the key of another gateway."""

    @pytest.mark.req(13)
    async def test_nobody_uploads_without_signing_in(self, backend: Backend) -> None:
        answer = await backend.post(started().upload(), token="nobody")
        assert answer.status_code == 401

    async def test_another_gateways_upload(self, backend: Backend) -> None:
        await refused(backend, started().upload(gateway=STRANGER.address), 403)
        other = Machine(STRANGER)
        other.say()
        other.close()
        await refused(backend, other.upload(), 403)
        await refused(backend, other.upload(gateway=started().key.address), 422, "records.1")

    async def test_another_gateways_job(self, backend: Backend) -> None:
        machine = Machine()
        machine.say(job="job-foreign", agreement="0x" + "b2" * 32)
        machine.close()
        await refused(backend, machine.upload(), 403, "job-foreign")

    async def test_a_job_that_nobody_ordered(self, backend: Backend) -> None:
        machine = Machine()
        machine.say(job="job-none")
        machine.close()
        await refused(backend, machine.upload(), 403)

    @pytest.mark.parametrize("field", ["agreement", "spec"])
    async def test_another_agreement_or_specification_than_the_jobs(self, backend: Backend, field: str) -> None:
        machine = Machine()
        machine.say(**{field: "0x" + "d4" * 32})
        machine.close()
        await refused(backend, machine.upload(), 422, "records.1")

    async def test_another_key(self, backend: Backend) -> None:
        machine = Machine()
        machine.say()
        machine.close(STRANGER)
        await refused(backend, machine.upload(), 422, "another key")

    async def test_another_chain(self, backend: Backend) -> None:
        for domain in (Domain(CHAIN_ID + 1, FACTORY_ADDRESS), Domain(CHAIN_ID, "0x" + "11" * 20)):
            machine = Machine()
            machine.say()
            machine.close(domain=domain)
            await refused(backend, machine.upload(), 422, "another key")

    async def test_a_signature_turned_over(self, backend: Backend) -> None:
        machine = started()
        signed = machine.batches[0]["signature"]
        s, v = int(signed[66:130], 16), int(signed[130:], 16)
        machine.batches[0]["signature"] = signed[:66] + f"{ORDER - s:064x}{27 + 28 - v:02x}"
        await refused(backend, machine.upload(), 422, "batches.1")

    async def test_a_root_over_other_records(self, backend: Backend) -> None:
        machine = started()
        machine.batches[0]["root"] = "0x" + "99" * 32
        await refused(backend, machine.upload(), 422, "the root")

    async def test_an_event_exchanged_after_signing(self, backend: Backend) -> None:
        machine, other = started(), Machine()
        other.say("job_accepted")
        other.say(station="another-1")
        await refused(backend, machine.upload(records=other.upload()["records"]), 422, "the root")

    async def test_records_left_out_of_their_batch(self, backend: Backend) -> None:
        machine = started()
        await refused(backend, machine.upload(records=machine.upload()["records"][:1]), 422, "not in this upload")

    async def test_a_broken_chain(self, backend: Backend) -> None:
        machine = Machine()
        machine.say("job_accepted")
        machine.say(prev="0x" + "77" * 32)
        machine.close()
        await refused(backend, machine.upload(), 422, "records.2.prev")

    async def test_an_event_dropped_from_the_middle(self, backend: Backend) -> None:
        first = Machine()
        first.say("job_accepted")
        gap = Machine()
        gap.say(prev="0x" + first.events[0].payload_hash.hex())
        gap.close()
        await refused(backend, gap.upload(), 422, "records.1.prev")


class TestTrust:
    """Genuine, and still no evidence."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"mode": "simulation"},
            {"mode": "test"},
            {"quality": "uncertain"},
            {"quality": "bad"},
            {"reported_by": "person"},
        ],
    )
    async def test_only_good_events_of_machines_in_production_count(
        self, backend: Backend, fields: dict[str, str]
    ) -> None:
        machine = Machine()
        machine.say(**fields)
        machine.close()
        await refused(backend, machine.upload(), 422, "records.1")

    async def test_a_simulation_counts_where_that_is_allowed(self, ingest_template: Path, tmp_path: Path) -> None:
        async with open_backend(ingest_template, tmp_path, modes=("production", "simulation")) as backend:
            machine = Machine()
            machine.say(mode="simulation")
            machine.close()
            assert (await backend.post(machine.upload())).status_code == 200
            machine.say("production_paused", mode="test")
            machine.close()
            await refused(backend, machine.upload(), 422, "mode test")

    async def test_a_withheld_event_needs_an_operator(self, backend: Backend) -> None:
        machine = started()
        records = machine.upload()["records"]
        records[0] = {"seq": 1, "event": bury(machine.events[0]).canonical().decode()}
        await refused(backend, machine.upload(records=records), 422, "operator")

    @pytest.mark.parametrize("value", ["x", "-1", "1.5", "٣", "1e3", "99999999999", ""])
    async def test_a_step_that_is_no_number(self, backend: Backend, value: str) -> None:
        machine = Machine()
        machine.say("operation_finished", value={"step": "drilling", "index": value, "of": "2"})
        machine.close()
        await refused(backend, machine.upload(), 422, "records.1.value.index")


@pytest.mark.req(78, 80)
class TestTwoOperations:
    """A supply of two operations is proved by the end of both."""

    async def test_the_end_of_the_first_proves_nothing(self, backend: Backend) -> None:
        machine = Machine()
        machine.whole_job(JOBS[0], "operation_finished", final="true", step="bases")
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert (await backend.states())[JOBS[0]] is JobState.ENDED
        assert await backend.claims() == []
        machine.whole_job(JOBS[1], "production_finished")
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert await backend.claims() == ["600"]

    async def test_the_end_of_the_last_alone_proves_nothing_either(self, backend: Backend) -> None:
        machine = Machine()
        machine.whole_job(JOBS[1], "production_finished")
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert await backend.claims() == []
        machine.whole_job(JOBS[0], "operation_finished", final="true", step="bases")
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert await backend.claims() == ["600"]

    async def test_a_failed_operation_is_not_made_good_by_another_ones_end(self, backend: Backend) -> None:
        machine = Machine()
        machine.whole_job(JOBS[0], "production_failed")
        machine.whole_job(JOBS[1], "production_finished")
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert await backend.states() == {JOBS[0]: JobState.FAILED, JOBS[1]: JobState.ENDED}
        assert await backend.claims() == []

    async def test_a_step_is_not_an_end(self, backend: Backend) -> None:
        machine = Machine()
        machine.say(job=JOBS[0])
        machine.say("operation_finished", job=JOBS[0], value={"step": "drilling", "index": "1", "of": "3"})
        machine.close()
        assert (await backend.post(machine.upload())).status_code == 200
        assert (await backend.states())[JOBS[0]] is JobState.RUNNING
