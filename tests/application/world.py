"""A marketplace with its people: the use cases on a real database, everything outside by the fakes that ship."""

import json
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rfc8785
from eth_hash.auto import keccak
from sqlalchemy import event, text

from marketplace.application import sign_in
from marketplace.application.accept_delivery import accept_delivery, acceptance
from marketplace.application.chain_sync import sync_chain
from marketplace.application.confirm_quote import confirm_quote, confirmation
from marketplace.application.context import Context, Policy
from marketplace.application.gather_signatures import requests
from marketplace.application.gather_signatures import sign as sign_request
from marketplace.application.hand_over import hand_over
from marketplace.application.place_order import place_order
from marketplace.application.record_production import record_production
from marketplace.application.register import register
from marketplace.application.register_gateway import gateway, register_gateway
from marketplace.application.relay import relay_due
from marketplace.application.report_by_hand import jobs, report
from marketplace.application.ship_order import ship_order
from marketplace.application.signing_key import proof_to_sign, set_signing_key
from marketplace.application.views import OrderView, SignatureRequestView
from marketplace.domain.agreement import Agreement
from marketplace.domain.evidence import SignedBatch
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Account, Role
from marketplace.domain.production import FINAL, Job
from marketplace.persistence.database import Database
from marketplace.ports.fakes.chain import FakeChain
from marketplace.ports.fakes.chain_ledger import START
from marketplace.ports.fakes.chain_messages import sign
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.fakes.job_dispatch import FakeJobDispatch
from marketplace.ports.fakes.mail import FakeMailSender
from marketplace.ports.fakes.push import FakePushSender
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.fakes.supplier_directory import FakeSupplierDirectory
from marketplace.ports.unit_of_work import Gateway
from shopfloor import ingest
from shopfloor.gateway.signing import Domain
from tests.application.example import (
    CONFIGURATION,
    FUNDS_MINOR,
    LISTINGS,
    SECRET,
    address_of,
    catalogue,
    key_of,
    work_off,
)
from tests.shopfloor.ingesting import Machine

MOST_ROUNDS = 60
"""A story that is not at rest by then goes round in circles."""


