"""One settled order so many times over: a database and a chain's answers, made from the situation's own rows and logs.

Every copy has salts, ids, addresses, blocks and transactions of its own, so its ids are the digests of its terms.
"""

import hashlib
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from bootstrap.doctor.abi import SHAPES
from bootstrap.doctor.examine import Question, examine
from bootstrap.doctor.terms import stored_terms, terms_id

TOPICS = {"0x" + topic.hex() for topic in SHAPES}
TABLES = ("orders", "order_events", "agreements", "outbox")


class Pattern:
    """The settled order as rows and logs, and how a copy of it differs."""

    def __init__(self, database: Path, logs: list[dict[str, Any]], order: str, chain_id: int, factory: str) -> None:
        with closing(sqlite3.connect(database)) as db:
            db.row_factory = sqlite3.Row
            column = {"orders": "id"}
            self.rows = {
                table: [
                    dict(row)
                    for row in db.execute(f"SELECT * FROM {table} WHERE {column.get(table, 'order_id')} = ?", [order])  # noqa: S608
                ]
                for table in TABLES
            }
            ids = [row["id"] for row in self.rows["agreements"]]
            marks = ",".join("?" * len(ids))
            wanted = f"SELECT * FROM chain_events WHERE agreement_id IN ({marks})"  # noqa: S608
            self.rows["chain_events"] = [dict(row) for row in db.execute(wanted, ids)]
        self.logs = [log | {"address": log["address"].lower()} for log in logs if log["topics"][1] in ids]
        self.order, self._chain = order, (chain_id, factory)
        self.heights = sorted({int(log["blockNumber"], 16) for log in self.logs})

    def copy(self, number: int) -> Mapping[str, str]:
        """Old words → new ones."""
        words = {self.order: f"ord_{number:024d}"}
        for row in sorted(self.rows["agreements"], key=lambda row: row["kind"]):
            terms = json.loads(row["terms"])
            words[terms["salt"]] = _hash(terms["salt"], number)
            words[row["address"]] = _hash(row["address"], number)[:42]
            changed = json.loads(replaced(row["terms"], words))
            words[row["id"]] = terms_id(stored_terms(changed).words, *self._chain)
        for log in self.logs:
            words.setdefault(log["transactionHash"], _hash(log["transactionHash"], number))
        return words

    def height(self, number: int, old: int) -> int:
        """The block of a copy's log."""
        return 1_000 + number * len(self.heights) + self.heights.index(old)

    def logs_of(self, number: int) -> Iterator[dict[str, Any]]:
        """The logs of a copy."""
        words = {old.removeprefix("0x"): new.removeprefix("0x") for old, new in self.copy(number).items()}
        for log in json.loads(replaced(json.dumps(self.logs), words)):
            height = self.height(number, int(log["blockNumber"], 16))
            yield log | {"blockNumber": hex(height), "blockHash": block_hash(height)}


def replaced(text: str, words: Mapping[str, str]) -> str:
    """The text with other words."""
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def block_hash(height: int) -> str:
    """A block's hash."""
    return f"0x{height:064x}"


def _hash(*parts: object) -> str:
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


def fill(pattern: Pattern, database: Path, count: int) -> int:
    """Replace all orders of a database by copies; the last block."""
    last = pattern.height(count - 1, pattern.heights[-1])
    with closing(sqlite3.connect(database)) as db:
        own = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        names = [row[0] for row in db.execute(own)]
        for name in names:
            if name not in ("alembic_version", "chain_cursor") and not name.startswith("sqlite_"):
                db.execute(f"DELETE FROM {name}")  # noqa: S608
        mark = (last, block_hash(last))
        db.execute("UPDATE chain_cursor SET number=?, hash=?, final_number=?, final_hash=?, genesis=NULL", mark * 2)
        for number in range(count):
            words = pattern.copy(number)
            for table, rows in pattern.rows.items():
                for row in rows:
                    _insert(db, table, {key: _word(value, words) for key, value in row.items()}, pattern, number)
        db.commit()
    return last


