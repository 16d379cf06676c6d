"""The interface behind a real server on loopback: streams, bodies without a length, and stopping."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from mobile_api.app import stop_streams
from tests.mobile_api.world import World

pytestmark = pytest.mark.integration
TIMEOUT_S = 10.0


@asynccontextmanager
async def serve(world: World) -> AsyncIterator[tuple[httpx.AsyncClient, uvicorn.Server]]:
    """The world's app on a free port, in this process."""
    config = uvicorn.Config(world.app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_S) as client:
            yield client, server
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, TIMEOUT_S)


@pytest.mark.req(88)
async def test_an_event_is_on_the_phone_within_a_second_and_a_stop_ends_the_stream(world: World) -> None:
    await world.join("manufacturer", "Model Factory")
    customer = await world.join()
    order_id = (await world.place(customer))["id"]
    async with (
        serve(world) as (client, server),
        asyncio.timeout(TIMEOUT_S),
        client.stream("GET", f"/v1/orders/{order_id}/events", headers=customer.headers) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        seen = []
        async for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: "))["name"])
            if seen == ["OrderPlaced"]:
                break
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await world.client.post(f"/v1/orders/{order_id}/cancel", headers=customer.headers)
        async for line in lines:
            if line.startswith("data: "):
                assert json.loads(line.removeprefix("data: "))["name"] == "OrderCancelled"
                break
        assert loop.time() - begun < 1.0
        server.should_exit = True
        await stop_streams(world.app)
        assert [line async for line in lines if line.startswith("data: ")] == []


async def test_a_stream_that_is_left_is_forgotten(world: World) -> None:
    await world.join("manufacturer", "Model Factory")
    customer = await world.join()
    order_id = (await world.place(customer))["id"]
    hub = world.app.state.services.live
    async with serve(world) as (client, _), asyncio.timeout(TIMEOUT_S):
        async with client.stream("GET", f"/v1/orders/{order_id}/events", headers=customer.headers) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    break
            assert len(hub._watchers) == 1
        while hub._watchers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_ten_megabytes_without_a_length_are_refused(world: World) -> None:
    person = await world.join()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"[" * 65_536

    headers = person.headers | {"Content-Type": "application/json"}
    async with serve(world) as (client, _):
        try:
            answer = await client.post("/v1/orders", content=chunks(), headers=headers)
        except (httpx.WriteError, httpx.ReadError):
            pass  # the server closed the connection while we were still sending, which is its right
        else:
            assert answer.status_code == 413
        assert (await client.get("/v1/me", headers=person.headers)).status_code == 200
