"""Transactions of the same moment are committed as one: all of them, or none, and then each alone."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import event

from marketplace.domain.errors import Conflict
from marketplace.persistence import new_rows
from marketplace.persistence.database import Database
from marketplace.persistence.late import Connection, Rows
from marketplace.persistence.statements import insert_missing
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import Apart, StoredAnswer
from tests.persistence.samples import NOW, placing

MANY = 12
ANSWER = StoredAnswer("hash", 201, "application/json", b"{}")


@pytest.fixture
def commits(db: Database) -> Iterator[list[int]]:
    """One entry for each commit."""
    seen: list[int] = []

    def note(_: object) -> None:
        seen.append(len(seen))

    engine = db._engines.write.sync_engine
    event.listen(engine, "commit", note)
    yield seen
    event.remove(engine, "commit", note)


async def add(uow: SqlUnitOfWork, number: int, order_id: str = "", reference: str = "ref") -> None:
    """A request: an order, its event and effect, and the answer."""
    async with uow.together() as tx:
        decision = placing(order_id or f"ord_{number}", client_reference=reference)
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        assert await tx.idempotency.put("acc_customer", "POST /v1/orders", f"key-{number}", ANSWER, NOW)


async def all_at_once(uow: SqlUnitOfWork, *more: str) -> list[BaseException | None]:
    """A dozen requests, and one for each of these orders; what became of each."""
    requests = [add(uow, number) for number in range(MANY)]
    requests += [add(uow, MANY + place, order_id) for place, order_id in enumerate(more)]
    return await asyncio.gather(*requests, return_exceptions=True)


async def found(uow: SqlUnitOfWork) -> tuple[int, int, int]:
    """How many orders, events and answers there are."""
    async with uow.read() as tx:
        orders = [await tx.orders.get(f"ord_{number}") for number in range(MANY)]
        answers = [await tx.idempotency.get("acc_customer", "POST /v1/orders", f"key-{n}") for n in range(MANY)]
        events = await tx.orders.all_events(0, 100)
    return sum(one is not None for one in orders), len(events), sum(one is not None for one in answers)


async def test_many_are_one_commit(db: Database, commits: list[int]) -> None:
    announced: list[int] = []
    uow = db.unit_of_work(announced.extend)
    assert await all_at_once(uow) == [None] * MANY
    assert len(commits) == 1
    assert await found(uow) == (MANY, MANY, MANY)
    async with uow.write() as tx:
        claimed = await tx.outbox.claim(NOW, 20, 100)
    assert sorted(announced) == sorted(one.id for one in claimed)
    assert len(announced) == MANY
    async with uow.read() as tx:
        ids = [one.id for one in await tx.orders.all_events(0, 100)]
    assert ids == [*range(ids[0], ids[0] + MANY)]


async def test_alone_they_are_as_many_commits(uow: SqlUnitOfWork, commits: list[int]) -> None:
    """Negative control for the count."""
    for number in range(MANY):
        await add(uow, number)
    assert len(commits) == MANY


@pytest.mark.parametrize("taken", ["ord_taken", "ord_3"])
async def test_a_name_that_is_taken_leaves_nothing_of_the_round(uow: SqlUnitOfWork, taken: str) -> None:
    """By an order of yesterday, or by one of the same round."""
    async with uow.write() as tx:
        old = placing("ord_taken")
        await tx.orders.save(old.order, old.events, old.effects, NOW)
    ended = await all_at_once(uow, taken)
    assert [type(one) for one in ended] == [Apart] * (MANY + 1)
    assert await found(uow) == (0, 1, 0)
    for number in range(MANY):  # each alone, as their callers do
        await add(uow, number)
    assert await found(uow) == (MANY, MANY + 1, MANY)


async def test_who_does_not_look_answers_for_orders_that_are_not_there(
    uow: SqlUnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without counting, a request is told "done", and its order is another's."""

    async def blind(connection: Connection, new: Rows) -> Sequence[int]:
        for table, rows in new.items():
            await insert_missing(connection, table, rows)
        return ()

    monkeypatch.setattr(new_rows, "write_new", blind)
    ended = await all_at_once(uow, "ord_3")
    assert ended == [None] * (MANY + 1)
    assert (await found(uow))[0] == MANY


async def test_text_that_no_database_keeps_spoils_nobody_elses_request(uow: SqlUnitOfWork) -> None:
    requests = [add(uow, 0, reference="\x00"), *(add(uow, number) for number in range(1, MANY))]
    ended = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(ended[0], Apart)
    for number in range(1, MANY):
        if ended[number] is not None:
            await add(uow, number)
    assert await found(uow) == (MANY - 1, MANY - 1, MANY - 1)


@pytest.mark.req(12, 129)
async def test_a_process_that_dies_before_the_commit_has_done_nothing(uow: SqlUnitOfWork, db: Database) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def die(_: object) -> None:
        raise Killed

    engine = db._engines.write.sync_engine
    event.listen(engine, "commit", die)
    requests = [asyncio.create_task(add(uow, number)) for number in range(MANY)]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    try:
        with pytest.raises(BaseException):  # noqa: B017, PT011
            await asyncio.gather(*requests)
    finally:
        event.remove(engine, "commit", die)
    assert await found(uow) == (0, 0, 0)


async def fail(uow: SqlUnitOfWork) -> None:
    async with uow.together() as tx:
        decision = placing("ord_0")
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        raise ZeroDivisionError


async def test_an_exception_in_the_block_leaves_nothing_behind(uow: SqlUnitOfWork) -> None:
    with pytest.raises(ZeroDivisionError):
        await fail(uow)
    assert await found(uow) == (0, 0, 0)


async def add_and_look(uow: SqlUnitOfWork) -> None:
    async with uow.together() as tx:
        decision = placing("ord_0")
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        await tx.orders.events("ord_0")


async def test_a_question_makes_it_a_transaction_like_any_other(db: Database, commits: list[int]) -> None:
    announced: list[int] = []
    uow = db.unit_of_work(announced.extend)
    async with uow.together() as tx:
        decision = placing("ord_0")
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        assert len(await tx.orders.events("ord_0")) == 1
        other = placing("ord_1")
        await tx.orders.save(other.order, other.events, other.effects, NOW)
        with pytest.raises(Conflict):
            await tx.orders.save(other.order, other.events, other.effects, NOW)
        assert commits == []
    assert (len(announced), len(commits)) == (2, 1)
    assert (await found(uow))[0] == 2
    with pytest.raises(Apart):
        await add_and_look(uow)


async def test_glances_of_one_moment_are_told_apart(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        for number in range(MANY):
            await tx.idempotency.put("acc", "POST /v1/orders", f"key-{number}", StoredAnswer("h", number, "", b""), NOW)

    async def look(number: int) -> int | None:
        async with uow.glance() as tx:
            answer = await tx.idempotency.get("acc", "POST /v1/orders", f"key-{number}")
        return None if answer is None else answer.status

    assert await asyncio.gather(*(look(number) for number in range(MANY + 2))) == [*range(MANY), None, None]