def _word(value: Any, words: Mapping[str, str]) -> Any:
    return replaced(value, words) if isinstance(value, str) else value


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any], pattern: Pattern, number: int) -> None:
    for counter in {"order_events": ("id",), "outbox": ("id",), "agreements": ("serial",)}.get(table, ()):
        del row[counter]
    if table == "chain_events":
        height = pattern.height(number, row["block"])
        row |= {"block": height, "block_hash": block_hash(height)}
    marks = ",".join("?" * len(row))
    columns = ",".join(f'"{name}"' for name in row)
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))  # noqa: S608


def transport(pattern: Pattern, count: int, last: int, fee_receiver: str) -> httpx.MockTransport:
    """A node that knows the copies' chain; every contract is empty, as a settled one is."""

    def answer(method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(31337)
            case "eth_getBlockByNumber":
                height = last if params[0] == "latest" else int(params[0], 16)
                return {"number": hex(height), "hash": block_hash(height), "timestamp": "0x1"}
            case "eth_getLogs":
                first, end = (int(params[0][key], 16) for key in ("fromBlock", "toBlock"))
                span = len(pattern.heights)
                copies = range(max(0, (first - 1_000) // span), min(count, (end - 1_000) // span + 1))
                found = (log for number in copies for log in pattern.logs_of(number))
                return [log for log in found if first <= int(log["blockNumber"], 16) <= end]
            case "eth_call":
                return fee_receiver if len(params[0]["data"]) == 10 else "0x" + "0" * 64
        raise AssertionError(method)

    def handle(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        many = asked if isinstance(asked, list) else [asked]
        told = [{"jsonrpc": "2.0", "id": one["id"], "result": answer(one["method"], one["params"])} for one in many]
        return httpx.Response(200, content=json.dumps(told if isinstance(asked, list) else told[0]))

    return httpx.MockTransport(handle)


def main() -> None:
    """`python -m tests.bootstrap.doctor.many FILE`: look at what the file describes; figures as JSON."""
    given = json.loads(Path(sys.argv[1]).read_text())
    pattern = Pattern(Path(given["pattern"]), given["logs"], given["order"], 31337, given["factory"])
    last = pattern.height(given["count"] - 1, pattern.heights[-1])
    question = Question(
        database=f"sqlite:///{given['database']}",
        rpc="http://node.example",
        factory=given["factory"],
        chain_id=31337,
        start_block=1_000,
        now=given["now"],
    )
    began = time.monotonic()
    report = examine(question, transport=transport(pattern, given["count"], last, given["fee_receiver"]))
    figures = {
        "exit": report.exit,
        "orders": report.orders,
        "events": report.events,
        "seconds": round(time.monotonic() - began, 2),
        "peak_mb": _peak_mb(),
        "findings": [one.what for one in report.findings[:3]],
    }
    print(json.dumps(figures))


def _peak_mb() -> int:
    """Of this process alone: what getrusage says outlives an exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def prepare(folder: Path, situation: Any, logs: list[dict[str, Any]], count: int) -> Path:
    """Database and description of so many orders in a folder; `logs` are all of the situation's chain."""
    database = Path(shutil.copy(situation.database, folder / f"{count}.db"))
    pattern = Pattern(situation.database, logs, situation.orders["settled"], 31337, situation.book.factory)
    fill(pattern, database, count)
    described = {
        "pattern": str(situation.database),
        "database": str(database),
        "logs": logs,
        "order": pattern.order,
        "factory": situation.book.factory,
        "count": count,
        "now": situation.now,
        "fee_receiver": _fee_receiver(pattern),
    }
    path = folder / f"{count}.json"
    path.write_text(json.dumps(described))
    return path


def _fee_receiver(pattern: Pattern) -> str:
    payouts = [one for row in pattern.rows["agreements"] for one in json.loads(row["payouts"])]
    return "0x" + next(one["address"] for one in payouts if one["party"] == "fee")[2:].rjust(64, "0")


if __name__ == "__main__":
    main()
