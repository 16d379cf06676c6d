"""The database guards the domain's rules itself: rows that no code of ours would write are refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Table, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.persistence import tables
from marketplace.persistence.database import Database
from marketplace.persistence.engines import open_engines
from marketplace.persistence.mapping import agreement_row, row_of
from tests.persistence.samples import NOW, agreement, batch, floor_event, job, message, placing

ORDER = row_of(tables.orders, placing().order)
EVENT = {"order_id": "ord_1", "version": 1, "name": "OrderPlaced", "data": {}, "at": NOW}
EFFECT = {
    "order_id": "ord_1",
    "kind": "notify",
    "key": "k",
    "subject": "",
    "detail": "",
    "due": NOW,
    "status": "waiting",
    "attempts": 0,
}
SENT = {"key": "k", "signer": "0x01", "signer_key": "0x01", "nonce": 1}
COMMAND = {"gateway": "gw", "key": "k", "kind": "dispatch", "body": {}}
MESSAGE = row_of(tables.inbox_messages, message())
DEVICE = {"id": "d", "party_id": "p", "kind": "fcm", "endpoint": "e", "p256dh": "", "auth": ""}
LOG = {"block_hash": "0x01", "log_index": 0}
PERSON = {"id": "a", "email": "A@b", "email_key": "a@b", "display_name": "", "role": "customer", "password_hash": ""}

PLANTED = [
    (tables.orders, ORDER, {"id": "ord_2", "status": "eaten"}),
    (tables.orders, ORDER, {"id": "ord_2", "version": 0}),
    (tables.orders, ORDER, {"id": "ord_2", "amount": 0}),
    (tables.orders, ORDER, {"id": "ord_2", "customer_id": None}),
    (tables.orders, ORDER, {}),
    (tables.order_events, EVENT, {}),
    (tables.order_events, EVENT, {"order_id": "nowhere"}),
    (tables.agreements, agreement_row(agreement()), {"id": "agr_2", "status": "paid"}),
    (tables.agreements, agreement_row(agreement()), {"id": "agr_2", "kind": 3}),
    (tables.agreements, agreement_row(agreement()), {"id": "agr_2", "order_id": "nowhere"}),
    (tables.jobs, row_of(tables.jobs, job()), {"id": "job_2", "state": "lost"}),
    (tables.outbox, EFFECT, {}),
    (tables.outbox, EFFECT, {"key": "l", "status": "forgotten"}),
    (tables.chain_transactions, SENT, {"nonce": 2}),
    (tables.chain_transactions, SENT, {"key": "l"}),
    (tables.chain_transactions, SENT, {"key": "l", "nonce": 2, "outcome": "lost"}),
    (tables.chain_transactions, SENT, {"key": "l", "nonce": -1}),
    (tables.chain_transactions, SENT, {"key": "l", "nonce": 2, "raw": "0x"}),
    (tables.gateway_commands, COMMAND, {}),
    (tables.inbox_messages, MESSAGE, {}),
    (tables.devices, DEVICE, {"id": "d2"}),
    (tables.devices, DEVICE, {"endpoint": "f"}),
    (tables.devices, DEVICE, {"id": "d2", "endpoint": "f", "kind": "pigeon"}),
    (tables.chain_logs, LOG, {}),
    (tables.chain_cursor, {"id": 1, "number": 1, "hash": "0x"}, {"id": 2}),
    (tables.accounts, PERSON, {"id": "b"}),
    (tables.accounts, PERSON, {"id": "b", "email_key": "b@b", "role": "king"}),
    (tables.accounts, PERSON, {"id": "b", "email_key": "b@b", "organisation_id": "nowhere"}),
    (tables.production_events, row_of(tables.production_events, floor_event()), {"body": "other"}),
    (tables.production_events, row_of(tables.production_events, floor_event()), {"seq": 0}),
    (tables.production_events, row_of(tables.production_events, floor_event()), {"seq": 2, "code": 65_536}),
    (tables.production_batches, row_of(tables.production_batches, batch(1, 2)), {"first": 9}),
    (tables.production_batches, row_of(tables.production_batches, batch(1, 2)), {"sequence": 2}),
    (tables.production_batches, row_of(tables.production_batches, batch(1, 2)), {"sequence": 2, "first": 3}),
]
"""(table, a row that is fine, what makes another row wrong)"""

PARENTS = {
    tables.order_events: [(tables.orders, ORDER)],
    tables.agreements: [(tables.orders, ORDER)],
    tables.jobs: [(tables.orders, ORDER), (tables.agreements, agreement_row(agreement()))],
}


@pytest.fixture
async def engine(db: Database, url: str) -> AsyncIterator[AsyncEngine]:
    """Raw access beside the repositories."""
    engines = open_engines(url)
    yield engines.write
    await engines.dispose()


async def plant(engine: AsyncEngine, table: Table, row: dict[str, Any]) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(table).values(row))


@pytest.mark.req(12)
@pytest.mark.parametrize(
    ("table", "good", "change"), PLANTED, ids=lambda part: part.name if isinstance(part, Table) else str(part)[:40]
)
async def test_a_planted_row_is_refused(
    engine: AsyncEngine, table: Table, good: dict[str, Any], change: dict[str, Any]
) -> None:
    for parent, row in PARENTS.get(table, []):
        await plant(engine, parent, row)
    await plant(engine, table, good)
    with pytest.raises(IntegrityError):
        await plant(engine, table, good | change)


async def test_a_status_cannot_be_changed_to_nonsense_either(engine: AsyncEngine) -> None:
    await plant(engine, tables.orders, ORDER)
    with pytest.raises(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(update(tables.orders).values(status="eaten"))


async def test_row_counters_are_never_used_again(engine: AsyncEngine) -> None:
    """A tailer that remembers the last id would miss a row that took a deleted row's id."""
    await plant(engine, tables.gateway_commands, COMMAND)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM gateway_commands"))
        again = insert(tables.gateway_commands).values(COMMAND).returning(tables.gateway_commands.c.id)
        assert await connection.scalar(again) == 2


def test_counted_tables_say_so() -> None:
    """Negative control of the test above: every table that counts its rows does so without reuse."""
    counting = [
        table
        for table in tables.metadata.tables.values()
        if any(key.autoincrement is True for key in table.primary_key)
    ]
    assert len(counting) == 14
    assert all(table.dialect_kwargs.get("sqlite_autoincrement") for table in counting)
