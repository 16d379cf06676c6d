"""A small real situation: orders of every kind, lived through by the product itself on a real chain and database.

The chain is our devchain's own method table without a socket, the database a file; everybody signs with real keys.
"""

import asyncio
import json
import secrets
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785

from contracts.adapter import ChainAdapter
from contracts.deployer import AddressBook
from contracts.guard import Expected, GuardedNode
from marketplace.application.cancel_order import cancel_order
from marketplace.application.context import Context, Policy
from marketplace.application.hand_over import hand_over
from marketplace.application.record_production import record_production
from marketplace.application.register import register
from marketplace.application.report_by_hand import jobs, report
from marketplace.application.ship_order import ship_order
from marketplace.application.signing_key import proof_to_sign, set_signing_key
from marketplace.domain.agreement import ActionKind
from marketplace.domain.parties import Account, Role
from marketplace.domain.production import Job
from marketplace.persistence.database import Database
from marketplace.ports.chain import Consent
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.fakes.job_dispatch import FakeJobDispatch
from marketplace.ports.fakes.push import FakePushSender
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.fakes.supplier_directory import FakeSupplierDirectory
from marketplace.ports.unit_of_work import Gateway
from shopfloor import ingest
from shopfloor.gateway.signing import Domain
from tests.application.example import FUNDS_MINOR, LISTINGS, SECRET, catalogue
from tests.application.world import World, populate
from tests.contracts.world import ADDRESS, SIGNERS, START, LocalRpc
from tests.persistence.databases import new_file
from tests.ports.chain.harness import deploy_chain
from tests.shopfloor.ingesting import Machine

KEYS = {
    "customer": "customer",
    "maker": "maker",
    "amp": "supplier_a",
    "reconcavo": "supplier_b",
    "tejo": "stranger",
    "carrier": "carrier",
}
"""Who of the example signs with whose key."""


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class ChainWorld(World):
    """The world of the application's tests, on a real chain and with real signatures."""

    rpc: LocalRpc

    async def join(self, name: str, role: Role, organisation: str | None = None, party: str | None = None) -> Account:
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
        address = ADDRESS[KEYS[name]]
        proof = self._sign(name, proof_to_sign(account.id, address))
        await set_signing_key(self.ctx, account, address=address, signature=proof)
        self.people[name] = await self._account(account.id)
        return self.people[name]

    def _sign(self, name: str, typed: dict[str, Any]) -> str:
        return "0x" + at_once(SIGNERS[KEYS[name]].sign_typed_data(typed)).hex()

    def signature(self, name: str, typed: dict[str, Any]) -> str:
        return self._sign(name, typed)

    async def work(self, ctx: Context | None = None) -> None:
        for _ in range(2):
            await super().work(ctx)
            await self.ctx.chain.reconcile()

    def set_time(self, at: datetime) -> None:
        self.clock.set(at)
        self.rpc.warp(int(at.timestamp()))

    async def upload_as(self, door: Gateway, machine: Machine, **changes: Any) -> dict[str, int]:
        known = await self.ctx.chain.parameters()
        upload = ingest.parse_upload(rfc8785.dumps(machine.upload(**changes)), machine.key.address)
        domain = Domain(known.chain_id, known.factory)
        events, batches = ingest.verify(upload, machine.key.address, domain, frozenset({"production"}))
        return await record_production(self.ctx, door, events, batches)

    async def make_for(self, name: str, order_id: str) -> None:
        """The machine of `name` works off what it has to do for one order."""
        queued = [job for job, _ in self.dispatch.queued(self.gateways[name].id)]
        mine: list[Job] = [job for job in queued if job.order_id == order_id]
        await self.make(name, *mine)

    async def report_for(self, name: str, order_id: str) -> None:
        """Somebody at the organisation of `name` reports its job for one order as done."""
        for job in await jobs(self.ctx, self[name]):
            if job.order_id == order_id:
                for kind in ("started", "finished"):
                    await report(self.ctx, self[name], job.id, kind=kind, note="")


@dataclass(frozen=True)
class Situation:
    """Files of a chain and a database, and the orders in them by what they are."""

    folder: Path
    book: AddressBook
    orders: dict[str, str]
    now: float

    @property
    def database(self) -> Path:
        return self.folder / "business.db"

    @property
    def chain(self) -> Path:
        return self.folder / "chain"

    def save(self) -> None:
        """For other processes of the same run."""
        self.book.save(self.folder / "contracts.json")
        (self.folder / "situation.json").write_text(json.dumps([self.orders, self.now]))

    @classmethod
    def load(cls, folder: Path) -> "Situation":
        """What was saved in a folder."""
        orders, now = json.loads((folder / "situation.json").read_text())
        book = AddressBook.from_json((folder / "contracts.json").read_text())
        return cls(folder, book, orders, now)


