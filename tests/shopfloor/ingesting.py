"""A backend with one agreement of two jobs, behind its ingest router, and a machine that signs for it."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI, Request
from sqlalchemy import text

from marketplace.application.context import Context
from marketplace.domain.agreement import Milestone
from marketplace.domain.errors import Unauthenticated
from marketplace.domain.evidence import EventCode
from marketplace.domain.production import JobState
from marketplace.persistence.database import Database
from marketplace.ports.chain import ChainUnavailable
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.fakes.stores import FakeGatewayCommandStore
from marketplace.ports.unit_of_work import Gateway
from mobile_api.errors import install
from shopfloor.gateway.batches import NO_ROOT, sign_batch
from shopfloor.gateway.evidence import Draft, EvidenceEvent, place
from shopfloor.gateway.signing import GatewayKey
from shopfloor.ingest import create_router
from tests.persistence.databases import copied, opened
from tests.persistence.samples import NOW, account, agreement, job, organisation, placing, terms
from tests.shopfloor.worlds import AGREEMENT, CHAIN_ID, DOMAIN, FACTORY_ADDRESS, KEY, SPEC, draft

GATEWAY = Gateway("gw_1", "org_maker", "cell 1", KEY.address, "hash")
STRANGER = GatewayKey(bytes(range(2, 34)))
EPOCH = "e1"
JOBS = ("job-bases", "job-covers")


class Machine:
    """Signs events of lane s in order. `say` adds one, `close` signs what is open."""

    def __init__(self, key: GatewayKey = KEY, epoch: str = EPOCH) -> None:
        self.key, self.epoch = key, epoch
        self.events: list[EvidenceEvent] = []
        self.batches: list[dict[str, Any]] = []
        self._heads: dict[str, str] = {}

    def say(self, kind: str = "production_started", *, job: str = JOBS[0], **fields: Any) -> EvidenceEvent:
        """One more event; `prev` may be forged, everything else is a field of the draft."""
        forged = {name: fields.pop(name) for name in ("prev", "salt") if name in fields}
        known: dict[str, Any] = {"mode": "production", "value": {}, "order": "ord_1"}
        return self.add(draft(kind, job=job, **(known | fields)), **forged)

    def add(self, drafted: Draft, **forged: Any) -> EvidenceEvent:
        """Give what happened its place."""
        event = place(
            drafted,
            gateway=self.key.address,
            epoch=self.epoch,
            lane="s",
            seq=len(self.events) + 1,
            salt=forged.get("salt", bytes(32)),
            prev=forged.get("prev", self._heads.get(drafted.agreement, drafted.spec)),
        )
        self._heads[event.agreement] = "0x" + event.payload_hash.hex()
        self.events.append(event)
        return event

    def close(self, signer: GatewayKey | None = None, **changes: Any) -> dict[str, Any]:
        """Sign the open events; `changes` are made before signing (sequence, previous, domain)."""
        first = self.batches[-1]["last"] + 1 if self.batches else 1
        given = {
            "sequence": len(self.batches) + 1,
            "previous": self.batches[-1]["root"] if self.batches else NO_ROOT,
            "domain": DOMAIN,
        } | changes
        leaves = [event.leaf for event in self.events[first - 1 :]]
        made = sign_batch(
            signer or self.key,
            given["domain"],
            first=first,
            leaves=leaves,
            sequence=given["sequence"],
            previous=given["previous"],
        )
        self.batches.append(made.to_wire())
        return self.batches[-1]

    def upload(self, **changes: Any) -> dict[str, Any]:
        """Everything it has, as the uplink sends it."""
        return {
            "gateway": self.key.address,
            "epoch": self.epoch,
            "lane": "s",
            "records": [{"seq": event.seq, "event": event.canonical().decode()} for event in self.events],
            "batches": list(self.batches),
        } | changes

    def whole_job(self, job_id: str, finish: str, **value: str) -> None:
        """Accepted, started, finished with `finish`."""
        for kind in ("job_accepted", "production_started"):
            self.say(kind, job=job_id)
        self.say(finish, job=job_id, value=value)


class Parameters:
    """Of the chain, all that ingest asks."""

    def __init__(self) -> None:
        self.away = False

    async def parameters(self) -> Any:
        if self.away:
            raise ChainUnavailable("no answer")
        return SimpleNamespace(chain_id=CHAIN_ID, factory=FACTORY_ADDRESS)


@dataclass
class Backend:
    """The router in an app, its store and what is behind it."""

    client: httpx.AsyncClient
    database: Database
    commands: FakeGatewayCommandStore
    chain: Parameters
    ctx: Context
    file: Path

    async def post(
        self, body: Mapping[str, Any] | bytes, *, packed: bool = False, token: str = "gw_1"
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if packed:
            content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
        return await self.client.post("/v1/ingest", content=content, headers=headers)

    async def post_raw(self, content: bytes, encoding: str) -> httpx.Response:
        headers = {"Authorization": "Bearer gw_1", "Content-Encoding": encoding}
        return await self.client.post("/v1/ingest", content=content, headers=headers)

    async def states(self) -> dict[str, JobState]:
        async with self.database.unit_of_work().read() as tx:
            return {found.id: found.state for found in await tx.production.jobs_of_agreement(AGREEMENT)}

    async def rows(self, table: str) -> int:
        """How many rows there are."""
        async with self.database._engines.read.begin() as connection:
            found: int = await connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of ours
            return found

    async def claims(self) -> list[str]:
        """Milestones that are to be claimed."""
        async with self.database._engines.read.begin() as connection:
            wanted = text("SELECT detail FROM outbox WHERE kind = 'claim_milestone' ORDER BY id")
            return [row.detail for row in await connection.execute(wanted)]


@asynccontextmanager
async def open_backend(
    template: Path,
    folder: Path,
    *,
    modes: Sequence[str] = ("production",),
    stopping: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Backend]:
    """A backend in `folder`, whose database begins as `template`."""
    url = copied(template, folder)
    async with opened(url) as database:
        await _fill(database)
        commands, chain = FakeGatewayCommandStore(), Parameters()
        ctx = cast(Context, SimpleNamespace(uow=database.unit_of_work(), clock=FakeClock(), chain=chain))

        async def authenticate(request: Request) -> Gateway:
            if request.headers.get("Authorization") != f"Bearer {GATEWAY.id}":
                raise Unauthenticated("sign in first")
            return GATEWAY

        app = FastAPI()
        install(app)
        app.include_router(create_router(ctx, commands, authenticate, modes=frozenset(modes), stopping=stopping))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            yield Backend(client, database, commands, chain, ctx, folder)


async def _fill(database: Database) -> None:
    """One order whose only agreement has two operations, both on our gateway, and one that is not ours."""
    decision = placing()
    proved = Milestone(3_000, EventCode.PRODUCTION_FINISHED)
    agreed = agreement(
        AGREEMENT,
        terms=terms(attestor=KEY.address, milestones=(proved,), spec_hash=SPEC),
        lines=("bases", "covers"),
        milestone_states={},
        payouts=(),
    )
    async with database.unit_of_work().write() as tx:
        await tx.parties.add_account(account(organisation=organisation()))
        await tx.parties.add_gateway(GATEWAY)
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        await tx.agreements.save(agreed)
        await tx.agreements.save(agreement("0x" + "b2" * 32))
        shared = {"agreement_id": AGREEMENT, "spec_hash": SPEC, "state": JobState.WAITING, "done": 0, "of": 0}
        for job_id, operation in zip(JOBS, ("bases", "covers"), strict=True):
            await tx.production.add_job(job(job_id, operation=operation, **shared))
        await tx.production.add_job(job("job-foreign", gateway="gw_2", **shared | {"agreement_id": "0x" + "b2" * 32}))


def started() -> Machine:
    """A machine that has accepted and started its first job, and signed it."""
    machine = Machine()
    machine.say("job_accepted")
    machine.say()
    machine.close()
    return machine


async def refused(backend: Backend, body: Any, status: int = 422, words: str = "") -> None:
    """The upload is refused with a problem that does not repeat it, and nothing is kept."""
    before = [await backend.rows(table) for table in ("production_events", "production_batches", "outbox")]
    answer = await backend.post(body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert before == [await backend.rows(table) for table in ("production_events", "production_batches", "outbox")]
