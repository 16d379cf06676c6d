"""A broker tells of effects and decides nothing: lost, doubled, shuffled or absent, each effect is done once."""

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aio_pika
import pytest

from bootstrap.broker import Broker
from bootstrap.calls import Calls
from bootstrap.container import Container, open_container
from bootstrap.relaying import told
from bootstrap.settings import Settings
from marketplace.application.context import Context
from marketplace.application.relay import Relay
from marketplace.domain.effects import Effect, EffectKind
from tests.bootstrap.test_container import BOOK
from tests.persistence.databases import postgresql_database
from tests.support import require_server

HOST, PORT = "127.0.0.1", 5672
URL = f"amqp://guest:guest@{HOST}:{PORT}/"
pytestmark = pytest.mark.integration


class Cut:
    """A TCP relay to RabbitMQ that a test can cut and mend."""

    def __init__(self) -> None:
        self.open = True
        self._pipes: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if self.open:
                there, back = await asyncio.open_connection(HOST, PORT)
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
        writer.close()
        self._pipes.discard(task)

    def cut(self) -> None:
        self.open = False
        for pipe in self._pipes:
            pipe.cancel()

    async def close(self) -> None:
        self.cut()
        self._server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


@pytest.fixture
async def queue() -> AsyncIterator[str]:
    """A queue of this test's own, deleted in the end."""
    name = f"lso_test_{secrets.token_hex(6)}"
    try:
        connection = await aio_pika.connect(URL, timeout=5)
    except OSError as error:
        require_server(f"RabbitMQ on {HOST}:{PORT} cannot be reached: {error}")
    yield name
    async with connection:
        await (await connection.channel()).queue_delete(name)


async def until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - nobody wakes a test
            await asyncio.sleep(0.02)


async def sent(queue: str, *bodies: bytes) -> None:
    """Messages of a stranger."""
    async with await aio_pika.connect(URL) as connection:
        channel = await connection.channel()
        for body in bodies:
            await channel.default_exchange.publish(aio_pika.Message(body), queue)


async def test_what_is_announced_arrives(queue: str) -> None:
    calls = Calls()
    async with Broker(URL, calls, queue).running() as worker, Broker(URL, None, queue).running() as interface:
        assert await interface.answers() == "not connected"
        await until(lambda: worker.up and interface.up)
        assert await interface.answers() is None
        interface.announce([3, 1, 2])
        heard: list[int] = []
        async with asyncio.timeout(30):
            while len(heard) < 3:
                await calls.arrived.wait()
                heard += calls.take(10)
    assert heard == [3, 1, 2]


async def test_many_that_are_announced_at_once_share_messages(queue: str) -> None:
    async with await aio_pika.connect(URL) as connection, Broker(URL, None, queue).running() as interface:
        channel = await connection.channel()
        waiting = await channel.declare_queue(queue)
        await until(lambda: interface.up)
        interface.announce(range(1, 21))
        bodies: list[str] = []
        async with asyncio.timeout(30), waiting.iterator(no_ack=True) as messages:
            async for message in messages:
                bodies.append(message.body.decode())
                if bodies[-1].endswith("20"):
                    break
    assert [body.split(",") for body in bodies] == [
        [str(number) for number in some] for some in (range(1, 9), range(9, 17), range(17, 21))
    ]


async def test_a_message_of_a_stranger_is_dropped(queue: str, caplog: pytest.LogCaptureFixture) -> None:
    calls = Calls()
    async with Broker(URL, calls, queue).running() as worker:
        await until(lambda: worker.up)
        await sent(
            queue,
            b"-1",
            b"1e3",
            b"\xff\xfe",
            b"9" * 400,
            "٣".encode(),
            b"",
            b'{"id": 7}',
            b"1,,2",
            b",".join([b"1"] * 9),
            b"5",
        )
        async with asyncio.timeout(30):
            await calls.arrived.wait()
        assert calls.take(10) == [5]
    assert "9999" not in caplog.text


