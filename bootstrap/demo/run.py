"""`lotsizeone demo`."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bootstrap.demo.actors import CAST, REQUEST_TIMEOUT_S, Actor, assemble
from bootstrap.demo.report import balances, height, nets, outcome, show, write_document
from bootstrap.demo.stage import Ports, Stage, set_stage, start_gateway, start_signer, subscribe_to_push
from bootstrap.demo.story import Story, StoryFailed, staff
from bootstrap.demo.supervisor import NotReady, Supervisor
from bootstrap.system import unix_time

FUNDS_POLL_S = 0.2
PHONE_POLL_S = 0.5
FUNDS_TIMEOUT_S = 30.0


class Narrator:
    """Prints who does what, with the seconds since the story began."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.begin = time.monotonic()

    def say(self, who: str, what: str) -> None:
        """One line."""
        seconds = time.monotonic() - self.begin
        self.console.print(f"[dim]{seconds:6.1f} s[/]  [bold]{who:<32.32}[/]  {what}", highlight=False)


async def run_demo(*, once: bool, data: Path | None, json_file: Path | None, port: int) -> int:
    """Set the stage, play the story, show the outcome; then leave the app running unless `once`.

    Gives the exit code: 0 only when the order was settled.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lotsizeone-") as scratch:
        folder = (data or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        narrator = Narrator(console)
        supervisor = Supervisor(folder, lambda text: narrator.say("supervisor", text))
        try:
            await _perform(folder, port, supervisor, narrator, json_file, once=once)
        except (StoryFailed, NotReady, TimeoutError, RuntimeError) as failure:
            console.print(f"[red]The demonstration failed:[/] {failure}\nThe logs are in {folder / 'logs'}")
            return 1
        except asyncio.CancelledError:
            console.print("Ending.")
        finally:
            supervisor.end()
    return 0


async def _perform(
    folder: Path, port: int, supervisor: Supervisor, narrator: Narrator, json_file: Path | None, *, once: bool
) -> None:
    started = time.monotonic()
    stage = await set_stage(folder, Ports.free(port), supervisor)
    async with (
        _beside(supervisor.watch()),
        httpx.AsyncClient(base_url=stage.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http,
    ):
        actors = assemble(folder, http)
        await _open_doors(stage, supervisor, actors, narrator)
        async with _beside(staff(actors["machining"], actors["carrier"], narrator.say)):
            document = await _play(stage, actors, narrator, started)
            if json_file is not None:
                write_document(json_file, document)
            show(narrator.console, document, {actor.address.lower(): actor.name for actor in actors.values()})
            if not once:
                _invite(narrator.console, stage, actors)
                await asyncio.Event().wait()


async def _open_doors(stage: Stage, supervisor: Supervisor, actors: dict[str, Actor], narrator: Narrator) -> None:
    """Accounts, keys, gateways, signers and the customer's play money."""
    await asyncio.gather(*(actor.join() for actor in actors.values()))
    for actor in actors.values():
        actor.back_up(stage.folder / "keys")
    for name in ("manufacturer", "amp"):
        await start_gateway(stage, supervisor, actors[name])
    for name in ("manufacturer", "amp", "machining"):
        start_signer(stage, supervisor, actors[name])
    customer = actors["customer"]
    await subscribe_to_push(stage, customer)
    await customer.call("POST", "/v1/dev/funds", {})
    async with asyncio.timeout(FUNDS_TIMEOUT_S):
        while not (await balances(stage, actors))[customer.address.lower()]:  # noqa: ASYNC110 - a chain wakes nobody
            await asyncio.sleep(FUNDS_POLL_S)
    narrator.say("stage", f"{len(supervisor.children)} processes, {len(CAST)} accounts, each with a key of its own")


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Each of `works` runs while the block does, and ends with it."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _play(stage: Stage, actors: dict[str, Actor], narrator: Narrator, started: float) -> dict[str, Any]:
    before = await balances(stage, actors)
    narrator.begin = time.monotonic()
    story = Story(actors["customer"], actors["manufacturer"], actors["machining"], actors["carrier"], narrator.say)
    async with _beside(_follow(story, narrator), _phone(stage, narrator)):
        await story.play()
    told = time.monotonic()
    order = await actors["customer"].call("GET", f"/v1/orders/{story.order_id}")
    as_made = await actors["manufacturer"].call("GET", f"/v1/orders/{story.order_id}")
    timeline = await actors["customer"].call("GET", f"/v1/orders/{story.order_id}/timeline")
    after = await balances(stage, actors)
    timings = {"setup": narrator.begin - started, "story": told - narrator.begin, "total": told - started}
    return outcome(
        order,
        as_made["agreements"],
        timeline["items"],
        stage,
        changes=nets(before, after, actors),
        head=await height(stage),
        timings=timings,
    ) | {"finished_at": unix_time()}


async def _follow(story: Story, narrator: Narrator) -> None:
    """Print the customer's timeline as it happens."""
    await story.placed.wait()
    last = 0
    while True:
        try:
            async for item in story.customer.live(story.order_id):
                if item["id"] > last:
                    last = item["id"]
                    proof = f" [green]({item['vouched_by']})[/]" if item["vouched_by"] else ""
                    narrator.say("order", f"[cyan]{item['title']}[/] {item['detail']}{proof}")
        except httpx.HTTPError:
            await asyncio.sleep(0.3)


async def _phone(stage: Stage, narrator: Narrator) -> None:
    """The customer's phone: shows every push once."""
    shown: set[str] = set()
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        while True:
            with suppress(httpx.HTTPError):
                for message in (await http.get(f"{stage.push_url}/messages")).json()["messages"]:
                    if message["message"] not in shown:
                        shown.add(message["message"])
                        narrator.say("phone", f"[magenta]{message['content']['title']}[/]")
            await asyncio.sleep(PHONE_POLL_S)


def _invite(console: Console, stage: Stage, actors: dict[str, Actor]) -> None:
    console.print(f"\nThe app is at [bold]{stage.api_url}[/]. Sign in as:")
    for actor in actors.values():
        role = actor.role
        console.print(
            f"  {role.role:<13} {role.email:<24} {actor.password}   key: {stage.folder}/keys/{role.name}.json"
        )
    console.print("The key backups open with the same password. Ctrl-C ends everything.")
