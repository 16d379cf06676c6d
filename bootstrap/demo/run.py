"""`lotsizeone demo`."""

import asyncio
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bootstrap.demo.actors import CAST, REQUEST_TIMEOUT_S, Actor, assemble
from bootstrap.demo.beside import beside
from bootstrap.demo.narrator import Narrator
from bootstrap.demo.report import balances, height, nets, outcome, receivers, sent_by, show, write_document
from bootstrap.demo.stage import Ports, Stage, all_listening, set_stage, start_gateway, start_signer, subscribe_to_push
from bootstrap.demo.story import Story, StoryFailed, staff
from bootstrap.demo.supervisor import NotReady, Supervisor
from bootstrap.evidence import evidence_of, write_evidence
from bootstrap.files import check_writable
from bootstrap.settings import Settings, load_settings
from mobile_api.client import ApiError

FUNDS_POLL_S = 0.2
PHONE_POLL_S = 0.5
FUNDS_TIMEOUT_S = 30.0
FOLLOW_AGAIN_S = 0.3
LAST_WORDS_S = 3.0
LAST_EVENT = "OrderSettled"
WORKERS_BESIDE_A_BROKER = 2
INTERRUPTED = 130
"""What shells call a program that Ctrl-C ended."""


async def run_demo(
    *,
    once: bool,
    data: Path | None = None,
    json_file: Path | None = None,
    evidence_file: Path | None = None,
    port: int = 0,
    chain_url: str = "",
) -> int:
    """Set the stage, play the story, show the outcome; then leave the app running unless `once`.

    DATABASE_URL, BROKER_URL and CHAIN_URL of the environment are honoured; beside a broker there are two workers.
    Gives the exit code: 0 only when the order was settled. Raises ValueError where a file cannot be written.
    """
    given = load_settings()
    if not chain_url and "chain_url" in given.model_fields_set:
        chain_url = given.chain_url
    workers = WORKERS_BESIDE_A_BROKER if given.broker_url else 1
    for path in (json_file, evidence_file):
        if path is not None:
            check_writable(path)
    narrator = Narrator(Console())
    _end_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="lotsizeone-") as scratch:
        folder = (data or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        supervisor = Supervisor(folder, lambda text: narrator.say("supervisor", text, style="yellow"))
        performance = _Performance(folder, supervisor, narrator, json_file, evidence_file, chain_url, workers)
        try:
            await performance.go_on(port, once=once)
        except (StoryFailed, NotReady, TimeoutError, RuntimeError, ApiError, httpx.HTTPError) as failure:
            narrator.tell(f"The demonstration failed: {type(failure).__name__}: {failure}", "red")
            narrator.tell(f"Its logs are in {folder / 'logs'}" if data else "Use --data FOLDER to keep its logs.")
            return 1
        except asyncio.CancelledError:
            narrator.tell("Ending.")
            return 0 if performance.settled else INTERRUPTED
        finally:
            supervisor.end()
    return 0


def _end_on_sigterm() -> None:
    """SIGTERM ends as Ctrl-C does: children first, then the scratch folder."""
    this = asyncio.current_task()
    if this is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)