async def test_it_comes_back_after_a_cut(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.broker.LONGEST_WAIT_S", 0.5)
    line, calls = Cut(), Calls()
    url = f"amqp://guest:guest@{HOST}:{await line.start()}/"
    async with Broker(url, calls, queue).running() as broker:
        await until(lambda: broker.up)
        line.cut()
        await until(lambda: not broker.up)
        broker.announce([1])  # lost, and nobody minds
        line.open = True
        await until(lambda: broker.up)
        broker.announce([2])
        async with asyncio.timeout(30):
            await calls.arrived.wait()
        assert calls.take(10) == [2]
    await line.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database; "" is a file in the data folder, which is enough unless a test asks for more."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
    else:
        with postgresql_database() as url:
            yield url


class Shop:
    """Workers on one database, that count how often each effect is done."""

    def __init__(self, container: Container) -> None:
        self.ctx = container.ctx
        self.database = container.database
        self.done: Counter[str] = Counter()

    async def work(self, stop: asyncio.Event, calls: Calls, broker: Broker) -> None:
        relay = Relay(self.ctx)
        step = told(relay, calls, broker)
        while not stop.is_set():
            await step(self.ctx)
        await relay.close(5.0)

    async def handle(self, ctx: Context, order_id: str, effect: Effect) -> None:
        del ctx, order_id
        self.done[effect.key] += 1
        await asyncio.sleep(0)

    async def ask(self, ctx: Context, first: int, count: int) -> None:
        async with ctx.uow.write() as tx:
            effects = [Effect(EffectKind.NOTIFY, f"{number}") for number in range(first, first + count)]
            await tx.outbox.add("ord_1", effects, ctx.clock.now())

    async def all_done(self, count: int) -> None:
        await until(lambda: len(self.done) == count)
        assert set(self.done.values()) == {1}


@pytest.fixture
async def shop(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A marketplace beside a chain that nobody needs here."""
    BOOK.save(tmp_path / "contracts.json")
    async with open_container(Settings(data_dir=tmp_path, database_url=database_url)) as container:
        built = Shop(container)
        monkeypatch.setattr("marketplace.application.attempt.HANDLERS", dict.fromkeys(EffectKind, built.handle))
        yield built


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_each_effect_is_done_once_whatever_the_broker_does(
    shop: Shop, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubled, shuffled, invented and lost messages, a broker that is cut, and three workers."""
    monkeypatch.setattr("bootstrap.broker.LONGEST_WAIT_S", 0.5)
    line, stop, dice = Cut(), asyncio.Event(), random.Random(7)
    url = f"amqp://guest:guest@{HOST}:{await line.start()}/"
    workers = [Calls() for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        brokers = [await stack.enter_async_context(Broker(url, calls, queue).running()) for calls in workers]
        teller = await stack.enter_async_context(Broker(URL, None, queue).running())

        def tell(effect_ids: Sequence[int]) -> None:
            told_of = [*effect_ids] * 3 + [dice.randrange(1, 500) for _ in range(5)]
            dice.shuffle(told_of)
            teller.announce([one for one in told_of if dice.random() < 0.8])

        ctx = replace(shop.ctx, uow=shop.database.unit_of_work(tell))
        await until(lambda: teller.up and all(broker.up for broker in brokers))
        async with asyncio.TaskGroup() as tasks:
            for calls, broker in zip(workers, brokers, strict=True):
                tasks.create_task(shop.work(stop, calls, broker))
            for number in range(20):
                await shop.ask(ctx, number * 5, 5)
                if number == 8:
                    line.cut()
                if number == 14:
                    line.open = True
            await shop.all_done(100)
            stop.set()
    await line.close()


async def test_who_trusts_messages_does_things_twice(queue: str) -> None:
    """Negative control for the test above: the same messages, and no lease that decides."""
    done: Counter[int] = Counter()

    class Naive(Calls):
        async def put(self, effect_id: int) -> None:
            done[effect_id] += 1

    async with Broker(URL, Naive(), queue).running() as worker, Broker(URL, None, queue).running() as teller:
        await until(lambda: worker.up and teller.up)
        teller.announce([1, 2] * 3)
        await until(lambda: done.total() == 6)
    assert max(done.values()) > 1


async def test_orders_go_on_without_any_broker(shop: Shop) -> None:
    """Nobody listens at the broker's address: nothing is refused, and everything is done by sweeping."""
    stop, calls = asyncio.Event(), Calls()
    async with Broker(f"amqp://guest:guest@{HOST}:9/", calls).running() as broker:
        ctx = replace(shop.ctx, uow=shop.database.unit_of_work(broker.announce))
        working = asyncio.create_task(shop.work(stop, calls, broker))
        await shop.ask(ctx, 0, 40)
        await shop.all_done(40)
        assert not broker.up
        stop.set()
        await working


async def test_a_message_moves_an_effect_long_before_the_sweep(
    shop: Shop, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control for the tests above: the messages do something. The sweep comes in an hour."""
    monkeypatch.setattr("bootstrap.relaying.SWEEP_S", 3_600.0)
    stop, calls = asyncio.Event(), Calls()
    async with Broker(URL, calls, queue).running() as broker:
        await until(lambda: broker.up)
        working = asyncio.create_task(shop.work(stop, calls, broker))
        await asyncio.sleep(0.5)  # past the first sweep
        await shop.ask(shop.ctx, 0, 1)
        await asyncio.sleep(1.0)
        assert not shop.done
        await shop.ask(replace(shop.ctx, uow=shop.database.unit_of_work(broker.announce)), 1, 1)
        await until(lambda: shop.done)
        assert dict(shop.done) == {"1": 1}
        stop.set()
        calls.arrived.set()  # or the worker would rest until that sweep
        await working


async def test_an_effect_whose_time_has_not_come_is_not_announced(shop: Shop) -> None:
    announced: list[int] = []
    ctx = replace(shop.ctx, uow=shop.database.unit_of_work(announced.extend))
    now = ctx.clock.now()
    later = Effect(EffectKind.NOTIFY, "later", due=now + timedelta(hours=1))
    async with ctx.uow.write() as tx:
        await tx.outbox.add("ord_1", [Effect(EffectKind.NOTIFY, "now"), later], now)
        assert announced == []
    assert announced == [1]
    async with ctx.uow.write() as tx:
        await tx.outbox.add("ord_1", [Effect(EffectKind.NOTIFY, "now")], now)
    assert announced == [1]
    with contextlib.suppress(ZeroDivisionError):
        async with ctx.uow.write() as tx:
            await tx.outbox.add("ord_1", [Effect(EffectKind.NOTIFY, "rolled back")], now)
            _ = 1 / 0
    assert announced == [1]