@dataclass
class World:
    """The people of the story and the means to let it happen."""

    ctx: Context
    database: Database
    clock: FakeClock
    chain: FakeChain
    directory: FakeSupplierDirectory
    push: FakePushSender
    dispatch: FakeJobDispatch
    people: dict[str, Account] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    mail: FakeMailSender = field(default_factory=FakeMailSender)

    def __getitem__(self, name: str) -> Account:
        return self.people[name]

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    async def join(self, name: str, role: Role, organisation: str | None = None, party: str | None = None) -> Account:
        """Somebody with a signing key."""
        made = await register(
            self.ctx,
            email=f"{name}@example.org",
            password_hash="$argon2id$",
            display_name=name.title(),
            role=role,
            organisation_name=organisation,
            registry_party_id=party,
        )
        account = await self._account(made.id)
        address = self.address(name)
        proof = self.signed_by(name, proof_to_sign(account.id, address))
        await set_signing_key(self.ctx, account, address=address, signature=proof)
        self.people[name] = await self._account(account.id)
        return self.people[name]

    def address(self, name: str) -> str:
        """Where somebody's money is; another chain has other keys."""
        return address_of(name)

    def signed_by(self, name: str, typed: dict[str, Any]) -> str:
        """Somebody's signature as this chain knows them."""
        return sign(self.address(name), typed)

    def sealed(self, machine: Machine, batch: SignedBatch) -> SignedBatch:
        """A batch with the signature of its machine, as this chain knows them."""
        typed = self.chain.evidence_root_to_sign(batch.root, batch.sequence, batch.previous)
        return replace(batch, signature=sign(machine.key.address, typed))

    async def equip(self, name: str) -> Gateway:
        """A machine with a gateway for the organisation of `name`."""
        key = key_of(name)
        made = await register_gateway(
            self.ctx, self[name], name=f"{name} cell", address=key.address, secret="s", secret_hash="h"
        )
        found = await gateway(self.ctx, made.id)
        assert found is not None
        self.gateways[name] = found
        self.machines[name] = Machine(key)
        return found

    async def _account(self, account_id: str) -> Account:
        found = await sign_in.account(self.ctx, account_id)
        assert found is not None
        return found

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    async def work(self, ctx: Context | None = None) -> None:
        """What the worker does, until nothing more is to be done at this instant."""
        for _ in range(MOST_ROUNDS):
            if not await relay_due(ctx or self.ctx) + await sync_chain(ctx or self.ctx):
                return
        raise AssertionError("the worker does not come to rest")

    def pass_time(self, **step: float) -> None:
        """Wall clock and chain go on together."""
        self.set_time(self.clock.now() + timedelta(**step))

    def set_time(self, at: datetime) -> None:
        self.clock.set(at)
        self.chain.node.mine(int(at.timestamp()))

    def day(self, days: int) -> date:
        return self.clock.now().date() + timedelta(days=days)

    # ── the story ────────────────────────────────────────────────────────────────────────────────

    async def place(self, **changes: Any) -> OrderView:
        """The customer's order of forty cylinders in a fortnight."""
        given: dict[str, Any] = {
            "product_id": "pneumatic-cylinder",
            "configuration": CONFIGURATION,
            "deliver_by": self.day(14),
            "payer_address": self["customer"].address,
            "handover_hash": self.chain.keccak(bytes.fromhex(SECRET[2:])),
            "client_reference": secrets.token_hex(8),
        }
        return await place_order(self.ctx, self["customer"], **(given | changes))

    async def quoted(self, **changes: Any) -> str:
        """An order whose price is firm; its id."""
        order_id = (await self.place(**changes)).id
        await self.work()
        assert await self.status(order_id) is Status.SOURCING
        await self.sign_open("amp", "reconcavo", "maker")
        return order_id

    async def confirm(self, order_id: str) -> OrderView:
        """The customer signs terms and permit."""
        shown = await confirmation(self.ctx, self["customer"], order_id)
        return await confirm_quote(
            self.ctx,
            self["customer"],
            order_id,
            terms_signature=self.signature("customer", shown.terms),
            permit_signature=self.signature("customer", shown.permit),
        )

    async def contracted(self, **changes: Any) -> str:
        """An order whose money is secured and whose suppliers have their jobs; its id."""
        order_id = await self.quoted(**changes)
        await self.confirm(order_id)
        await self.work()
        assert await self.status(order_id) is Status.CONTRACTED
        return order_id

    async def supplied(self, **changes: Any) -> str:
        """An order whose parts have arrived, so that the manufacturer may begin; its id."""
        order_id = await self.contracted(**changes)
        await self.make("amp")
        await self.report("reconcavo", "started", "finished")
        await self.work()
        assert await self.sign_open("carrier") == 2
        await self.work()
        return order_id

    async def shipped(self, **changes: Any) -> str:
        """An order that is on its way; its id."""
        order_id = await self.supplied(**changes)
        await self.make("maker")
        await self.work()
        await ship_order(self.ctx, self["maker"], order_id)
        return order_id

    async def delivered(self, **changes: Any) -> str:
        """An order that the customer has in hand; its id."""
        order_id = await self.shipped(**changes)
        await hand_over(self.ctx, self["carrier"], order_id, secret=SECRET)
        await self.work()
        assert await self.status(order_id) is Status.DELIVERED
        return order_id

    async def accept(self, order_id: str) -> OrderView:
        """The customer signs that the goods are accepted."""
        shown = await acceptance(self.ctx, self["customer"], order_id)
        signature = self.signature("customer", shown.typed_data)
        return await accept_delivery(self.ctx, self["customer"], order_id, signature=signature)

    async def report(self, name: str, *kinds: str, note: str = "") -> None:
        """Somebody at the organisation of `name` reports on its oldest open job."""
        mine = [job for job in await jobs(self.ctx, self[name]) if job.state not in FINAL]
        for kind in kinds:
            await report(self.ctx, self[name], mine[-1].id, kind=kind, note=note)

    async def sign_open(self, *names: str) -> int:
        """The organisations sign what lies open before them; returns how many requests there were."""
        count = 0
        for name in names:
            for request in await requests(self.ctx, self[name], open_only=True):
                await self.sign(name, request.id, dict(request.typed_data))
                count += 1
        return count

    async def sign(self, name: str, request_id: str, typed: dict[str, Any]) -> SignatureRequestView:
        """One signature of an organisation."""
        return await sign_request(self.ctx, self[name], request_id, signature=self.signature(name, typed))

    def signature(self, name: str, typed: dict[str, Any]) -> str:
        """The signature of somebody's key under a message."""
        assert self[name].address is not None
        return self.signed_by(name, typed)

    async def make(self, name: str, *jobs: Job, **how: Any) -> None:
        """The machine of `name` works its jobs off and uploads."""
        for job in jobs or [queued for queued, _ in self.dispatch.queued(self.gateways[name].id)]:
            work_off(self.machines[name], job, **how)
        await self.seal(name)
        await self.upload(name)

    async def seal(self, name: str, **changes: Any) -> None:
        """The machine of `name` signs what it has said since the last time."""
        known = await self.chain.parameters()
        self.machines[name].close(**({"domain": Domain(known.chain_id, known.factory)} | changes))

    async def upload(self, name: str, **changes: Any) -> dict[str, int]:
        """Send everything that the machine of `name` has ever said."""
        return await self.upload_as(self.gateways[name], self.machines[name], **changes)

    async def upload_as(self, door: Gateway, machine: Machine, **changes: Any) -> dict[str, int]:
        """As ingest does it; a chain may have a signature scheme of its own."""
        known = await self.chain.parameters()
        raw = json.dumps(machine.upload(**changes)).encode()
        upload = ingest.parse_upload(raw, machine.key.address)
        domain = Domain(known.chain_id, known.factory)
        events, batches = ingest.verify(upload, machine.key.address, domain, frozenset({"production"}))
        signed = [self.sealed(machine, batch) for batch in batches]
        return await record_production(self.ctx, door, events, signed)

    # ── what is there ────────────────────────────────────────────────────────────────────────────

    async def order(self, order_id: str) -> Order:
        async with self.ctx.uow.read() as tx:
            found = await tx.orders.get(order_id)
        assert found is not None
        return found

    async def status(self, order_id: str) -> Status:
        return (await self.order(order_id)).status

    async def agreements(self, order_id: str) -> Sequence[Agreement]:
        async with self.ctx.uow.read() as tx:
            return await tx.agreements.of_order(order_id)

    async def events(self, order_id: str) -> list[str]:
        async with self.ctx.uow.read() as tx:
            return [event.name for event in await tx.orders.events(order_id)]

    async def rows(self, wanted: str) -> list[Any]:
        """The rows of a question of our own: a second opinion."""
        async with self.database._engines.read.begin() as connection:
            return list(await connection.execute(text(wanted)))

    async def parked(self) -> list[str]:
        """Effects that the relay gave up."""
        return [f"{row.kind}: {row.reason}" for row in await self.rows("SELECT * FROM outbox WHERE status = 'parked'")]


