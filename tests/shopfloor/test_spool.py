"""The spool: identity, restart, crash, acknowledgement per lane, corruption."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

from shopfloor.gateway.batches import SignedBatch, parse_record
from shopfloor.gateway.evidence import MalformedEvent
from shopfloor.gateway.inbox import Inbox
from shopfloor.gateway.signing import Domain
from shopfloor.gateway.spool import AckRefused, Spool
from shopfloor.gateway.store import SpoolBusy, SpoolWriteFailed, Store
from shopfloor.strict_json import JsonRefused
from tests.shopfloor.worlds import DOMAIN, FACTORY_ADDRESS, KEY, draft, fill, job_order, open_spool


def bodies(spool: Spool) -> list[str]:
    return [r.body for r in spool.records("s", 1, 10_000)]


@pytest.mark.req(103)
def test_identity_and_chain_continue_over_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    fill(spool, 3)
    epoch = spool.epoch
    spool.store.close()
    again = open_spool(tmp_path / "spool.db")
    event = again.append(draft("production_finished"), once="end", domain=DOMAIN)
    assert event is not None
    assert (again.epoch, event.seq) == (epoch, 4)
    third = parse_record(bodies(again)[2])
    assert event.prev == "0x" + third.payload_hash.hex()  # type: ignore[union-attr]
    again.close_batches(KEY)
    first, second = again.pending_batches(max_records=1_000)
    assert (second.sequence, second.previous) == (2, first.root)


def test_the_same_event_is_written_once(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    assert spool.append(draft(), once="a", domain=DOMAIN) is not None
    assert spool.append(draft(value={"other": "1"}), once="a", domain=DOMAIN) is None
    assert spool.append(draft(job="job-2"), once="a", domain=DOMAIN) is not None
    assert len(bodies(spool)) == 2


def test_an_invalid_event_takes_no_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    with pytest.raises(MalformedEvent):
        spool.append(draft("bribe_paid"), once="a", domain=DOMAIN)
    event = spool.append(draft(), once="a", domain=DOMAIN)
    assert event is not None
    assert event.seq == 1


def test_a_batch_holds_at_most_256_and_one_domain(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    for number in range(258):
        spool.append(draft(), once=f"e{number}", domain=DOMAIN)
    spool.append(draft(), once="other", domain=Domain(1, FACTORY_ADDRESS))
    assert [(b.first, b.last) for b in spool.close_batches(KEY)] == [(1, 256), (257, 258), (259, 259)]
    assert spool.unbatched() == 0
    assert spool.close_batches(KEY) == []
    assert len(spool.pending_batches(max_records=300)) == 3
    assert len(spool.pending_batches(max_records=1)) == 1


def test_lanes_are_acknowledged_apart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    fill(spool, 4)
    for number in range(3):
        spool.note("gap", 1, {"n": str(number)})
    spool.ack("t", 2)
    assert (spool.acked("s"), spool.acked("t")) == (0, 2)
    assert len(bodies(spool)) == 4
    spool.ack("s", 4)
    spool.ack("s", 1)
    assert spool.acked("s") == 4
    assert spool.pending_batches(max_records=10) == []
    assert len(bodies(spool)) == 4  # kept for a backend that was restored
    for lane, seq in (("s", 5), ("x", 1), ("t", -1)):
        with pytest.raises(AckRefused):
            spool.ack(lane, seq)


def test_the_note_lane_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db", telemetry_cap=4)
    for number in range(20):
        spool.note("sample", 1, {"n": str(number)})
    rows = [json.loads(r.body) for r in spool.records("t", 1, 100)]
    assert len(rows) == 4
    assert rows[0]["kind"] == "gap"
    assert (rows[0]["value"]["from"], rows[0]["value"]["to"]) == ("1", "17")
    assert [r["seq"] for r in rows] == [17, 18, 19, 20]


def test_quarantine_keeps_the_bytes_and_sends_a_tombstone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    fill(spool, 3)
    before = bodies(spool)
    spool.quarantine(2, "refused with 422")
    spool.quarantine(2, "again")
    after = bodies(spool)
    assert (after[0], after[2]) == (before[0], before[2])
    assert json.loads(after[1])["kind"] == "tombstone"
    assert spool.quarantined() == [(2, "refused with 422")]
    kept = spool.store.rows("SELECT body FROM quarantine")
    assert kept[0][0] == before[1]


@pytest.mark.req(103, 104)
@pytest.mark.parametrize("damage", ["noise", "page"])
def test_a_corrupt_file_is_set_aside_and_a_new_epoch_begins(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path)
    fill(spool, 200)
    epoch = spool.epoch
    spool.store.close()
    content = bytearray(path.read_bytes())
    if damage == "noise":
        content[:4_096] = b"not a database".ljust(4_096)
    else:
        for offset in range(8_192, len(content), 4_096):
            content[offset : offset + 64] = b"\xff" * 64
    path.write_bytes(content)
    again = open_spool(path)
    assert again.store.set_aside == tmp_path / "spool.db.corrupt-1"
    assert again.store.set_aside.exists()
    assert again.epoch != epoch
    assert bodies(again) == []


def test_a_sound_file_is_not_set_aside(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool.db").store.close()
    assert open_spool(tmp_path / "spool.db").store.set_aside is None


def test_two_gateways_cannot_share_a_spool(tmp_path: Path) -> None:
    first = Store(tmp_path / "spool.db")
    first.rows("SELECT * FROM meta")
    with pytest.raises(SpoolBusy):
        Store(tmp_path / "spool.db")
    first.close()
    Store(tmp_path / "spool.db").close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")

    def half_a_job() -> None:
        with spool.store.transaction():
            spool.append(draft(), once="a", domain=DOMAIN)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_a_job()
    assert bodies(spool) == []
    spool.store.close()
    with pytest.raises(SpoolWriteFailed):
        spool.append(draft(), once="a", domain=DOMAIN)


WRITER = """
    import sys
    from pathlib import Path
    from tests.shopfloor.worlds import DOMAIN, KEY, draft, open_spool
    spool = open_spool(Path(sys.argv[1]))
    start = spool.store.rows("SELECT next_seq FROM lane WHERE lane='s'")[0][0]
    for number in range(start, 100_000):
        event = spool.append(draft(), once=f"e{number}", domain=DOMAIN)
        if number % 7 == 0:
            spool.close_batches(KEY)
        print(event.seq, flush=True)  # said only after the commit
