"""A marketplace full of other people's things: two customers, two factories, and orders in every state between them.

`tell` lets it happen once, with the real use cases; `open_house` opens a copy behind the whole interface, the gateways'
doors included. A thing is asked for by what it is, who asks and whose it is.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from marketplace.application import acceptance_rule
from marketplace.application.context import Context
from marketplace.application.gather_signatures import requests
from marketplace.application.report_by_hand import jobs, report
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.clients import ClientKind
from marketplace.domain.parties import Account, Role
from marketplace.domain.product import Template
from marketplace.domain.production import Job
from marketplace.persistence.tables import metadata
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.fakes.stores import FakeGatewayCommandStore
from mobile_api import tokens
from mobile_api.app import create_app
from mobile_api.security import GATEWAY_ROLE, gateway_authenticator
from mobile_api.settings import GATEWAY_AUDIENCE
from shopfloor.ingest import create_router
from tests.application.example import FUNDS_MINOR, LISTINGS, SUPPLY_MINOR, TOTAL_MINOR, catalogue
from tests.application.world import Scratch, World, open_world, populate
from tests.mobile_api.furnishing import (
    absent_supplier,
    client_of,
    device_of,
    file_of,
    gateway_of,
    invitation_by,
    photo_of,
)
from tests.mobile_api.oauth import REDIRECT
from tests.mobile_api.world import SETTINGS
from tests.persistence.samples import account as sample_account
from tests.persistence.samples import message as sample_message

NEIGHBOURS = "2"
"""What the names of the second tenant end in."""
STATES = ("delivered", "shipped", "produced", "arrived", "quoted", "sourcing", "matched")
"""Of the first tenant's orders. In `arrived` the carrier is asked to sign, and a person has a job to report on."""
HERE, SHARED, ABROAD, THERE = "customer/maker", "customer2/maker", "customer/maker2", "customer2/maker2"
"""Whose orders with whom; the suppliers and the carrier are those of the customer."""
MISSING = {"file": "0x" + "0f" * 32, "photo": "0x" + "0f" * 32}
"""What names nothing and could; ids are called nowhere."""
OTHERS = {"maker": "reconcavo"}
"""Who else takes part in the same orders; for all but the manufacturer it is the manufacturer."""
PARTY_THINGS = {
    # What can still be answered comes first: `open` before `signed`, `waiting` before `ended`.
    "request": ("(SELECT * FROM signature_requests ORDER BY status)", "organisation_id"),
    "job": ("(SELECT * FROM jobs ORDER BY state DESC)", "organisation_id"),
    "message": ("inbox_messages", "party_id"),
}
WITH_CLIENTS = [f"{name}{suffix}" for name in ("maker", "reconcavo", "carrier") for suffix in ("", NEIGHBOURS)]
STATE_FOR = {
    "confirmation": "quoted",
    "confirm": "quoted",
    "cancel": "matched",
    "decision": "matched",
    "ship": "produced",
    "handover": "shipped",
    "design-files": "sign",
    "invitations": "matched",
    "absent-suppliers": "matched",
}
"""The state in which an operation below an order succeeds; for all others the order is delivered."""


@dataclass
class Cast(World):
    """A world seen from other people's side: the names of the story are played by `stand_ins`.

    They look after the order that was placed last, and let the others lie.
    """

    stand_ins: Mapping[str, str] = field(default_factory=dict)
    product: str = ""
    current: str = ""

    def address(self, name: str) -> str:
        return super().address(self.stand_ins.get(name, name))

    async def place(self, **changes: Any) -> Any:
        placed = await super().place(**({"product_id": self.product} | changes))
        self.current = placed.id
        return placed

    async def sign_open(self, *names: str) -> int:
        count = 0
        for name in names:
            for request in await requests(self.ctx, self[name], open_only=True):
                if request.order_id == self.current:
                    await self.sign(name, request.id, dict(request.typed_data))
                    count += 1
        return count

    async def report(self, name: str, *kinds: str, note: str = "") -> None:
        (job,) = [job for job in await jobs(self.ctx, self[name]) if job.order_id == self.current]
        for kind in kinds:
            await report(self.ctx, self[name], job.id, kind=kind, note=note)

    async def make(self, name: str, *chosen: Job, **how: Any) -> None:
        queued = [job for job, _ in self.dispatch.queued(self.gateways[name].id) if job.order_id == self.current]
        await super().make(name, *(chosen or queued), **how)