def build(folder: Path) -> Situation:
    """The situation, made by use cases alone."""
    return asyncio.run(_build(folder))


async def _build(folder: Path) -> Situation:
    book = await deploy_chain(folder / "chain")
    await new_file(folder / "business.db")
    rpc = LocalRpc(folder / "chain")
    database = Database(f"sqlite:///{folder / 'business.db'}")
    try:
        world = _world(rpc, book, database)
        await world.ctx.chain.fund_test_account("fund", ADDRESS["customer"], FUNDS_MINOR)
        await populate(world)
        orders = await _live(world)
        return Situation(folder, book, orders, world.clock.now().timestamp())
    finally:
        await database.close()
        rpc.node.close()


def _world(rpc: LocalRpc, book: AddressBook, database: Database) -> ChainWorld:
    clock = FakeClock(datetime.fromtimestamp(START, UTC))
    assert book.test_euro is not None
    chain: Any = ChainAdapter(
        rpc,
        GuardedNode(rpc, Expected(book.chain_id, book.genesis), clock.now),
        book,
        SIGNERS["relayer"],
        database.chain_transactions(),
        money=book.test_euro,
        arbiter=ADDRESS["arbiter"],
        fee_bps=250,
        development=True,
        now=clock.now,
    )
    directory, push, dispatch = FakeSupplierDirectory(LISTINGS), FakePushSender(), FakeJobDispatch()
    ctx = Context(
        uow=database.unit_of_work(),
        clock=clock,
        chain=chain,
        directory=directory,
        selection=FakeSelection(),
        push=push,
        dispatch=dispatch,
        catalogue=catalogue(),
        policy=Policy(development=True),
        new_id=lambda: secrets.token_hex(8),
        random_hash=lambda: "0x" + secrets.token_hex(32),
        canonical=rfc8785.dumps,
        random=lambda: 1.0,
    )
    world = ChainWorld(ctx, database, clock, chain, directory, push, dispatch)
    world.rpc = rpc
    return world


async def _live(world: ChainWorld) -> dict[str, str]:
    """Orders that ended, run and wait. Those that need time to pass come first."""
    refunded = await world.contracted()
    world.pass_time(days=30)
    await world.work()
    settled = await _delivered(world)
    await world.accept(settled)
    await world.sign_open("maker")
    await world.work()
    disputed = await _delivered(world)
    await _dispute(world, disputed)
    delivered = await _delivered(world)
    contracted = await world.contracted()
    await world.make_for("amp", contracted)
    await world.work()
    quoted = await world.quoted()
    cancelled = await world.quoted()
    await cancel_order(world.ctx, world["customer"], cancelled, reason="")
    sourcing = (await world.place()).id
    await world.work()
    assert await world.parked() == []
    return {
        "refunded": refunded,
        "settled": settled,
        "disputed": disputed,
        "delivered": delivered,
        "contracted": contracted,
        "quoted": quoted,
        "cancelled": cancelled,
        "sourcing": sourcing,
    }


async def _delivered(world: ChainWorld) -> str:
    order_id = await world.contracted()
    await world.make_for("amp", order_id)
    await world.report_for("reconcavo", order_id)
    await world.work()
    assert await world.sign_open("carrier") == 2
    await world.work()
    await world.make_for("maker", order_id)
    await world.work()
    await ship_order(world.ctx, world["maker"], order_id)
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    await world.work()
    return order_id


async def _dispute(world: ChainWorld, order_id: str) -> None:
    """The customer asks the arbiter, on the chain and without us."""
    delivery = (await world.agreements(order_id))[0]
    deadline = int(world.clock.now().timestamp()) + 30 * 86_400
    state = 1  # Delivered
    typed = await world.ctx.chain.action_to_sign(delivery.id, ActionKind.DISPUTE, deadline, state)
    consent = Consent(world.signature("customer", typed), deadline, state)
    await world.ctx.chain.act(f"dispute:{delivery.id}", delivery, ActionKind.DISPUTE, consent)
    await world.work()


def copied(situation: Situation, folder: Path) -> Path:
    """A database of one's own to spoil."""
    return Path(shutil.copy(situation.database, folder / "business.db"))