class Scratch:
    """One database file, begun anew for each world: the engines keep the statements that they have compiled."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "business.db"
        self.database = Database(f"sqlite:///{self.file}")
        # What survives a power cut is not tested here; the disk's fsync would be half of the time.
        event.listen(self.database._engines.write.sync_engine, "connect", forget_power_cuts)

    def begin(self, template: Path) -> Database:
        """The database as `template` holds it. The last world must be closed."""
        for rest in ("-wal", "-shm"):
            self.file.with_name(self.file.name + rest).unlink(missing_ok=True)
        shutil.copy(template, self.file)
        return self.database


@asynccontextmanager
async def open_world(
    scratch: Scratch,
    template: Path,
    people: Mapping[str, Account] = MappingProxyType({}),
    gateways: Mapping[str, Gateway] = MappingProxyType({}),
    *,
    confirmations: int = 0,
    **policy: Any,
) -> AsyncIterator[World]:
    """A marketplace whose database begins as `template`, in which `people` have joined. One at a time."""
    database = scratch.begin(template)
    clock = FakeClock(datetime.fromtimestamp(START, UTC))
    chain = FakeChain(digest=keccak, confirmations=confirmations)
    directory, push, dispatch = FakeSupplierDirectory(LISTINGS), FakePushSender(), FakeJobDispatch()
    mail = FakeMailSender()
    ctx = Context(
        uow=database.unit_of_work(),
        clock=clock,
        chain=chain,
        directory=directory,
        selection=FakeSelection(),
        push=push,
        dispatch=dispatch,
        catalogue=catalogue(),
        policy=Policy(**({"development": True, "confirmations": confirmations} | policy)),
        new_id=lambda: secrets.token_hex(8),
        random_hash=lambda: "0x" + secrets.token_hex(32),
        canonical=rfc8785.dumps,
        random=lambda: 1.0,
        mail=mail,
    )
    try:
        await chain.fund_test_account("fund", address_of("customer"), FUNDS_MINOR)
        machines = {name: Machine(key_of(name)) for name in gateways}
        yield World(
            ctx, database, clock, chain, directory, push, dispatch, dict(people), dict(gateways), machines, mail
        )
    finally:
        await database.close()


def forget_power_cuts(connection: Any, _: Any) -> None:
    """A listener of SQLite connections: nothing is written through to the disk."""
    connection.execute("PRAGMA synchronous=OFF")


async def populate(world: World) -> None:
    """The people of the example; everybody but the drilling shop has a connected machine."""
    await world.join("customer", Role.CUSTOMER)
    await world.join("maker", Role.MANUFACTURER, "Model Factory")
    await world.join("amp", Role.SUPPLIER, "AMP", "amp")
    await world.join("reconcavo", Role.SUPPLIER, "Reconcavo Machining", "reconcavo")
    await world.join("tejo", Role.SUPPLIER, "Tejo Precision", "tejo")
    await world.join("carrier", Role.CARRIER, "Parcels")
    for name in ("maker", "amp", "tejo"):
        await world.equip(name)
