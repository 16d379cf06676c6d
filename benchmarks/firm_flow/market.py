"""Orders from the first click to the opened agreements: customers in turn, signers, and who watches the chain."""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx

from benchmarks.firm_flow.opened import Chain, FirmQuote, Opening
from benchmarks.firm_flow.suppliers import Mood, Signing, moods, roles, signing, write_catalogue
from benchmarks.order_flow.posting import PASSWORD, body_of
from benchmarks.order_flow.premises import Premises, Setup, open_premises
from bootstrap.demo.actors import CARRIER, CUSTOMER, MANUFACTURER, Actor, Refused
from bootstrap.demo.beside import beside
from tests.faults.books import Database, Node

ANSWER_S: Final = 20
"""How long a supplier may be silent before the next one is asked."""
ORDERS_A_CUSTOMER: Final = 10
"""Play money of one customer, € 10,000, pays so many and more."""
AT_ONCE: Final = 16
LOOK_S: Final = 0.4
LONGEST_TO_FIRM_S: Final = 600.0
LONGEST_TO_OPEN_S: Final = 180.0
ANY_TIME: Final = timedelta(days=360)
"""Whoever asks for a price so late learns every day before it."""
LOOKS: Final = 3
ENDS: Final = frozenset({"rejected", "expired", "cancelled"})
Say = Callable[[str], None]


@dataclass
class Run:
    """What one run saw. `to_open_s` is from the customer's click to the first look that found the delivery on chain."""

    orders: int = 0
    quotes: list[FirmQuote] = field(default_factory=list)
    to_open_s: list[float] = field(default_factory=list)
    to_firm_s: list[float] = field(default_factory=list)
    given_up: Counter[str] = field(default_factory=Counter)
    moods: Counter[Mood] = field(default_factory=Counter)
    promised: dict[str, set[str]] = field(default_factory=dict)
    """Agreement → roles in which organisations signed it, by their own logs."""
    seconds: float = 0.0
    load_average: float = 0.0
    found: dict[str, Opening] = field(default_factory=dict)
    """What the chain says was opened, by id."""
    own_units: int = 0
    """Token units that the manufacturer put in itself."""


@dataclass
class Market:
    """Everybody, beside running processes."""

    premises: Premises
    chain: Chain
    database: Database
    signers: list[Signing]
    customers: list[Actor]
    numbers: dict[str, int]
    seed: int
    statuses: dict[str, str] = field(default_factory=dict)
    opened: dict[str, float] = field(default_factory=dict)

    async def take(self, orders: int, until: float, say: Say) -> Run:
        """So many orders, a customer's next one when its last one has opened; none is placed after `until`, which the
        loop's clock tells."""
        loop, run = asyncio.get_running_loop(), Run(load_average=os.getloadavg()[0])
        begun = loop.time()
        waiting = iter(range(orders))
        async with beside(self._sign(), self._watch()), asyncio.TaskGroup() as tasks:
            for index in range(AT_ONCE):
                own = self.customers[index::AT_ONCE]
                tasks.create_task(self._shop(own, waiting, run, until, say))
        run.seconds = loop.time() - begun
        run.moods = moods(self.signers)
        for complaint, times in sum((one.complaints for one in self.signers), Counter[str]()).items():
            say(f"{times} times a signer met {complaint}")
        for signer in self.signers:
            for promise in signer.log.promises():
                run.promised.setdefault(promise.agreement, set()).add(promise.role)
        await asyncio.to_thread(self.chain.look)
        run.found = dict(self.chain.found)
        run.own_units = await asyncio.to_thread(self.chain.sent_by, self.signers[0].actor.address)
        return run

    async def _shop(self, customers: list[Actor], waiting: Any, run: Run, until: float, say: Say) -> None:
        """One customer at a time, in turn: an address has one permit under way."""
        loop = asyncio.get_running_loop()
        for turn, number in enumerate(waiting):
            if loop.time() > until:
                return
            run.orders += 1
            try:
                await self._buy(customers[turn % len(customers)], number, run)
            except (Refused, httpx.HTTPError, TimeoutError) as failure:
                run.given_up[type(failure).__name__] += 1
                say(f"order {number}: {failure!r}")
            if run.orders % 25 == 0:
                say(f"{run.orders} placed, {len(run.quotes)} firm, {len(run.to_open_s)} open")

    async def _buy(self, customer: Actor, number: int, run: Run) -> None:
        loop = asyncio.get_running_loop()
        reference = str(uuid.UUID(int=random.Random(f"{self.seed}:{number}").getrandbits(128), version=4))
        begun = loop.time()
        order = (await self._place(customer, body_of(customer, reference)))["id"]
        self.numbers[order] = number
        async with asyncio.timeout(LONGEST_TO_FIRM_S):
            while (status := self.statuses.get(order)) != "quoted":
                if status in ENDS:
                    run.given_up[str(status)] += 1
                    return
                await asyncio.sleep(LOOK_S)
        run.to_firm_s.append(loop.time() - begun)
        quote = (await customer.call("GET", f"/v1/orders/{order}"))["quote"]
        asked = await customer.call("GET", f"/v1/orders/{order}/confirmation")
        signatures = {f"{name}_signature": await customer.sign(asked[name]) for name in ("terms", "permit")}
        firm = FirmQuote(order, asked["terms"], quote["total_minor"], quote["deliver_by"])
        run.quotes.append(firm)
        clicked = loop.time()
        await customer.call("POST", f"/v1/orders/{order}/confirm", signatures)
        async with asyncio.timeout(LONGEST_TO_OPEN_S):
            while firm.id not in self.opened:  # noqa: ASYNC110 - a chain wakes nobody
                await asyncio.sleep(LOOK_S / 4)
        run.to_open_s.append(self.opened[firm.id] - clicked)

    async def _place(self, customer: Actor, body: dict[str, Any]) -> dict[str, Any]:
        """For the day that the shop recommends: a shop with hundreds of orders has no early ones left. Somebody else
        may take it first; then the customer looks again."""
        far = (datetime.now(UTC) + ANY_TIME).date().isoformat()
        asked = {"configuration": body["configuration"], "deliver_by": far}
        for looks_left in reversed(range(LOOKS)):
            quoted = await customer.call("POST", f"/v1/products/{body['product_id']}/quotes", asked)
            with suppress(Refused) if looks_left else nullcontext():
                return dict(await customer.call("POST", "/v1/orders", body | {"deliver_by": quoted["recommended"]}))
        raise AssertionError("the last look raises what it meets")

    async def _sign(self) -> None:
        """Every organisation's signer, round and round."""

        async def one(signer: Signing) -> None:
            while True:
                try:
                    await signer.answer_all()
                except (httpx.HTTPError, KeyError) as failure:
                    signer.complaints[repr(failure)[:200]] += 1
                await asyncio.sleep(LOOK_S)

        async with asyncio.TaskGroup() as tasks:
            for signer in self.signers:
                tasks.create_task(one(signer))

    async def _watch(self) -> None:
        """Where orders are, by the database; what is open, by the chain."""
        loop = asyncio.get_running_loop()
        while True:
            rows = self.database.rows("SELECT id, status FROM orders")
            self.statuses = {row["id"]: row["status"] for row in rows}
            for one in await asyncio.to_thread(self.chain.look):
                self.opened[one] = loop.time()
            await asyncio.sleep(LOOK_S / 2)


