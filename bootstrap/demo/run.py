"""`lotsizeone demo`."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bootstrap.demo.actors import CAST, REQUEST_TIMEOUT_S, Actor, assemble
from bootstrap.demo.report import balances, height, nets, outcome, show
from bootstrap.demo.stage import Ports, Stage, set_stage, start_gateway, start_signer, subscribe_to_push
from bootstrap.demo.story import Story, StoryFailed, staff
from bootstrap.demo.supervisor import NotReady, Supervisor
from bootstrap.system import unix_time

FUNDS_POLL_S = 0.2
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
    """Set the stage, play the story, show the outcome; then leave the app running unless `once`. Gives the exit code."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lotsizeone-") as scratch:
        folder = (data or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        narrator = Narrator(console)
        supervisor = Supervisor(folder, lambda text: narrator.say("supervisor", text))
        try:
            document, stage, actors = await _perform(folder, port, supervisor, narrator, json_file, once=once)
        except (StoryFailed, NotReady, TimeoutError, RuntimeError) as failure:
            console.print(f"[red]The demonstration failed:[/] {failure}\nThe logs are in {folder / 'logs'}")
            return 1
        finally:
            supervisor.end()
    return 0


async def _perform(
    folder: Path, port: int, supervisor: Supervisor, narrator: Narrator, json_file: Path | None, *, once: bool
) -> tuple[dict[str, Any], Stage, dict[str, Actor]]:
    started = time.monotonic()
    stage = await set_stage(folder, Ports.free(port), supervisor)
    watching = asyncio.create_task(supervisor.watch())
    try:
        async with httpx.AsyncClient(base_url=stage.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
            actors = assemble(folder, http)
            await _open_doors(stage, supervisor, actors, narrator)
            async with _working(actors, narrator):
                document = await _play(stage, actors, narrator, started)
                if json_file is not None:
                    json_file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
                names = {actor.address.lower(): actor.name for actor in actors.values()}
                show(narrator.console, document, names)
                if not once:
                    _invite(narrator.console, stage, actors)
                    await asyncio.Event().wait()
    except asyncio.CancelledError:
        narrator.console.print("Ending.")
    finally:
        watching.cancel()
    return document, stage, actors


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
        while not (await balances(stage, actors))[customer.address.lower()]:
            await asyncio.sleep(FUNDS_POLL_S)
    narrator.say("stage", f"{len(supervisor.children)} processes, {len(CAST)} accounts, each with a key of its own")


@asynccontextmanager
async def _working(actors: dict[str, Actor], narrator: Narrator) -> AsyncIterator[None]:
    """The people without machines work while the block runs."""
    task = asyncio.create_task(staff(actors["machining"], actors["carrier"], narrator.say))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _play(stage: Stage, actors: dict[str, Actor], narrator: Narrator, started: float) -> dict[str, Any]:
    before = await balances(stage, actors)
    narrator.begin = time.monotonic()
    story = Story(actors["customer"], actors["manufacturer"], actors["machining"], actors["carrier"], narrator.say)
    live = asyncio.create_task(_follow(story, narrator))
    try:
        await story.play()
    finally:
        live.cancel()
        with suppress(asyncio.CancelledError):
            await live
    told = time.monotonic()
    order = await actors["customer"].call("GET", f"/v1/orders/{story.order_id}")
    as_made = await actors["manufacturer"].call("GET", f"/v1/orders/{story.order_id}")
    timeline = await actors["customer"].call("GET", f"/v1/orders/{story.order_id}/timeline")
    await _show_push(stage, narrator)
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
    while not story.order_id:
        await asyncio.sleep(0.05)
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


async def _show_push(stage: Stage, narrator: Narrator) -> None:
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        answer = await http.get(f"{stage.push_url}/messages")
    for message in answer.json() if isinstance(answer.json(), list) else answer.json().get("messages", []):
        content = message.get("message", message)
        narrator.say("push", f"{content.get('title', '')}: {content.get('body', '')}")


def _invite(console: Console, stage: Stage, actors: dict[str, Actor]) -> None:
    console.print(f"\nThe app is at [bold]{stage.api_url}[/]. Sign in as:")
    for actor in actors.values():
        role = actor.role
        console.print(
            f"  {role.role:<13} {role.email:<24} {actor.password}   key: {stage.folder}/keys/{role.name}.json"
        )
    console.print("The key backups open with the same password. Ctrl-C ends everything.")
