"""What only a server with many writers can get wrong."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from marketplace.domain.errors import Conflict
from marketplace.persistence.engines import open_engines
from marketplace.persistence.repositories import events as event_rows
from marketplace.persistence.tables import order_events
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import StoreUnavailable, Transaction
from tests.persistence.databases import opened
from tests.persistence.samples import NOW, agreement, effect, placing

pytestmark = pytest.mark.integration


async def save(tx: Transaction, order_id: str = "ord_1") -> None:
    decision = placing(order_id)
    await tx.orders.save(decision.order, decision.events, (), NOW)


async def write(uow: SqlUnitOfWork, order_id: str) -> None:
    async with uow.write() as tx:
        await save(tx, order_id)


async def tail(uow: SqlUnitOfWork, wanted: int) -> list[int]:
    """What a tailer sees that goes on from the last id it saw."""
    seen = [0]
    async with asyncio.timeout(20):
        while len(seen) <= wanted:
            async with uow.read() as tx:
                seen += [stored.id for stored in await tx.orders.all_events(seen[-1], 100)]
            await asyncio.sleep(0.002)
    return seen[1:]


async def test_a_tailer_misses_no_event_of_busy_writers(postgresql_url: str) -> None:
    async with opened(postgresql_url) as writing, opened(postgresql_url) as reading:
        tailer = asyncio.create_task(tail(reading.unit_of_work(), 120))
        await asyncio.gather(*(write(writing.unit_of_work(), f"ord_{number}") for number in range(120)))
        seen = await tailer
    assert len(seen) == 120
    assert seen == sorted(seen)


async def slow_commit(url: str, order_id: str, drawn: asyncio.Event, commit: asyncio.Event) -> None:
    """A transaction that has drawn its event's id and commits when it is told to."""
    async with opened(url) as database, database.unit_of_work().write() as tx:
        await save(tx, order_id)
        await tx.orders.last_event_id()
        drawn.set()
        await commit.wait()


async def overtaking(url: str) -> list[int]:
    """The ids a tailer sees while a slow transaction holds the first id and a quick one tries to pass it."""
    drawn, commit = asyncio.Event(), asyncio.Event()
    async with opened(url) as database:
        uow = database.unit_of_work()
        slow = asyncio.create_task(slow_commit(url, "ord_slow", drawn, commit))
        await drawn.wait()
        quick = asyncio.create_task(write(uow, "ord_quick"))
        await asyncio.sleep(0.3)
        async with uow.read() as tx:
            before = [stored.id for stored in await tx.orders.all_events(0, 10)]
        commit.set()
        await asyncio.gather(slow, quick)
        async with uow.read() as tx:
            after = [stored.id for stored in await tx.orders.all_events(before[-1] if before else 0, 10)]
    return before + after


async def test_a_quick_writer_cannot_overtake_a_slow_one(postgresql_url: str) -> None:
    assert await overtaking(postgresql_url) == [1, 2]


