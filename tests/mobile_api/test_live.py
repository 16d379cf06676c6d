"""Following an order: history, then live, nothing twice and nothing left out."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import Message, Scope

from marketplace.application import view_timeline
from marketplace.application.views import TimelineItem
from marketplace.ports.unit_of_work import StoreUnavailable
from mobile_api import live
from mobile_api.app import stop_streams
from mobile_api.live import LiveTimeline
from mobile_api.routers import live as router
from tests.mobile_api.world import Person, World

TIMEOUT_S = 5.0


class Stream:
    """The reading end of an event stream."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self._rest = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        await self.messages.put(message)

    async def part(self) -> str | None:
        """The next event or comment, or None at the end."""
        while b"\n\n" not in self._rest:
            message = await asyncio.wait_for(self.messages.get(), TIMEOUT_S)
            self._rest += message.get("body", b"")
            if message["type"] == "http.response.body" and not message.get("more_body"):
                return None
        part, _, self._rest = self._rest.partition(b"\n\n")
        return part.decode()

    async def item(self) -> dict[str, Any]:
        """The next event's item."""
        while (part := await self.part()) is not None:
            lines = dict(line.partition(": ")[::2] for line in part.splitlines())
            if lines.get("event") == "timeline":
                found: dict[str, Any] = json.loads(lines["data"])
                assert lines["id"] == str(found["id"])
                return found
        raise AssertionError("the stream ended")


@asynccontextmanager
async def follow(world: World, person: Person, order_id: str, after: int | None = None) -> AsyncIterator[Stream]:
    """An open stream. httpx's transport waits for whole answers, so this speaks ASGI itself."""
    headers = [(b"authorization", person.headers["Authorization"].encode())]
    if after is not None:
        headers.append((b"last-event-id", str(after).encode()))
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/v1/orders/{order_id}/events",
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    left = asyncio.Event()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    stream = Stream()
    task = asyncio.create_task(world.app(scope, receive, stream.send))
    try:
        yield stream
    finally:
        left.set()
        await asyncio.wait_for(task, TIMEOUT_S)


@pytest.fixture
async def order(world: World) -> tuple[Person, str]:
    """A customer and an order of theirs."""
    await world.join("manufacturer", "Model Factory")
    customer = await world.join()
    return customer, (await world.place(customer))["id"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def hub_of(world: World) -> LiveTimeline:
    hub: LiveTimeline = world.app.state.services.live
    return hub


@pytest.mark.req(25, 88)
async def test_history_comes_first_and_then_what_happens(world: World, order: tuple[Person, str]) -> None:
    customer, order_id = order
    async with follow(world, customer, order_id) as stream:
        first = await stream.item()
        assert first["name"] == "OrderPlaced"
        assert stream.status == 200
        assert stream.headers[b"content-type"].startswith(b"text/event-stream")
        assert stream.headers[b"cache-control"] == b"no-store"
        begun = asyncio.get_running_loop().time()
        await world.client.post(f"/v1/orders/{order_id}/cancel", headers=customer.headers)
        second = await stream.item()
        assert second["name"] == "OrderCancelled"
        assert second["id"] > first["id"]
        assert asyncio.get_running_loop().time() - begun < 1.0
    assert not hub_of(world)._watchers


async def test_a_reader_that_comes_back_gets_what_it_missed_and_nothing_twice(
    world: World, order: tuple[Person, str]
) -> None:
    customer, order_id = order
    async with follow(world, customer, order_id) as stream:
        first = await stream.item()
    await world.client.post(f"/v1/orders/{order_id}/cancel", headers=customer.headers)
    async with follow(world, customer, order_id, after=first["id"]) as stream:
        assert (await stream.item())["name"] == "OrderCancelled"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.part(), 0.5)


async def test_news_of_other_orders_wakes_nobody(world: World, order: tuple[Person, str]) -> None:
    customer, order_id = order
    async with follow(world, customer, order_id) as stream:
        await stream.item()
        await world.place(customer)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.part(), 0.5)


