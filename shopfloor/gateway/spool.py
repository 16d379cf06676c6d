"""Store and forward: records of lanes `s` (evidence, never dropped) and `t` (notes, oldest dropped at a cap).

Identity is (gateway, epoch, lane, seq). A record is on disk before anybody acts on it, a batch is on disk before
it is sent, and each lane has its own acknowledgement: one cumulative number over two lanes would delete unsent rows.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import rfc8785

from shopfloor.gateway.batches import MAX_BATCH, NO_ROOT, SignedBatch, bury, sign_batch
from shopfloor.gateway.evidence import Draft, EvidenceEvent, parse_event, place
from shopfloor.gateway.signing import Domain, GatewayKey
from shopfloor.gateway.store import Store

RETAINED_RECORDS = 100_000  # acknowledged rows kept back for a backend restored from an old backup


class AckRefused(ValueError):
    """The backend acknowledges more than was ever written: it is not our backend, or it lost its mind."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a lane: `body` is the exact text that is sent."""

    seq: int
    body: str


class Spool:
    """The evidence side of the gateway's file. All methods block (fsync): call them in a thread."""

    def __init__(
        self,
        store: Store,
        gateway: str,
        *,
        telemetry_cap: int = 100_000,
        salt: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> None:
        """`gateway` is the attestor's address, lower case; `telemetry_cap` the rows lane t may hold."""
        self.store = store
        self.gateway = gateway
        self._cap = telemetry_cap
        self._salt = salt

    @property
    def epoch(self) -> str:
        """Names this file's life; a new file has a new one."""
        return self.store.epoch

    def append(self, draft: Draft, *, once: str, domain: Domain, job_state: str | None = None) -> EvidenceEvent | None:
        """Commit one event to lane s, and the job's new state with it.

        `once` names the event within its job: a second call with the same (job, once) writes nothing and gives None.
        No event is stamped before the one it follows, whatever two clocks say.
        """
        with self.store.transaction():
            if job_state is not None:
                self.store.execute("UPDATE job SET state=? WHERE job_id=?", job_state, draft.job)
            if self.store.rows("SELECT 1 FROM record WHERE job=? AND what=?", draft.job, once):
                return None
            head = self.store.rows("SELECT hash, at FROM head WHERE agreement=?", draft.agreement)
            event = place(
                replace(draft, at=max(draft.at, head[0]["at"])) if head else draft,
                gateway=self.gateway,
                epoch=self.epoch,
                lane="s",
                seq=self._next("s"),
                salt=self._salt(),
                prev=str(head[0]["hash"]) if head else draft.spec,
            )
            self._insert_event(event, once, domain)
            self.store.execute(
                "INSERT OR REPLACE INTO head VALUES(?,?,?)",
                event.agreement,
                "0x" + event.payload_hash.hex(),
                event.at,
            )
            return event

    def kind_of(self, job: str, once: str) -> str | None:
        """The kind of the recorded event `once` of `job`, or None."""
        rows = self.store.rows("SELECT kind FROM record WHERE job=? AND what=?", job, once)
        return str(rows[0][0]) if rows else None

    def note(self, kind: str, at_ms: int, value: dict[str, str]) -> int:
        """Commit one note to lane t and give its seq; beyond the cap the oldest are dropped, leaving a `gap`."""
        with self.store.transaction():
            seq = self._next("t")
            body = self._note_body(seq, kind, at_ms, value)
            self._insert("t", seq, body)
            surplus = self.store.rows("SELECT COUNT(*) FROM record WHERE lane='t'")[0][0] - self._cap
            if surplus > 0:
                self._drop_oldest(surplus + 1, at_ms)  # one more: the gap takes a row itself
            return seq

    def _drop_oldest(self, count: int, at_ms: int) -> None:
        doomed = self.store.rows("SELECT seq, body FROM record WHERE lane='t' ORDER BY seq LIMIT ?", count)
        last = int(doomed[-1]["seq"])
        start = str(doomed[0]["seq"])
        if '"kind":"gap"' in doomed[0]["body"]:  # it grows: one gap tells of all that was dropped
            start = doomed[0]["body"].split('"from":"')[1].split('"')[0]
        self.store.execute("DELETE FROM record WHERE lane='t' AND seq<?", last)
        value = {"from": start, "to": str(last), "reason": "telemetry cap"}
        gap = self._note_body(last, "gap", at_ms, value)
        self.store.execute("UPDATE record SET body=? WHERE lane='t' AND seq=?", gap, last)

    def _note_body(self, seq: int, kind: str, at_ms: int, value: dict[str, str]) -> str:
        note: dict[str, Any] = {
            "v": 1,
            "gateway": self.gateway,
            "epoch": self.epoch,
            "lane": "t",
            "seq": seq,
            "kind": kind,
            "at": at_ms,
            "value": dict(value),
        }
        return rfc8785.dumps(note).decode()

    def _next(self, lane: str) -> int:
        seq = int(self.store.rows("SELECT next_seq FROM lane WHERE lane=?", lane)[0][0])
        self.store.execute("UPDATE lane SET next_seq=? WHERE lane=?", seq + 1, lane)
        return seq

    def _insert(self, lane: str, seq: int, body: str) -> None:
        self.store.execute("INSERT INTO record VALUES(?,?,'','','','',0,'',?,x'')", lane, seq, body)

    def _insert_event(self, event: EvidenceEvent, once: str, domain: Domain) -> None:
        self.store.execute(
            "INSERT INTO record VALUES('s',?,?,?,?,?,?,?,?,?)",
            event.seq,
            event.job,
            once,
            event.kind,
            event.agreement,
            domain.chain_id,
            domain.factory,
            event.canonical().decode(),
            event.leaf,
        )

    def close_batches(self, key: GatewayKey) -> list[SignedBatch]:
        """Sign what is recorded in lane s and not yet in a batch; one batch names one EIP-712 domain."""
        closed = []
        while batch := self._close_one(key):
            closed.append(batch)
        return closed

    def _close_one(self, key: GatewayKey) -> SignedBatch | None:
        with self.store.transaction():
            last = self.store.rows("SELECT last, root, sequence FROM batch ORDER BY last DESC LIMIT 1")
            after, previous, sequence = (last[0][0], last[0][1], last[0][2] + 1) if last else (0, NO_ROOT, 1)
            rows = self.store.rows(
                "SELECT seq, leaf, chain_id, factory FROM record WHERE lane='s' AND seq>? ORDER BY seq LIMIT ?",
                after,
                MAX_BATCH,
            )
            if not rows:
                return None
            domain = Domain(rows[0]["chain_id"], rows[0]["factory"])
            leaves = []
            for row in rows:
                if (row["chain_id"], row["factory"]) != (domain.chain_id, domain.factory):
                    break
                leaves.append(bytes(row["leaf"]))
            batch = sign_batch(key, domain, first=rows[0]["seq"], leaves=leaves, sequence=sequence, previous=previous)
            self.store.execute(
                "INSERT INTO batch VALUES(?,?,?,?,?,?)",
                batch.first,
                batch.last,
                batch.root,
                batch.sequence,
                batch.previous,
                batch.signature,
            )
            return batch

    def unbatched(self) -> int:
        """How many records of lane s wait for their batch."""
        covered = self.store.rows("SELECT COALESCE(MAX(last), 0) FROM batch")[0][0]
        next_seq = self.store.rows("SELECT next_seq FROM lane WHERE lane='s'")[0][0]
        return int(next_seq - 1 - covered)

    def pending_batches(self, *, max_records: int) -> list[SignedBatch]:
        """Batches of lane s that are not acknowledged, oldest first: at least one, then up to `max_records`."""
        acked = self.acked("s")
        found: list[SignedBatch] = []
        for row in self.store.rows("SELECT * FROM batch WHERE last>? ORDER BY first LIMIT 64", acked):
            batch = SignedBatch(**dict(row))
            if found and batch.last - found[0].first + 1 > max_records:
                break
            found.append(batch)
        return found

    def records(self, lane: str, first: int, last: int, *, limit: int = 1_000) -> list[Record]:
        """The rows first..last of `lane`, at most `limit`."""
        rows = self.store.rows(
            "SELECT seq, body FROM record WHERE lane=? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            lane,
            first,
            last,
            limit,
        )
        return [Record(row["seq"], row["body"]) for row in rows]

    def acked(self, lane: str) -> int:
        """The highest acknowledged seq of `lane`, 0 at first."""
        return int(self.store.rows("SELECT acked FROM lane WHERE lane=?", lane)[0][0])

    def ack(self, lane: str, seq: int) -> None:
        """The backend holds `lane` up to `seq`; never moves back. Raises AckRefused."""
        with self.store.transaction():
            rows = self.store.rows("SELECT next_seq, acked FROM lane WHERE lane=?", lane)
            if not rows or not 0 <= seq < rows[0]["next_seq"]:
                raise AckRefused("the acknowledgement is beyond what was written")
            if seq <= rows[0]["acked"]:
                return
            self.store.execute("UPDATE lane SET acked=? WHERE lane=?", seq, lane)
            keep_from = seq - (RETAINED_RECORDS if lane == "s" else 0)
            self.store.execute("DELETE FROM record WHERE lane=? AND seq<=?", lane, keep_from)

    def quarantine(self, seq: int, reason: str) -> None:
        """Set the event `seq` of lane s aside: its tombstone is sent instead, its bytes stay here."""
        with self.store.transaction():
            body = self.records("s", seq, seq)[0].body
            kept = self.store.execute("INSERT OR IGNORE INTO quarantine VALUES('s',?,?,?)", seq, body, reason[:200])
            if kept:
                stone = bury(parse_event(body)).canonical().decode()
                self.store.execute("UPDATE record SET body=? WHERE lane='s' AND seq=?", stone, seq)

    def restore(self, seq: int) -> None:
        """Undo `quarantine`: the event itself is sent again."""
        with self.store.transaction():
            self.store.execute(
                "UPDATE record SET body=(SELECT body FROM quarantine WHERE lane='s' AND seq=?1) "
                "WHERE lane='s' AND seq=?1 AND EXISTS(SELECT 1 FROM quarantine WHERE lane='s' AND seq=?1)",
                seq,
            )
            self.store.execute("DELETE FROM quarantine WHERE lane='s' AND seq=?", seq)

    def quarantined(self) -> list[tuple[int, str]]:
        """(seq, reason) of every event of lane s that the backend would not take."""
        return [(r["seq"], r["reason"]) for r in self.store.rows("SELECT seq, reason FROM quarantine ORDER BY seq")]