@asynccontextmanager
async def open_market(
    folder: Path, setup: Setup, *, orders: int, seed: int, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Market]:
    """Processes, a registry of many suppliers, everybody joined, customers with play money."""
    catalogue = await asyncio.to_thread(write_catalogue, folder.with_name(f"{folder.name}-catalogue"))
    found = {**environment, "CATALOGUE_DIR": str(catalogue), "ANSWER_S": str(ANSWER_S)}
    async with AsyncExitStack() as stack:
        premises = await stack.enter_async_context(open_premises(folder, setup, environment=found))
        http = httpx.AsyncClient(base_url=premises.api_url, timeout=60.0, trust_env=False)
        await stack.enter_async_context(http)
        database, node = Database(premises.database_url), Node(premises.chain_url)
        stack.callback(database.close)
        stack.callback(node.close)
        book = premises.book
        assert book is not None
        assert book.test_euro is not None
        numbers: dict[str, int] = {}
        signers = []
        for role in (MANUFACTURER, CARRIER, *roles()):
            actor = Actor(role, http, PASSWORD, os.urandom(32))
            await actor.join()
            if role is not CARRIER:
                signer = signing(actor, folder, book, http, seed=seed, numbers=numbers)
                stack.callback(signer.log.close)
                signers.append(signer)
        customers = await _customers(http, max(AT_ONCE, -(-orders // ORDERS_A_CUSTOMER)))
        premises.start_workers(setup.workers)
        await _funded(database, len(customers))
        chain = Chain(node, book.factory, book.test_euro)
        yield Market(premises, chain, database, signers, customers, numbers, seed)


async def _customers(http: httpx.AsyncClient, number: int) -> list[Actor]:
    found = []
    for index in range(number):
        role = replace(CUSTOMER, email=f"customer-{index}@example.org")
        found.append(Actor(role, http, PASSWORD, os.urandom(32)))
        await found[-1].join()
        await found[-1].call("POST", "/v1/dev/funds", {})
    return found


async def _funded(database: Database, number: int) -> None:
    wanted = "SELECT count(*) FROM chain_transactions WHERE key LIKE 'fund:%' AND outcome = 'mined'"
    async with asyncio.timeout(LONGEST_TO_FIRM_S):
        while database.one(wanted) < number:  # noqa: ASYNC110 - a chain wakes nobody
            await asyncio.sleep(LOOK_S)