async def test_a_hundred_watchers_cost_one_reader(
    world: World, order: tuple[Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, order_id = order
    reads = 0
    tail = view_timeline.tail

    async def counted(*args: Any, **kwargs: Any) -> tuple[TimelineItem, ...]:
        nonlocal reads
        reads += 1
        return await tail(*args, **kwargs)

    monkeypatch.setattr(view_timeline, "tail", counted)
    hub = hub_of(world)

    async def watch() -> None:
        async with hub.watch(order_id) as watcher:
            await watcher.news(0.7)

    await asyncio.gather(*(watch() for _ in range(100)))
    assert 1 <= reads <= 6
    before = reads
    await asyncio.sleep(0.5)
    assert reads - before <= 1  # nobody listens, nobody asks


@pytest.mark.req(159)
async def test_a_crowd_that_comes_at_once_leaves_the_database_to_others(
    world: World, order: tuple[Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, order_id = order
    busy, busiest, reads = 0, 0, 0
    read = view_timeline.timeline

    async def watched(*args: Any, **kwargs: Any) -> tuple[TimelineItem, ...]:
        nonlocal busy, busiest, reads
        busy, reads = busy + 1, reads + 1
        busiest = max(busiest, busy)
        await asyncio.sleep(0.01)
        try:
            return await read(*args, **kwargs)
        finally:
            busy -= 1

    monkeypatch.setattr(view_timeline, "timeline", watched)
    async with AsyncExitStack() as streams:
        crowd = await asyncio.gather(
            *(streams.enter_async_context(follow(world, customer, order_id)) for _ in range(5 * live.READS_AT_ONCE))
        )
        assert {(await stream.item())["name"] for stream in crowd} == {"OrderPlaced"}
    assert busiest <= live.READS_AT_ONCE
    assert reads == len(crowd)  # one each: who may follow an order is asked without reading its whole story


async def test_a_quiet_stream_beats_and_ends_with_its_token(
    world: World, order: tuple[Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, order_id = order
    monkeypatch.setattr(router.Watch.__init__, "__defaults__", (0.1,))
    async with follow(world, customer, order_id) as stream:
        await stream.item()
        assert await stream.part() == ": still here"
        await world.client.delete("/v1/tokens/current", headers=customer.headers)
        async with asyncio.timeout(TIMEOUT_S):
            while await stream.part() is not None:
                pass


@pytest.mark.req(6)
@pytest.mark.parametrize("end", ["signed out", "too old"])
async def test_what_happens_after_its_token_ended_is_not_told(
    world: World, order: tuple[Person, str], end: str
) -> None:
    """However much happens: a stream that is never quiet has no heartbeat at which it would be asked."""
    customer, order_id = order
    async with follow(world, customer, order_id) as stream:
        await stream.item()
        if end == "too old":
            world.clock.move(timedelta(days=7))
        later = await world.sign_in(customer.account["email"])
        if end == "signed out":
            await world.client.delete("/v1/tokens/current", headers=customer.headers)
        cancelled = await world.client.post(f"/v1/orders/{order_id}/cancel", headers=later.headers)
        assert cancelled.status_code == 200
        assert await stream.part() is None


async def test_a_stopping_server_ends_its_streams(world: World, order: tuple[Person, str]) -> None:
    customer, order_id = order
    async with follow(world, customer, order_id) as stream:
        await stream.item()
        await stop_streams(world.app)
        assert await stream.part() is None
    answer = await world.client.get(f"/v1/orders/{order_id}/events", headers=customer.headers)
    assert answer.status_code == 503


async def test_a_database_that_is_away_for_a_while_is_waited_for(
    world: World, order: tuple[Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, order_id = order
    monkeypatch.setattr(live, "PAUSE_S", 0.05)
    tail = view_timeline.tail
    failures = 3

    async def flapping(*args: Any, **kwargs: Any) -> tuple[TimelineItem, ...]:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnavailable("gone for a moment")
        return await tail(*args, **kwargs)

    monkeypatch.setattr(view_timeline, "tail", flapping)
    async with follow(world, customer, order_id) as stream:
        await stream.item()
        await world.client.post(f"/v1/orders/{order_id}/cancel", headers=customer.headers)
        assert (await stream.item())["name"] == "OrderCancelled"
    assert failures < 0


async def test_a_reader_that_takes_nothing_is_let_go(
    world: World, order: tuple[Person, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, order_id = order
    monkeypatch.setattr(router, "SEND_WITHIN_S", 0.1)
    monkeypatch.setattr(Stream, "send", lambda *_: asyncio.Event().wait())
    async with follow(world, customer, order_id):
        pass
    await until(lambda: not hub_of(world)._watchers)


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30, "\u00b2"])
async def test_a_strange_last_event_id_is_refused(world: World, order: tuple[Person, str], last: str) -> None:
    customer, order_id = order
    headers = [*customer.headers.items(), ("Last-Event-ID", last)]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    answer = await world.client.get(f"/v1/orders/{order_id}/events", headers=encoded)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"
