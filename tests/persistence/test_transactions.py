"""All or nothing, one view for a reader, one writer after the other, and errors that say whether to try again."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from marketplace.domain.errors import Conflict
from marketplace.persistence.database import Database
from marketplace.persistence.engines import UnknownDatabase
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import StoreUnavailable, Transaction
from tests.persistence.databases import opened
from tests.persistence.samples import NOW, account, effect, message, placing


async def save(tx: Transaction, order_id: str = "ord_1") -> None:
    decision = placing(order_id)
    await tx.orders.save(decision.order, decision.events, decision.effects, NOW)


class Crash(Exception):
    """Something went wrong after everything was written."""


async def crash(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await save(tx)
        await tx.inbox.add(message())
        await tx.outbox.add("ord_1", [effect()], NOW)
        raise Crash


@pytest.mark.req(12, 129)
async def test_an_exception_leaves_nothing_behind(uow: SqlUnitOfWork) -> None:
    with pytest.raises(Crash):
        await crash(uow)
    async with uow.read() as tx:
        assert await tx.orders.get("ord_1") is None
        assert await tx.orders.last_event_id() == 0
        assert await tx.inbox.get("msg_1") is None
        assert await tx.outbox.next_due() is None


@pytest.mark.req(12, 157)
async def test_everything_is_there_after_a_restart(url: str) -> None:
    async with opened(url) as database:
        async with database.unit_of_work().write() as tx:
            await save(tx)
            await tx.parties.add_account(account())
        await database.chain_transactions().reserve(["k"], "0x01", 3, NOW)
        await database.gateway_commands().append("gw", "k", "dispatch", {})
    async with opened(url) as database:
        await database.migrate()
        async with database.unit_of_work().read() as tx:
            assert await tx.orders.get("ord_1") == placing().order
            assert await tx.orders.last_event_id() == 1
            assert await tx.parties.account("acc_customer") == account()
            assert await tx.outbox.next_due() == NOW
        (next_one,) = await database.chain_transactions().reserve(["l"], "0x01", 0, NOW)
        assert next_one.nonce == 4
        assert len(await database.gateway_commands().after("gw", 0, 10)) == 1


async def test_nothing_can_be_written_while_reading(uow: SqlUnitOfWork) -> None:
    async with uow.read() as tx:
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await tx.inbox.add(message())


async def test_a_reader_keeps_its_view(uow: SqlUnitOfWork) -> None:
    async with uow.read() as reader:
        assert await reader.orders.last_event_id() == 0
        async with uow.write() as writer:
            await save(writer)
        assert await reader.orders.last_event_id() == 0
    async with uow.read() as reader:
        assert await reader.orders.last_event_id() == 1


async def test_a_glance_sees_what_is_committed_at_each_moment(uow: SqlUnitOfWork) -> None:
    async with uow.glance() as looking:
        assert await looking.orders.last_event_id() == 0
        async with uow.write() as writer:
            await save(writer)
        assert await looking.orders.last_event_id() == 1
        assert await looking.orders.changed_at("ord_1") == NOW
        assert await looking.orders.changed_at("ord_2") is None


async def test_a_transaction_knows_what_it_has_written(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await save(tx)
        assert await tx.orders.get("ord_1") == placing().order
        assert await tx.orders.changed_at("ord_1") == NOW
    async with uow.write() as tx:
        order = await tx.orders.get("ord_1")
        assert order is not None
        await tx.orders.save(replace(order, done=order.done + 1), (), (), NOW)
        assert (await tx.orders.get("ord_1")) == replace(order, done=order.done + 1)


async def test_concurrent_changes_of_one_row_lose_nothing(url: str) -> None:
    """Read, change, replace, from two databases' pools: each sees what the one before it wrote."""
    async with opened(url) as one, opened(url) as two:
        units = (one.unit_of_work(), two.unit_of_work())
        async with units[0].write() as tx:
            await save(tx)

        async def step(uow: SqlUnitOfWork) -> None:
            async with uow.write() as tx:
                order = await tx.orders.get("ord_1")
                assert order is not None
                await tx.orders.save(replace(order, done=order.done + 1), (), (), NOW)

        await asyncio.gather(*(step(units[number % 2]) for number in range(24)))
        async with units[1].read() as tx:
            order = await tx.orders.get("ord_1")
    assert order is not None
    assert order.done == 24


async def test_a_cancelled_writer_gives_way(uow: SqlUnitOfWork) -> None:
    inside = asyncio.Event()

    async def linger() -> None:
        async with uow.write() as tx:
            await save(tx)
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(linger())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), uow.write() as tx:
        assert await tx.orders.get("ord_1") is None
        await save(tx)


async def test_writers_that_are_cancelled_anywhere_leave_no_lock(db: Database, uow: SqlUnitOfWork) -> None:
    """A statement that gives rows back, cancelled between them, once kept SQLite's only lock until its cursor died."""
    draw = random.Random(3)

    async def write(number: int) -> None:
        async with uow.write() as tx:
            await tx.outbox.add(f"ord_{number}", [effect()], NOW)
            await tx.outbox.claim(NOW, 30.0, 5)

    kept: list[BaseException | None] = []  # as a traceback may be kept that holds the cursor
    for number in range(60):
        task = asyncio.create_task(write(number))
        await asyncio.sleep(draw.random() * 0.01)
        task.cancel()
        kept += await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(10):
            await write(-number - 1)
    assert any(isinstance(end, asyncio.CancelledError) for end in kept)


async def test_a_writer_waits_for_its_turn_no_longer_than_allowed(url: str) -> None:
    patient, hurried = Database(url), Database(url, lock_timeout_s=1)
    try:
        async with patient.unit_of_work().write() as tx:
            await save(tx)
            with pytest.raises(StoreUnavailable):
                async with asyncio.timeout(10), hurried.unit_of_work().write() as other:
                    await save(other)
        with pytest.raises(Conflict):
            async with hurried.unit_of_work().write() as other:
                await save(other)
    finally:
        await patient.close()
        await hurried.close()


async def test_more_writers_than_connections_take_turns(uow: SqlUnitOfWork) -> None:
    async def write(number: int) -> None:
        async with uow.write() as tx:
            await save(tx, f"ord_{number:02}")

    await asyncio.gather(*(write(number) for number in range(40)))
    async with uow.read() as tx:
        everything = await tx.orders.all_events(0, 100)
    assert [stored.id for stored in everything] == list(range(1, 41))


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "mysql://root@localhost/x", "no url", ""],
)
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(UnknownDatabase, match="sqlite"):
        Database(url)


def test_a_missing_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UnknownDatabase, match="folder"):
        Database(f"sqlite:///{tmp_path}/none/x.db")


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database " * 100)
    async with opened(f"sqlite:///{tmp_path}/x.db") as database:
        with pytest.raises(DBAPIError, match="not a database"):
            await database.migrate()
        # Its thread tells the event loop that it has ended; the loop must still be there.
        await asyncio.sleep(0.1)
