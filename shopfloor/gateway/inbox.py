"""Commands from the backend, remembered before they are acted on; the cursor moves in the same transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shopfloor.gateway.store import Store
from shopfloor.protocols.isa95 import JobOrder
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_int, as_object, as_text


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that is not over: `state` is received or accepted; `abort` asks to stop it."""

    order: JobOrder
    state: str
    abort: bool


class Inbox:
    """The command side of the gateway's file. All methods block: call them in a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def cursor(self) -> int:
        """The highest command id that is stored: `after` of the next long poll."""
        rows = self._store.rows("SELECT value FROM meta WHERE key='cursor'")
        return int(rows[0][0]) if rows else 0

    def take(self, commands: Sequence[Any]) -> list[str]:
        """Store commands and move the cursor; gives why some were set aside. Re-delivery is harmless.

        Raises JsonRefused when a command has no id: then nothing is stored.
        """
        complaints = []
        with self._store.transaction():
            for raw in commands:
                command = as_object(raw, "command")
                command_id = as_int(command.get("id"), "id", 1, MAX_SAFE_INTEGER)
                try:
                    self._take_one(command_id, command)
                except JsonRefused as error:
                    # It can never be valid: refusing it for ever would hold back all that follow.
                    complaints.append(f"command {command_id}: {error}")
                    self._store.execute("INSERT OR IGNORE INTO rejected_command VALUES(?,?)", command_id, str(error))
                cursor = str(max(self.cursor, command_id))
                self._store.execute("INSERT OR REPLACE INTO meta VALUES('cursor', ?)", cursor)
        return complaints

    def _take_one(self, command_id: int, command: Any) -> None:
        kind = as_text(command.get("kind"), "kind", limit=32)
        if kind not in ("start", "abort"):
            raise JsonRefused("kind: start or abort is needed")
        order = JobOrder.from_wire(command.get("job"))
        if kind == "abort":
            self._store.execute("UPDATE job SET abort=1 WHERE job_id=?", order.job_id)
            return
        known = self._store.rows("SELECT content_hash FROM job WHERE job_id=?", order.job_id)
        if known and known[0][0] != order.content_hash:
            raise JsonRefused("job_id: known with other content")
        self._store.execute(
            "INSERT OR IGNORE INTO job(job_id, command_id, content, content_hash, state) VALUES(?,?,?,?,'received')",
            order.job_id,
            command_id,
            json.dumps(order.to_wire()),
            order.content_hash,
        )

    def open_jobs(self) -> list[OpenJob]:
        """Jobs received or accepted, in the order of their commands."""
        rows = self._store.rows(
            "SELECT content, state, abort FROM job WHERE state IN ('received','accepted') ORDER BY command_id"
        )
        return [OpenJob(JobOrder.from_wire(json.loads(r["content"])), r["state"], bool(r["abort"])) for r in rows]

    def rejected(self) -> list[tuple[int, str]]:
        """(command id, reason) of every command that was set aside."""
        return [(r[0], r[1]) for r in self._store.rows("SELECT * FROM rejected_command ORDER BY command_id")]