async def test_without_the_lock_the_tailer_would_miss_one(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the event that committed late is never seen."""

    async def no_lock(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(event_rows, "serialise", no_lock)
    monkeypatch.setattr(event_rows, "LOCK_AND_INSERT", insert(order_events))
    assert await overtaking(postgresql_url) == [2]


@pytest.mark.req(54, 174)
async def test_relays_claim_side_by_side_and_never_the_same(postgresql_url: str) -> None:
    async with opened(postgresql_url) as one, opened(postgresql_url) as two:
        units = [one.unit_of_work(), two.unit_of_work()]
        async with units[0].write() as tx:
            await tx.outbox.add("ord_1", [effect(f"k{number}") for number in range(50)], NOW)
        async with units[0].write() as first, units[1].write() as second:
            # Both transactions are open: the second passes by what the first has locked and does not wait.
            async with asyncio.timeout(5):
                mine = await first.outbox.claim(NOW, 30, 20)
                yours = await second.outbox.claim(NOW, 30, 20)
        rest = [claim(units[number % 2]) for number in range(4)]
        claimed = [stored.id for part in (mine, yours, *await asyncio.gather(*rest)) for stored in part]
    assert len(claimed) == len(set(claimed)) == 50


async def claim(uow: SqlUnitOfWork) -> list[object]:
    async with uow.write() as tx:
        return list(await tx.outbox.claim(NOW + timedelta(seconds=1), 30, 20))


async def test_two_who_hold_what_the_other_wants_end_in_a_conflict(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        uow = database.unit_of_work()
        async with uow.write() as tx:
            await save(tx)
            await tx.agreements.save(agreement())
        both = asyncio.Barrier(2)

        async def cross(*, order_first: bool) -> None:
            async with uow.write() as tx:
                steps = [lambda: tx.orders.get("ord_1"), lambda: tx.agreements.get("agr_1")]
                first, second = steps if order_first else reversed(steps)
                await first()
                await both.wait()
                await second()

        async with asyncio.timeout(20):
            crossed = [cross(order_first=True), cross(order_first=False)]
            answers = await asyncio.gather(*crossed, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "NoneType"]
    assert any(isinstance(answer, Conflict) for answer in answers)


async def test_a_lost_race_is_told_inside_the_transaction_already(postgresql_url: str) -> None:
    """Whoever catches errors there must not take it for a fault of the order that was at hand, and freeze that."""
    deadlock = text("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$")
    ended = text("DO $$ BEGIN RAISE EXCEPTION 'shutting down' USING ERRCODE = '57P01'; END $$")
    wrong = text("SELECT 1 / 0")
    async with opened(postgresql_url) as database:
        for statement, meant in ((deadlock, Conflict), (ended, StoreUnavailable), (wrong, DBAPIError)):
            async with database._engines.write.connect() as connection:
                with pytest.raises(meant):
                    await connection.execute(statement)


async def test_a_row_that_is_read_to_be_replaced_is_held(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parties sign one agreement at the same time: without holding the row one signature would be lost."""
    async with opened(postgresql_url) as database:
        uow = database.unit_of_work()
        async with uow.write() as tx:
            await save(tx)
        assert await signatures_kept(uow) == 2
        monkeypatch.setattr("marketplace.persistence.statements.reads_only", lambda _: True)
        assert await signatures_kept(uow) == 1


async def signatures_kept(uow: SqlUnitOfWork) -> int:
    """How many of two signatures survive when both sides read, pause and save."""
    async with uow.write() as tx:
        await tx.agreements.save(agreement(payer_signature=None, payee_signature=None))

    async def sign(side: str) -> None:
        async with uow.write() as tx:
            found = await tx.agreements.get("agr_1")
            assert found is not None
            await asyncio.sleep(0.2)
            await tx.agreements.save(replace(found, **{side: "0x01"}))

    await asyncio.gather(sign("payer_signature"), sign("payee_signature"))
    async with uow.read() as tx:
        found = await tx.agreements.get("agr_1")
    assert found is not None
    return [found.payer_signature, found.payee_signature].count("0x01")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with opened("postgresql+psycopg://postgres@127.0.0.1:9/nothing") as database:
        with pytest.raises(StoreUnavailable):
            async with database.unit_of_work().read():
                pass
        with pytest.raises(StoreUnavailable):
            await database.chain_transactions().find("k")


async def test_a_connection_that_broke_is_unavailable_and_the_next_one_works(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        uow = database.unit_of_work()
        with pytest.raises(StoreUnavailable):
            await write_through_a_cut(uow, postgresql_url)
        await write(uow, "ord_2")
        async with uow.read() as tx:
            assert await tx.orders.get("ord_1") is None


async def write_through_a_cut(uow: SqlUnitOfWork, url: str) -> None:
    """The connection breaks in the middle of a transaction."""
    async with uow.write() as tx:
        await save(tx)
        await cut(url)
        await tx.orders.get("ord_1")


async def cut(url: str) -> None:
    """End the other connections to this database of ours."""
    engines = open_engines(url)
    ours = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        async with engines.write.begin() as connection:
            await connection.execute(ours)
    finally:
        await engines.dispose()


async def test_limits_are_set_on_every_connection(postgresql_url: str) -> None:
    engines = open_engines(postgresql_url, lock_timeout_s=7)
    wanted = {"lock_timeout": "7s", "statement_timeout": "1min", "idle_in_transaction_session_timeout": "1min"}
    try:
        async with engines.write.begin() as connection:
            assert {name: await connection.scalar(text(f"SHOW {name}")) for name in wanted} == wanted
        async with engines.read.begin() as connection:
            assert await connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"
            assert await connection.scalar(text("SHOW transaction_read_only")) == "on"
        async with engines.write.begin() as connection:
            assert await connection.scalar(text("SHOW transaction_isolation")) == "read committed"
            assert await connection.scalar(text("SHOW transaction_read_only")) == "off"
    finally:
        await engines.dispose()