@dataclass(frozen=True)
class Crowd:
    """The database in which everything has happened, and what is in it."""

    file: Path
    at: datetime
    people: Mapping[str, Account]
    orders: Mapping[str, Mapping[str, str]]
    files: Mapping[str, str]
    photo: str
    devices: Mapping[str, str]
    gateways: Mapping[str, tuple[str, str]]
    invitations: Mapping[str, str]
    clients: Mapping[str, str]
    """A partner of each organisation by its person's name, and under "app" one that people let in."""


def products() -> Mapping[str, Template]:
    """The examples, and both of them again as the second factory makes them."""
    known = catalogue()
    others = {
        f"{name}{NEIGHBOURS}": replace(one, id=f"{name}{NEIGHBOURS}", manufacturer="Other Works")
        for name, one in known.items()
    }
    return {**known, **others}


async def tell(scratch: Scratch, empty: Path, folder: Path) -> Crowd:
    """Everything happens; the database is left in `folder`."""
    async with open_world(scratch, empty) as world:
        world.ctx = replace(world.ctx, catalogue=products())
        await populate(world)
        await _populate_next_door(world)
        orders = {
            THERE: await _orders(world, ("delivered", "quoted"), customer=True, maker=True),
            SHARED: await _orders(world, ("quoted",), customer=True, maker=False),
            ABROAD: await _orders(world, ("quoted",), customer=False, maker=True),
            HERE: await _orders(world, STATES, customer=False, maker=False),
        }
        operator = sample_account("acc_operator", role=Role.OPERATOR, display_name="Operator", email="op@example.org")
        async with world.ctx.uow.write() as tx:
            await tx.parties.add_account(operator)
            for name, reader in (world.people | {"operator": operator}).items():
                told = sample_message(f"msg_{name}", party_id=reader.party_id, order_id=orders[HERE]["matched"])
                await tx.inbox.add(told)
        world.people["operator"] = operator
        phones = {name: await device_of(world.ctx, person) for name, person in world.people.items()}
        files = {name: await file_of(world, name, width) for name, width in (("customer", 30), ("customer2", 31))}
        files["customer3"] = await file_of(world, "customer2", 32)
        for whose, owner in ((HERE, "customer"), (SHARED, "customer2"), (ABROAD, "customer"), (THERE, "customer3")):
            product = "engraved-sign" + (NEIGHBOURS if whose.endswith(NEIGHBOURS) else "")
            buyer = "customer" if owner == "customer" else "customer2"
            orders[whose]["sign"] = await _sign(world, buyer, product, files[owner])
        shown = {await photo_of(world, name, orders[HERE]["delivered"]) for name in ("customer", "maker")}
        doors = {name: await gateway_of(world, name) for name in ("maker", "maker2")}
        clients = {name: await client_of(world, name) for name in WITH_CLIENTS}
        clients["app"] = await client_of(world, f"maker{NEIGHBOURS}", ClientKind.APP, (REDIRECT,))
        invited = {
            scope: await invitation_by(world, scope, name, orders[whose]["quoted"])
            for scope, name, whose in (("own", "maker", HERE), ("other", "maker2", ABROAD), ("tenant", "maker2", THERE))
        }
        at = world.clock.now()
        people = dict(world.people)
    file = folder / "crowd.db"
    with closing(sqlite3.connect(scratch.file)) as told_to, closing(sqlite3.connect(file)) as kept:
        told_to.backup(kept)
    return Crowd(file, at, people, orders, files, shown.pop(), phones, doors, invited, clients)


async def _populate_next_door(world: World) -> None:
    await world.chain.fund_test_account("fund2", world.address("customer2"), FUNDS_MINOR)
    await world.join("customer2", Role.CUSTOMER)
    await world.join("maker2", Role.MANUFACTURER, "Other Works")
    await world.join("amp2", Role.SUPPLIER, "Other Parts", "amp2")
    await world.join("reconcavo2", Role.SUPPLIER, "Other Drills", "reconcavo2")
    await world.join("carrier2", Role.CARRIER, "Other Parcels")
    for name in ("maker2", "amp2"):
        await world.equip(name)