@dataclass
class _Performance:
    folder: Path
    supervisor: Supervisor
    narrator: Narrator
    json_file: Path | None
    evidence_file: Path | None
    chain_url: str
    workers: int
    settled: bool = False

    async def go_on(self, port: int, *, once: bool) -> None:
        """From empty stage to curtain; then for ever, unless `once`."""
        started = time.monotonic()
        self.narrator.tell("Setting the stage", "bold")
        ports = Ports.free(port)
        stage = await set_stage(
            self.folder,
            ports,
            self.supervisor,
            self.narrator.say,
            chain_url=self.chain_url,
            workers=self.workers,
        )
        async with (
            beside(self.supervisor.watch()),
            httpx.AsyncClient(base_url=stage.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http,
        ):
            actors = assemble(self.folder, http)
            await _open_doors(stage, self.supervisor, actors, self.narrator)
            async with beside(staff(actors["machining"], actors["carrier"], self.narrator.say)):
                document, names = await _play(stage, actors, self.narrator, started)
                self.settled = True
                if self.json_file is not None:
                    write_document(self.json_file, document)
                if self.evidence_file is not None:
                    settings = Settings(data_dir=self.folder)
                    write_evidence(self.evidence_file, await evidence_of(settings, document["order_id"]))
                show(self.narrator, document, names)
                if not once:
                    _invite(self.narrator, stage, actors)
                    await asyncio.Event().wait()


async def _open_doors(stage: Stage, supervisor: Supervisor, actors: dict[str, Actor], narrator: Narrator) -> None:
    """Accounts, keys, gateways, signers and the customer's play money."""
    customer = actors["customer"]
    await asyncio.gather(*(actor.join() for actor in actors.values()))
    await customer.api.fund_account()
    narrator.say("stage", f"{len(CAST)} accounts, each with a key of its own")
    for name in ("manufacturer", "amp"):
        await start_gateway(stage, supervisor, actors[name])
    for name in ("manufacturer", "amp", "machining"):
        start_signer(stage, supervisor, actors[name])
    for actor in actors.values():
        actor.back_up(stage.folder / "keys")
    await all_listening(stage, supervisor)
    await subscribe_to_push(stage, customer)
    async with asyncio.timeout(FUNDS_TIMEOUT_S):
        while not (await balances(stage, actors))[customer.address.lower()]:  # noqa: ASYNC110 - a chain wakes nobody
            await asyncio.sleep(FUNDS_POLL_S)
    narrator.say("stage", f"gateways and signers are started: {len(supervisor.children)} processes in all")


async def _play(
    stage: Stage, actors: dict[str, Actor], narrator: Narrator, started: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """The story, told as it happens; gives the document and the names of those who are paid in it."""
    before, first_block = await balances(stage, actors), await height(stage)
    narrator.tell()
    narrator.tell("The order, timed from here", "bold")
    narrator.begin = time.monotonic()
    customer, maker = actors["customer"], actors["manufacturer"]
    story = Story(customer, maker, actors["machining"], actors["carrier"], narrator.say)
    heard = asyncio.Event()
    async with beside(_phone(stage, narrator), _follow(story, narrator, heard)):
        await story.play()
        told = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await heard.wait()
    order = await customer.api.read_order(story.order_id)
    as_made = await maker.api.read_order(story.order_id)
    timeline = await customer.api.read_timeline(story.order_id)
    after = await balances(stage, actors)
    timings = {"setup": narrator.begin - started, "story": told - narrator.begin, "total": told - started}
    document = outcome(
        order,
        as_made["agreements"],
        timeline["items"],
        stage,
        changes=nets(before, after, actors),
        own_money_minor=await sent_by(stage, maker.address, first_block),
        head=await height(stage),
        timings=timings,
    )
    return document, receivers(actors, as_made["agreements"])


async def _follow(story: Story, narrator: Narrator, heard: asyncio.Event) -> None:
    """Print the customer's timeline as it happens, to its last event; then set `heard`."""
    await story.placed.wait()
    last = 0
    while True:
        try:
            async for item in story.customer.api.follow_order(story.order_id, last_event_id=str(last)):
                last = item["id"]
                told = " · ".join(part for part in (item["title"], item["detail"], item["vouched_by"]) if part)
                narrator.say("order", told, style="cyan")
                if item["name"] == LAST_EVENT:
                    heard.set()
                    return
        except (ApiError, httpx.HTTPError):
            await asyncio.sleep(FOLLOW_AGAIN_S)


async def _phone(stage: Stage, narrator: Narrator) -> None:
    """The customer's phone: shows every push once."""
    shown: set[str] = set()
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        while True:
            with suppress(httpx.HTTPError):
                for message in (await http.get(f"{stage.push_url}/messages")).json()["messages"]:
                    if message["message"] not in shown:
                        shown.add(message["message"])
                        narrator.say("phone", message["content"]["title"], style="magenta")
            await asyncio.sleep(PHONE_POLL_S)


def _invite(narrator: Narrator, stage: Stage, actors: dict[str, Actor]) -> None:
    narrator.tell()
    narrator.tell(f"The app is at {stage.api_url}", "bold")
    narrator.tell("Sign in as one of these; the key backup opens with the same password.")
    for actor in actors.values():
        narrator.tell()
        narrator.tell(f"{actor.role.role}: {actor.name}", "bold")
        narrator.tell(f"  {actor.role.email}")
        narrator.tell(f"  {actor.password}")
        narrator.tell(f"  {stage.folder / 'keys' / f'{actor.role.name}.json'}", "dim")
    narrator.tell()
    narrator.tell("Ctrl-C ends everything.")
