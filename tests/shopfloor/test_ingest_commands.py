"""The gateways' queue: own commands only, in order, and a wait that ends."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.shopfloor.ingesting import Backend, open_backend

OWN = {"Authorization": "Bearer gw_1"}


async def ask(backend: Backend, **query: Any) -> list[dict[str, Any]]:
    answer = await backend.client.get("/v1/gateway/commands", params=query, headers=OWN)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["commands"]
    return found


@pytest.mark.req(108)
async def test_a_gateway_reads_its_own_commands_from_where_it_was(backend: Backend) -> None:
    for name in ("a", "b", "c"):
        await backend.commands.append("gw_1", name, "start", {"job_id": name})
    await backend.commands.append("gw_2", "x", "start", {"job_id": "x"})
    found = await ask(backend)
    assert [(item["kind"], item["job"]) for item in found] == [("start", {"job_id": name}) for name in "abc"]
    assert await ask(backend, after=found[0]["id"]) == found[1:]
    assert await ask(backend, after=found[-1]["id"]) == []


async def test_what_is_there_is_answered_at_once(backend: Backend) -> None:
    await backend.commands.append("gw_1", "a", "start", {})
    async with asyncio.timeout(5):
        assert len(await ask(backend, wait=25)) == 1


@pytest.mark.req(108)
async def test_a_waiting_gateway_hears_of_a_new_command(backend: Backend) -> None:
    async with asyncio.timeout(10):
        waiting = asyncio.create_task(ask(backend, wait=25))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await backend.commands.append("gw_1", "a", "start", {"job_id": "a"})
        assert [item["job"]["job_id"] for item in await waiting] == ["a"]


async def test_a_wait_for_nothing_ends(backend: Backend) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await ask(backend, wait=1) == []
    assert 1.0 <= loop.time() - began < 5.0


async def test_a_process_that_stops_lets_go(ingest_template: Path, tmp_path: Path) -> None:
    stopping = asyncio.Event()
    async with (
        open_backend(ingest_template, tmp_path, stopping=stopping.is_set) as backend,
        asyncio.timeout(10),
    ):
        waiting = asyncio.create_task(ask(backend, wait=25))
        await asyncio.sleep(0.3)
        stopping.set()
        assert await waiting == []


@pytest.mark.parametrize("query", [{"wait": 26}, {"wait": -1}, {"after": -1}, {"after": 2**53}, {"after": "x"}])
async def test_bad_questions(backend: Backend, query: dict[str, Any]) -> None:
    answer = await backend.client.get("/v1/gateway/commands", params=query, headers=OWN)
    assert answer.status_code == 422


async def test_nobody_reads_without_signing_in(backend: Backend) -> None:
    assert (await backend.client.get("/v1/gateway/commands")).status_code == 401
