"""The stage of the demonstration for people in browsers: its processes, its organisations, no customer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx

from bootstrap.demo.actors import REQUEST_TIMEOUT_S, Actor, Refused, assemble
from bootstrap.demo.stage import Ports, Stage, set_stage, start_gateway, start_signer
from bootstrap.demo.supervisor import Supervisor

POLL_S = 0.3


@dataclass(frozen=True)
class Theatre:
    """The running marketplace and those who have accounts already."""

    stage: Stage
    actors: dict[str, Actor]
    restarts: list[str]
    http: httpx.AsyncClient

    def letters(self, to: str) -> list[str]:
        """The text of every letter to this address, oldest first."""
        files = sorted((self.stage.folder / "mail").glob("*.eml"))
        found = [message_from_bytes(file.read_bytes(), policy=default) for file in files]
        texts = [letter.get_body() for letter in found if letter["To"] == to]
        return [text.get_content().replace("\r\n", "\n") for text in texts if text is not None]

    def backup(self, name: str) -> Path:
        """The encrypted key that this organisation can import into the app."""
        return self.actors[name].back_up(self.stage.folder / "keys")


@asynccontextmanager
async def open_theatre(folder: Path, *, absent: frozenset[str] = frozenset()) -> AsyncIterator[Theatre]:
    """Real processes. The supplier without machines has no signer either: a person must sign and report.

    Nobody of `absent` has an account.
    """
    restarts: list[str] = []
    supervisor = Supervisor(folder, restarts.append)
    try:
        stage = await set_stage(folder, Ports.free(0), supervisor)
        async with httpx.AsyncClient(base_url=stage.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
            actors = assemble(folder, http)
            for name in {"customer", *absent}:
                del actors[name]
            await asyncio.gather(*(actor.join() for actor in actors.values()))
            for name in ("manufacturer", "amp"):
                await start_gateway(stage, supervisor, actors[name])
                start_signer(stage, supervisor, actors[name])
            at_work = asyncio.create_task(_carry(actors["carrier"]))
            try:
                yield Theatre(stage, actors, restarts, http)
            finally:
                at_work.cancel()
                await asyncio.gather(at_work, return_exceptions=True)
    finally:
        await asyncio.to_thread(supervisor.end)


async def _carry(carrier: Actor) -> None:
    """The carrier signs for the parts it brings, by its own machine."""
    while True:
        try:
            for request in (await carrier.call("GET", "/v1/signature-requests?status=open"))["items"]:
                body = {"signature": await carrier.sign(request["typed_data"])}
                await carrier.call("POST", f"/v1/signature-requests/{request['id']}/signature", body)
        except (Refused, httpx.HTTPError):
            pass  # asked again below: an answer may have been given meanwhile
        await asyncio.sleep(POLL_S)
