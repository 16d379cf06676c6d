"""A marketplace small enough for a test: the real use cases and database, a chain that only remembers its parameters.

A signature is the signer's address followed by 45 bytes of anything, which is all that the interface needs to know.
"""

import base64
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import rfc8785
from eth_hash.auto import keccak
from fastapi import FastAPI

from marketplace.application.catalogue import load_catalogue
from marketplace.application.context import Context, Policy
from marketplace.persistence.database import Database
from marketplace.ports.chain import Chain, ChainParameters, ChainUnavailable, TypedData
from mobile_api.app import create_app
from mobile_api.settings import ApiSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse battery"
SETTINGS = ApiSettings(
    jwt_secret="a secret of the tests, long enough for HS256",
    vapid_public_key="B" * 87,
    development=True,
    argon2_memory_kib=64,
    argon2_passes=1,
    account_budget=0,  # tests knock faster than any account may; `test_budgets` gives it one
)


class StillClock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, step: timedelta) -> None:
        self.at += step


class PaperChain:
    """Parameters, digests and "signatures"; everything else is another test's."""

    def __init__(self) -> None:
        self.away = False

    async def parameters(self) -> ChainParameters:
        if self.away:
            raise ChainUnavailable("no answer")
        return ChainParameters(
            chain_id=31337,
            factory="0x" + "fa" * 20,
            token="0x" + "70" * 20,
            token_symbol="TEUR",
            token_decimals=6,
            unit=10_000,
            fee_bps=100,
            fee_receiver="0x" + "fe" * 20,
            self_attested_bps=3_000,
            arbiter="0x" + "ab" * 20,
            start_block=0,
        )

    def signed_by(self, typed: TypedData, signature: str) -> str | None:
        del typed
        return signature[:42]

    def keccak(self, data: bytes) -> str:
        return "0x" + keccak(data).hex()


def signature_of(address: str) -> str:
    """What `PaperChain` takes for a signature by this address."""
    return address + "00" * 45


@dataclass
class Person:
    """Somebody who is signed in: their headers, account and address."""

    account: Mapping[str, Any]
    token: str
    address: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class World:
    """A running interface and what is behind it."""

    app: FastAPI
    client: httpx.AsyncClient
    ctx: Context
    clock: StillClock
    chain: PaperChain

    async def join(self, role: str = "customer", organisation: str | None = None) -> Person:
        """A new person with a registered key."""
        email = f"{role}-{uuid.uuid4().hex[:8]}@example.com"
        body = {"email": email, "password": PASSWORD, "display_name": role.title(), "role": role}
        if role != "customer":
            body["organisation_name"] = organisation or f"{role} {uuid.uuid4().hex[:8]}"
        made = await self.client.post("/v1/accounts", json=body)
        assert made.status_code == 201, made.text
        return await self.sign_in(email)

    async def sign_in(self, email: str) -> Person:
        """A person with a fresh token and a registered key."""
        answer = await self.client.post("/v1/tokens", headers=basic(email, PASSWORD))
        assert answer.status_code == 200, answer.text
        found = answer.json()
        person = Person(found["account"], found["access_token"], "0x" + secrets.token_hex(20))
        key = {"address": person.address, "signature": signature_of(person.address)}
        known = await self.client.put("/v1/me/signing-key", json=key, headers=person.headers)
        assert known.status_code == 200, known.text
        return person

    def order_body(self, person: Person, **changes: object) -> dict[str, object]:
        """An order that this person could place today."""
        return {
            "product_id": "pneumatic-cylinder",
            "configuration": {"base": "base-40mm", "amount": 40, "engraving": "SENAI"},
            "deliver_by": (self.clock.now().date() + timedelta(days=14)).isoformat(),
            "payer_address": person.address,
            "handover_hash": "0x" + "5e" * 32,
            "client_reference": str(uuid.uuid4()),
        } | changes

    async def place(self, person: Person, **changes: object) -> dict[str, Any]:
        """Place an order."""
        body = self.order_body(person, **changes)
        answer = await self.client.post("/v1/orders", json=body, headers=person.headers)
        assert answer.status_code == 201, answer.text
        return cast(dict[str, Any], answer.json())

    def day(self, days: int) -> date:
        """So many days from now."""
        return self.clock.now().date() + timedelta(days=days)


def basic(name: str, password: str) -> dict[str, str]:
    """HTTP Basic credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://marketplace")


def address_of(folder: Path) -> str:
    """The database of a world."""
    return f"sqlite:///{folder / 'marketplace.db'}"


@asynccontextmanager
async def open_world(
    folder: Path,
    settings: ApiSettings = SETTINGS,
    url: str | None = None,
    opened: Callable[[str], Database] = Database,
) -> AsyncIterator[World]:
    """A marketplace in `folder`, or at `url`, in whose database the tables are."""
    database = opened(url or address_of(folder))
    clock, chain = StillClock(), PaperChain()
    ctx = Context(
        uow=database.unit_of_work(),
        clock=clock,
        chain=cast(Chain, chain),
        directory=cast(Any, None),
        selection=cast(Any, None),
        push=cast(Any, None),
        dispatch=cast(Any, None),
        catalogue=load_catalogue(EXAMPLES),
        policy=Policy(development=settings.development),
        new_id=lambda: secrets.token_hex(8),
        random_hash=lambda: "0x" + secrets.token_hex(32),
        canonical=rfc8785.dumps,
        random=lambda: 1.0,
    )
    app = create_app(ctx, settings, static_dir=folder / "static")
    try:
        async with app.router.lifespan_context(app), client_of(app) as client:
            yield World(app, client, ctx, clock, chain)
    finally:
        await database.close()
