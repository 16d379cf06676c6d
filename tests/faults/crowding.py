"""Many orders at once, written as rows: copies of a real one that came to its end before anybody signed.

They weigh what real ones weigh in a backup; the chain knows nothing of them, so they stand beside the real ones.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import psycopg
from psycopg.types.json import Json

from tests.faults.books import Database, Row, plain

FIRST_EVENTS = ("OrderPlaced", "OrderMatched", "OrderAccepted")
EFFECTS = ("find:1", "placed:1", "matched:2", "accepted:3", "draft:3", "OrderMatched:2:manufacturer")
JSON = {"configuration", "choices", "price", "excluded_suppliers", "supply_ids", "to_sign", "bench", "data"}
FRESH = {
    "status": "rejected",
    "version": 4,
    "delivery_id": None,
    "quote_digest": None,
    "firm_until": None,
    "firm_by": None,
    "waiting_reason": None,
    "done": 0,
    "of": 0,
    "step": "",
}


def crowd(url: str, order_id: str, count: int) -> None:
    """Write `count` rejected orders after the pattern of a real one."""
    database = Database(url)
    try:
        pattern = _pattern(database, order_id)
    finally:
        database.close()
    for table in ("orders", "order_events", "outbox", "inbox_messages"):
        _write(url, table, _copies(table, pattern[table], order_id, count))


def _pattern(database: Database, order_id: str) -> Mapping[str, list[Row]]:
    (order,) = database.rows(f"SELECT * FROM orders WHERE id = '{order_id}'")  # noqa: S608
    off = {"production_started": False, "handed_over": False, "accepted_by_customer": False}
    order |= FRESH | off | {"supply_ids": [], "to_sign": []}
    names = ", ".join(f"'{name}'" for name in FIRST_EVENTS)
    wanted = f"SELECT * FROM order_events WHERE order_id = '{order_id}' AND name IN ({names}) AND version < 4"  # noqa: S608
    events = database.rows(f"{wanted} ORDER BY version")
    assert [event["name"] for event in events] == list(FIRST_EVENTS), events
    events.append(events[-1] | {"version": 4, "name": "OrderRejected", "data": {"reason": "no time", "by": "maker"}})
    keys = ", ".join(f"'{key}'" for key in EFFECTS)
    effects = database.rows(f"SELECT * FROM outbox WHERE order_id = '{order_id}' AND key IN ({keys})")  # noqa: S608
    effects = [effect | {"status": "done", "finished_at": effect["created_at"], "reason": None} for effect in effects]
    messages = database.rows(f"SELECT * FROM inbox_messages WHERE order_id = '{order_id}' ORDER BY serial")[:2]  # noqa: S608
    return {"orders": [order], "order_events": events, "outbox": effects, "inbox_messages": messages}


def _copies(table: str, rows: list[Row], order_id: str, count: int) -> Iterator[Row]:
    for number in range(count):
        name = f"ord_crowd{number:019d}"
        for index, row in enumerate(rows):
            copy = {key: value for key, value in row.items() if key not in _counter(table)}
            if table == "orders":
                yield copy | {"id": name, "client_reference": f"crowd-{number}"}
            elif table == "inbox_messages":
                yield copy | {"id": f"{name}:{index}", "order_id": name}
            else:
                yield copy | {"order_id": name}
    assert order_id


def _counter(table: str) -> tuple[str, ...]:
    return {"order_events": ("id",), "outbox": ("id",), "inbox_messages": ("serial",)}.get(table, ())


def _write(url: str, table: str, rows: Iterator[Row]) -> None:
    first = next(rows, None)
    if first is None:
        return
    names = ", ".join(f'"{name}"' for name in first)
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)) as file:
            marks = ", ".join("?" * len(first))
            into = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
            file.execute(into, _texts(first))
            file.executemany(into, (_texts(row) for row in rows))
            file.commit()
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=False) as server:
        with server.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
            copy.write_row(_values(first))
            for row in rows:
                copy.write_row(_values(row))
        server.commit()


def _texts(row: Row) -> list[Any]:
    return [json.dumps(value) if isinstance(value, list | dict) else value for value in row.values()]


def _values(row: Row) -> list[Any]:
    return [
        Json(plain(value)) if isinstance(value, list | dict) or (name in JSON and value is not None) else value
        for name, value in row.items()
    ]