async def _orders(world: World, states: Iterable[str], *, customer: bool, maker: bool) -> dict[str, str]:
    """An order in each of these states. Suppliers and carrier are the neighbours' where the customer is."""
    played = {"customer": customer, "amp": customer, "reconcavo": customer, "carrier": customer, "maker": maker}
    names = {name: name + (NEIGHBOURS if other else "") for name, other in played.items()}
    suffix = NEIGHBOURS if customer else ""
    world.directory.listings = [
        replace(one, id=one.id + suffix, supplier_id=one.supplier_id + suffix)
        for one in LISTINGS
        if one.supplier_id != "tejo"
    ]
    cast = Cast(
        **(vars(world) | {"people": {name: world[real] for name, real in names.items()}}),
        stand_ins=names,
        product="pneumatic-cylinder" + (NEIGHBOURS if maker else ""),
    )
    cast.gateways = {name: world.gateways[names[name]] for name in ("maker", "amp")}
    cast.machines = {name: world.machines[names[name]] for name in ("maker", "amp")}
    idle = world["carrier" if customer else "carrier2"]
    await _move_away(world, idle)
    try:
        return await _in_states(cast, states)
    finally:
        await _move_back(world, idle)


async def _in_states(cast: Cast, states: Iterable[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for state in states:
        match state:
            case "delivered" | "shipped" | "quoted":
                made[state] = await getattr(cast, state)()
            case "produced":
                made[state] = await cast.supplied()
                await cast.make("maker")
            case "arrived":
                made[state] = await cast.contracted()
                await cast.make("amp")
            case "matched":
                await acceptance_rule.set_rule(cast.ctx, cast["maker"], AcceptanceRule(False, 10_000_000, 0))
                made[state] = (await cast.place()).id
            case "sourcing":
                made[state] = (await cast.place()).id
        await cast.work()
    return made


async def _move_away(world: World, carrier: Account) -> None:
    """The first carrier with an address is asked: one that has none is not."""
    await _write(world, "UPDATE organisations SET address = NULL WHERE id = :id", id=carrier.party_id)


async def _move_back(world: World, carrier: Account) -> None:
    await _write(
        world,
        "UPDATE organisations SET address = :address WHERE id = :id",
        id=carrier.party_id,
        address=carrier.address,
    )


async def _write(world: World, statement: str, **values: Any) -> None:
    async with world.database._engines.write.begin() as connection:
        await connection.execute(text(statement), values)


async def _sign(world: World, buyer: str, product: str, digest: str) -> str:
    cast = Cast(**(vars(world) | {"people": {"customer": world[buyer]}}), product=product)
    return str((await cast.place(configuration={"logo": digest}, deliver_by=world.day(30))).id)


@dataclass
class House:
    """The whole interface over a copy of the crowd's database."""

    app: FastAPI
    ctx: Context
    clock: FakeClock
    crowd: Crowd
    file: Path

    def person(self, role: str) -> Account:
        """Who acts as `role` in the tests: all of the first tenant. The supplier is the one that reports by hand."""
        return self.crowd.people[{"manufacturer": "maker", "supplier": "reconcavo"}.get(role, role)]

    def token(self, role: str, *, issued: datetime | None = None) -> str:
        """A token of this role's person, or of the manufacturer's gateway."""
        gateway = role == GATEWAY_ROLE
        lifetime = timedelta(seconds=SETTINGS.gateway_token_s) if gateway else timedelta(days=SETTINGS.token_days)
        token, _ = tokens.issue(
            SETTINGS,
            subject=self.crowd.gateways["maker"][0] if gateway else self.person(role).id,
            role=GATEWAY_ROLE if gateway else self.person(role).role.value,
            audience=GATEWAY_AUDIENCE if gateway else SETTINGS.audience,
            lifetime=lifetime,
            now=issued or self.clock.now(),
        )
        return token

    def thing(self, kind: str, role: str, scope: str, rest: str = "") -> str:
        """The id of a thing of `kind` that is, to the person who acts as `role`, `own`, another party's (`other`) or
        another tenant's (`tenant`), or that does not exist (`missing`). `rest` is the path below it."""
        if scope == "missing":
            return MISSING.get(kind, "nowhere")
        me = {"manufacturer": "maker", "supplier": "reconcavo", "gateway": "maker"}.get(role, role)
        me = me if me in self.crowd.people else "customer"
        whose = {"own": me, "other": OTHERS.get(me, "maker"), "tenant": f"{me}{NEIGHBOURS}"}[scope]
        whose = whose if whose in self.crowd.people else f"maker{NEIGHBOURS}"
        match kind:
            case "order":
                mine = ABROAD if me == "maker" else SHARED
                orders = self.crowd.orders[{"own": HERE, "other": mine, "tenant": THERE}[scope]]
                return orders.get(STATE_FOR.get(rest, "delivered"), orders["quoted"])
            case "file":
                return self.crowd.files[{"own": "customer", "other": "customer2", "tenant": "customer3"}[scope]]
            case "photo":
                return self.crowd.photo
            case "product":
                return "pneumatic-cylinder" + ("" if scope == "own" else NEIGHBOURS)
            case "invitation":
                return self.crowd.invitations[scope]
            case "device":
                return self.crowd.devices[whose]
            case "client":
                return self.crowd.clients.get(whose, self.crowd.clients["maker"])
        table, party = PARTY_THINGS[kind]
        found = self.ids(f"SELECT id FROM {table} WHERE {party} = ?", self.crowd.people[whose].party_id)  # noqa: S608
        return found[0] if found else self.ids(f"SELECT id FROM {table}")[0]  # noqa: S608

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but for the invitations that `fresh_link` made meanwhile."""
        with closing(sqlite3.connect(self.file)) as database:
            found = {
                table.name: sorted(database.execute(f'SELECT * FROM "{table.name}"').fetchall(), key=repr)  # noqa: S608
                for table in metadata.sorted_tables
            }
        made = set(self.ids("SELECT id FROM invitations WHERE id LIKE 'fresh%'"))
        found["invitations"] = [row for row in found["invitations"] if made.isdisjoint(row)]
        return found

    def ids_of(self, whose: str) -> list[str]:
        """The ids of some orders and of all that hangs on them."""
        orders = list(self.crowd.orders[whose].values())
        marks = ", ".join("?" * len(orders))
        tables = ("agreements", "signature_requests", "jobs")
        hanging = [self.ids(f"SELECT id FROM {one} WHERE order_id IN ({marks})", *orders) for one in tables]  # noqa: S608
        return [*orders, *(found for one in hanging for found in one)]

    def words(self) -> frozenset[str]:
        """What no refusal may say: ids, names, addresses, e-mails and amounts of anybody's."""
        questions = [f"SELECT id FROM {table}" for table in ("orders", "agreements", "signature_requests", "jobs")]  # noqa: S608
        questions += ["SELECT id FROM inbox_messages", "SELECT id FROM devices", "SELECT digest FROM design_files"]
        questions += ["SELECT digest FROM dispute_photos"]
        questions += ["SELECT id FROM accounts", "SELECT email FROM accounts", "SELECT own_address FROM accounts"]
        questions += ["SELECT id FROM invitations", "SELECT email FROM invitations"]
        questions += ["SELECT id FROM organisations", "SELECT name FROM organisations"]
        questions += ["SELECT address FROM organisations", "SELECT id FROM gateways", "SELECT address FROM gateways"]
        found = {word for question in questions for word in self.ids(question) if word not in ("", "None")}
        return frozenset(found | {str(TOTAL_MINOR), "600.00", str(SUPPLY_MINOR), "SENAI", "Customer2"})

    def ids(self, question: str, *values: str) -> list[str]:
        """The first column of a question of our own."""
        with closing(sqlite3.connect(self.file)) as database:
            return [str(row[0]) for row in database.execute(question, values)]


@asynccontextmanager
async def open_house(scratch: Scratch, crowd: Crowd) -> AsyncIterator[House]:
    """One at a time, as worlds are."""
    async with open_world(scratch, crowd.file) as world:
        world.set_time(crowd.at)
        ctx = replace(world.ctx, catalogue=products())
        world.directory.listings.append(absent_supplier(world))
        yield House(app_of(ctx), ctx, world.clock, crowd, scratch.file)


def app_of(ctx: Context) -> FastAPI:
    """What bootstrap builds: the interface with the gateways' doors."""
    doors = create_router(
        ctx,
        FakeGatewayCommandStore(),
        gateway_authenticator(ctx, SETTINGS),
        modes=frozenset({"production"}),
        stopping=lambda: True,  # a gateway that asks is not kept waiting
    )
    return create_app(ctx, SETTINGS, routers=[doors])
