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
    "lease": 0,
    "created_at": NOW,
}
SENT = {"key": "k", "signer": "0x01", "signer_key": "0x01", "nonce": 1, "at": NOW}
ATTEMPT = {"hash": "0x01", "key": "k", "number": 1, "raw": "0x02", "max_fee": 2, "tip": 1, "at": NOW}
COMMAND = {"gateway": "gw", "key": "k", "kind": "dispatch", "body": {}}
MESSAGE = row_of(tables.inbox_messages, message())
DEVICE = {"id": "d", "party_id": "p", "kind": "fcm", "endpoint": "e", "p256dh": "", "auth": ""}
SAID: dict[str, Any] = {
    "block_hash": "0x01",
    "log_index": 0,
    "block": 1,
    "transaction": "0x",
    "agreement_id": "0x",
    "name": "opened",
    "fields": {},
    "applied": False,
    "orphaned": False,
}
FREEZE = {"order_id": "ord_1", "block": 1, "reason": "fork", "at": NOW}
PERSON = {"id": "a", "email": "A@b", "email_key": "a@b", "display_name": "", "role": "customer", "password_hash": ""}

ENTRY = {
    "kind": "item",
    "id": "i",
    "party_id": "p",
    "words": "w",
    "body": {},
    "digest": "d",
    "changed_at": NOW,
}
FACET = {"entry": 1, "field": "f", "value": "v"}
COMPANY = {"id": "o", "name": "O", "kind": "supplier"}
CLIENT = {
    "id": "c",
    "organisation_id": "o",
    "account_id": "a",
    "name": "ERP",
    "kind": "partner",
    "scope": "read write",
    "redirect_uris": [],
    "secret_hash": "sha256:00",
    "former_secrets": [],
    "created_at": NOW,
}
CODE = {
    "code_hash": "sha256:01",
    "client_id": "c",
    "account_id": "a",
    "redirect_uri": "https://a.example/",
    "scope": "read",
    "challenge": "x",
    "expires_at": NOW,
    "forget_at": NOW,
}
DESIGN = {"digest": "0x01", "format": "svg", "size": 1, "facts": {}, "sketch": {}, "data": b"x"}
HOLDER = {"digest": "0x01", "account_id": "a", "at": NOW}
USED = {"digest": "0x01", "order_id": "ord_1"}

PLANTED = [
    (tables.oauth_clients, CLIENT, {}),
    (tables.oauth_clients, CLIENT, {"id": "d", "kind": "robot"}),
    (tables.oauth_clients, CLIENT, {"id": "d", "scope": "admin"}),
    (tables.oauth_clients, CLIENT, {"id": "d", "secret_hash": None}),
    (tables.oauth_clients, CLIENT, {"id": "d", "account_id": None}),
    (tables.oauth_clients, CLIENT, {"id": "d", "kind": "app"}),
    (tables.oauth_clients, CLIENT, {"id": "d", "organisation_id": "nowhere"}),
    (tables.oauth_codes, CODE, {}),
    (tables.oauth_codes, CODE, {"code_hash": "sha256:02", "scope": "admin"}),
    (tables.oauth_codes, CODE, {"code_hash": "sha256:02", "client_id": "nobody"}),
    (tables.oauth_codes, CODE, {"code_hash": "sha256:02", "account_id": "nobody"}),
    (tables.design_files, DESIGN, {}),
    (tables.design_files, DESIGN, {"digest": "0x02", "format": "exe"}),
    (tables.design_files, DESIGN, {"digest": "0x02", "size": 0}),
    (tables.design_files, DESIGN, {"digest": "0x02", "size": 5 * 2**20 + 1}),
    (tables.design_holders, HOLDER, {}),
    (tables.design_holders, HOLDER, {"digest": "0x02"}),
    (tables.design_holders, HOLDER, {"account_id": "nobody"}),
    (tables.order_designs, USED, {}),
    (tables.order_designs, USED, {"order_id": "nowhere"}),
    (tables.catalogue_entries, ENTRY, {}),
    (tables.catalogue_entries, ENTRY, {"id": "j", "kind": "idea"}),
    (tables.catalogue_facets, FACET, {}),
    (tables.catalogue_facets, FACET, {"entry": 9}),
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
    (tables.outbox, EFFECT, {"key": "l", "lease": -1}),
    (tables.chain_transactions, SENT, {"nonce": 2}),
    (tables.chain_transactions, SENT, {"key": "l"}),
    (tables.chain_transactions, SENT, {"key": "l", "nonce": 2, "outcome": "lost"}),
    (tables.chain_transactions, SENT, {"key": "l", "nonce": -1}),
    (tables.chain_attempts, ATTEMPT, {"number": 2}),
    (tables.chain_attempts, ATTEMPT, {"hash": "0x02"}),
    (tables.chain_attempts, ATTEMPT, {"hash": "0x02", "number": 0}),
    (tables.chain_attempts, ATTEMPT, {"hash": "0x02", "number": 2, "tip": 3}),
    (tables.chain_attempts, ATTEMPT, {"hash": "0x02", "number": 2, "tip": -1}),
    (tables.gateway_commands, COMMAND, {}),
    (tables.inbox_messages, MESSAGE, {}),
    (tables.devices, DEVICE, {"id": "d2"}),
    (tables.devices, DEVICE, {"endpoint": "f"}),
    (tables.devices, DEVICE, {"id": "d2", "endpoint": "f", "kind": "pigeon"}),
    (tables.chain_cursor, {"id": 1, "number": 1, "hash": "0x"}, {"id": 2}),
    (tables.chain_blocks, {"number": 1, "hash": "0x"}, {"hash": "0x02"}),
    (tables.chain_events, SAID, {"name": "delivered"}),
    (tables.chain_events, SAID, {"log_index": 1, "orphaned": True}),
    (tables.order_freezes, FREEZE, {"block": 2}),
    (tables.order_freezes, FREEZE, {"order_id": "nowhere"}),
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
    tables.oauth_clients: [(tables.organisations, COMPANY), (tables.accounts, PERSON)],
    tables.oauth_codes: [
        (tables.organisations, COMPANY),
        (tables.accounts, PERSON),
        (tables.oauth_clients, CLIENT),
    ],
    tables.design_holders: [(tables.design_files, DESIGN), (tables.accounts, PERSON)],
    tables.order_designs: [(tables.design_files, DESIGN), (tables.orders, ORDER)],
    tables.catalogue_facets: [(tables.catalogue_entries, ENTRY)],
    tables.order_freezes: [(tables.orders, ORDER)],
    tables.order_events: [(tables.orders, ORDER)],
    tables.agreements: [(tables.orders, ORDER)],
    tables.chain_attempts: [(tables.chain_transactions, SENT)],
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
    assert len(counting) >= 14
    assert all(table.dialect_kwargs.get("sqlite_autoincrement") for table in counting)