"""


@pytest.mark.req(103)
def test_kill_9_while_writing_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path, promised = tmp_path / "spool.db", 0
    root = Path(__file__).parent.parent.parent
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(40):
                promised = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait(10)
    spool = open_spool(path)
    assert spool.store.set_aside is None
    spool.close_batches(KEY)
    stored = spool.records("s", 1, 100_000, limit=100_000)
    assert [r.seq for r in stored] == list(range(1, len(stored) + 1))
    assert len(stored) >= promised >= 120
    heads = "0x" + "5c" * 32
    for record in stored:
        event = parse_record(record.body)
        assert event.prev == heads
        heads = "0x" + event.payload_hash.hex()  # type: ignore[union-attr]
    batches = [SignedBatch(**dict(r)) for r in spool.store.rows("SELECT * FROM batch ORDER BY first")]
    assert [b.sequence for b in batches] == list(range(1, len(batches) + 1))
    assert all(b.first == a.last + 1 for a, b in pairwise(batches))


def test_synchronous_is_full_and_the_journal_is_wal(tmp_path: Path) -> None:
    store = Store(tmp_path / "spool.db")
    assert store.rows("PRAGMA synchronous")[0][0] == 2
    assert store.rows("PRAGMA journal_mode")[0][0] == "wal"


@pytest.mark.req(55)
def test_commands_are_remembered_once_with_their_cursor(tmp_path: Path) -> None:
    store = Store(tmp_path / "spool.db")
    inbox = Inbox(store)
    start = {"id": 5, "kind": "start", "job": job_order("job-1").to_wire()}
    assert inbox.take([start, {"id": 6, "kind": "start", "job": job_order("job-2").to_wire()}]) == []
    assert inbox.take([start]) == []
    assert inbox.cursor == 6
    assert [j.order.job_id for j in inbox.open_jobs()] == ["job-1", "job-2"]
    inbox.take([{"id": 7, "kind": "abort", "job": job_order("job-2").to_wire()}])
    assert [j.abort for j in inbox.open_jobs()] == [False, True]
    store.close()
    assert Inbox(Store(tmp_path / "spool.db")).cursor == 7


@pytest.mark.req(42)
def test_a_command_that_can_never_be_valid_is_set_aside(tmp_path: Path) -> None:
    inbox = Inbox(Store(tmp_path / "spool.db"))
    good = job_order().to_wire()
    bad: list[dict[str, object]] = [
        {"id": 1, "kind": "explode", "job": good},
        {"id": 2, "kind": "start", "job": {**good, "quantity": 0}},
        {"id": 3, "kind": "start", "job": {**good, "agreement": "0x00"}},
        {"id": 4, "kind": "start"},
        {"id": 5, "kind": "start", "job": good},
        {"id": 6, "kind": "start", "job": {**good, "quantity": 41}},
    ]
    assert len(inbox.take(bad)) == 5
    assert [command for command, _ in inbox.rejected()] == [1, 2, 3, 4, 6]
    assert [j.order.quantity for j in inbox.open_jobs()] == [40]
    assert inbox.cursor == 6
    for nonsense in ({"kind": "start"}, {"id": "7"}, 7):
        with pytest.raises(JsonRefused):
            inbox.take([nonsense])
    assert inbox.cursor == 6


def test_nobody_else_writes_while_we_hold_the_spool(tmp_path: Path) -> None:
    store = Store(tmp_path / "spool.db")
    intruder = sqlite3.connect(tmp_path / "spool.db", timeout=0.1)
    try:
        with pytest.raises(sqlite3.OperationalError):
            intruder.execute("DELETE FROM meta")
    finally:
        intruder.close()
    store.close()


def test_no_event_is_stamped_before_the_one_it_follows(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    stamps = [spool.append(draft(at=at), once=str(at), domain=DOMAIN) for at in (2_000, 1_000, 3_000)]
    assert [event.at for event in stamps if event] == [2_000, 2_000, 3_000]
