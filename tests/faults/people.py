"""Everybody who takes part: customers, the maker, suppliers, the carrier and two machines, by HTTP and with real keys.

They do what the database shows to be waiting for them, again and again until it no longer waits: an interface that is
away, slow or refuses for a while changes nothing. Where things stand is read by SQL, so that looking costs little.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from eth_hash.auto import keccak

from bootstrap.demo.actors import AMP, CARRIER, CUSTOMER, MACHINING, MANUFACTURER, Actor, Refused, Role
from bootstrap.demo.story import CONFIGURATION, PRODUCT
from bootstrap.system import SystemClock
from tests.faults.books import Database, Row, plain
from tests.faults.machines import FloorGateway

log = logging.getLogger(__name__)

ENDS = ("settled", "rejected", "expired", "cancelled", "refunded")
LOOK_S = 0.08
FAILURES = (httpx.HTTPError, Refused, RuntimeError, TimeoutError, KeyError)
PASSWORD = "as good as any here"
MOST_DEEDS = 12
SOME = "ORDER BY random() LIMIT 60"
"""Enough to choose from: where thousands wait, nobody reads the whole list twelve times a second."""


Deed = tuple[str, str, Callable[[], Awaitable[Any]]]
"""What is done, for whom or what, and how: the same is never done twice at a time."""


class People:
    """The cast of a house. `placed` are the orders that the interface has acknowledged."""

    def __init__(
        self, api_url: str, push_url: str, database: Database, seed: int, most_deeds: int = MOST_DEEDS
    ) -> None:
        self._random = random.Random(seed)
        self._most_deeds = most_deeds
        limits = httpx.Limits(max_connections=most_deeds)
        self._http = httpx.AsyncClient(base_url=api_url, timeout=15.0, trust_env=False, limits=limits)
        self._push_url = push_url
        self._database = database
        self._staff = {role.name: self._actor(role) for role in (MANUFACTURER, AMP, MACHINING, CARRIER)}
        self._organisations: dict[str, Actor] = {}
        self._customers: dict[str, Actor] = {}
        self._gateways: dict[str, FloorGateway] = {}
        self._command = 0
        self._doing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.placed: dict[str, Actor] = {}
        self.endpoints: list[str] = []
        """Where the push service delivers to customers' phones."""
        self.times = 1
        """How often every message is sent: more than once where somebody doubts that it arrived."""
        self.withheld: set[str] = set()
        """Organisations (by the name of their role) whose people do not sign for now."""
        self.complaints: dict[str, str] = {}

    def _actor(self, role: Role) -> Actor:
        return Actor(role, self._http, PASSWORD, self._random.randbytes(32))

    async def close(self) -> None:
        """Everybody goes home."""
        for task in list(self._doing.values()):
            task.cancel()
        await asyncio.gather(*self._doing.values(), return_exceptions=True)
        await self._http.aclose()

    async def join(self) -> None:
        """The organisations join; the maker and one supplier have machines."""
        for actor in self._staff.values():
            await actor.join()
            self._organisations[actor.account["organisation"]["id"]] = actor
        for name in (MANUFACTURER.name, AMP.name):
            gateway = FloorGateway(self._staff[name], self._random.randbytes(32))
            await gateway.join()
            self._gateways[gateway.id] = gateway

    async def place(self) -> str:
        """A new customer joins, asks for test money and orders; gives the id that the interface has acknowledged."""
        customer = await self.customer()
        order_id = await self.order(customer)
        self.placed[order_id] = customer
        return order_id

    async def customer(self) -> Actor:
        """A new customer with test money on the way and a phone that listens."""
        number = len(self._customers)
        role = replace(CUSTOMER, email=f"customer-{number}-{self._random.getrandbits(32):x}@example.org")
        customer = self._actor(role)
        self._customers[role.email] = customer
        await customer.join()
        await customer.call("POST", "/v1/dev/funds", {})
        await self._subscribe(customer)
        return customer

    async def order(self, customer: Actor) -> str:
        """The id of a new order, as the interface has acknowledged it."""
        reference = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        body = {
            "product_id": PRODUCT,
            "configuration": CONFIGURATION,
            "deliver_by": (SystemClock().now() + timedelta(days=10)).date().isoformat(),
            "payer_address": customer.address,
            "handover_hash": "0x" + keccak(customer.handover_secret(reference)).hex(),
            "client_reference": reference,
        }
        order: dict[str, Any] = {}
        for _ in range(self.times):
            order = await customer.call("POST", "/v1/orders", body)
        return str(order["id"])

    async def _subscribe(self, customer: Actor) -> None:
        """The customer's phone listens at the push service."""
        answer = await self._http.post(f"{self._push_url}/subscribe", json={})
        if not answer.is_success:
            raise Refused(f"the push service: {answer.status_code} {answer.text[:400]}")
        made = answer.json()
        self.endpoints.append(made["endpoint"])
        body = {"kind": "web_push", "endpoint": made["endpoint"], "keys": made["keys"]}
        await customer.call("POST", "/v1/push/subscriptions", body)

    def status(self) -> dict[str, str]:
        """Where every acknowledged order is; an order that nobody remembers is not in it."""
        mine = ", ".join(f"'{order_id}'" for order_id in self.placed) or "''"  # there may be very many others
        wanted = f"SELECT id, status FROM orders WHERE id IN ({mine})"  # noqa: S608
        found = {row["id"]: row["status"] for row in self._database.rows(wanted)}
        return {order_id: found[order_id] for order_id in self.placed if order_id in found}

    def open_orders(self) -> list[str]:
        """Acknowledged orders that have not come to an end, lost ones among them."""
        known = self.status()
        return [order_id for order_id in self.placed if known.get(order_id) not in ENDS]

    async def live(self) -> None:
        """Do what waits to be done, until cancelled."""
        while True:
            try:
                for what, whom, deed in self._waiting():
                    self._begin(what, whom, deed)
            except Exception as failure:  # the database may be away: people look again
                self.complaints["look"] = repr(failure)
            await asyncio.sleep(LOOK_S)

    def _begin(self, what: str, whom: str, deed: Callable[[], Awaitable[Any]]) -> None:
        name = (what, whom)
        if name in self._doing or len(self._doing) >= self._most_deeds:
            return

        async def doing() -> None:
            try:
                await deed()
            except FAILURES as failure:
                self.complaints[what] = f"{whom}: {failure!r}"
                await asyncio.sleep(0.3)
            finally:
                self._doing.pop(name, None)

        self._doing[name] = asyncio.create_task(doing())

    def _waiting(self) -> Iterable[Deed]:
        wanted = (
            "SELECT id, status, client_reference, handed_over, accepted_by_customer FROM orders"
            " WHERE status IN ('quoted', 'produced', 'shipped', 'delivered') "
        )
        orders = self._database.rows(wanted + SOME)
        for order in orders:
            if (customer := self.placed.get(order["id"])) is not None:
                yield from self._of_order(order, customer)
        away = [one for one, actor in self._organisations.items() if actor.role.name in self.withheld]
        names = ", ".join(f"'{one}'" for one in (*away, ""))
        wanted = (
            "SELECT id, organisation_id, typed_data FROM signature_requests"  # noqa: S608 - ids of ours
            f" WHERE status = 'open' AND organisation_id NOT IN ({names}) {SOME}"
        )
        for request in self._database.rows(wanted):
            signer = self._organisations[request["organisation_id"]]
            yield "sign", request["id"], partial(self._sign, signer, request)
        wanted = (
            "SELECT id, state, organisation_id FROM jobs WHERE gateway IS NULL AND state IN ('waiting', 'running') "
        )
        wanted += SOME
        for job in self._database.rows(wanted):
            worker = self._organisations[job["organisation_id"]]
            yield "report", job["id"], partial(self._report, worker, job)
        yield from self._of_machines()

    def _of_order(self, order: Row, customer: Actor) -> Iterable[Deed]:
        path, status = f"/v1/orders/{order['id']}", order["status"]
        maker, carrier = self._staff[MANUFACTURER.name], self._staff[CARRIER.name]
        if status == "quoted":
            yield "confirm", order["id"], partial(self._confirm, customer, path)
        elif status == "produced":
            yield "ship", order["id"], partial(self._post, maker, f"{path}/ship", {})
        elif status == "shipped" and not order["handed_over"]:
            secret = "0x" + customer.handover_secret(order["client_reference"]).hex()
            yield "hand over", order["id"], partial(self._post, carrier, f"{path}/handover", {"secret": secret})
        elif status == "delivered" and not order["accepted_by_customer"]:
            yield "accept", order["id"], partial(self._accept, customer, path)

    def _of_machines(self) -> Iterable[Deed]:
        wanted = f"SELECT id, gateway, body FROM gateway_commands WHERE id > {self._command} ORDER BY id"  # noqa: S608
        for command in self._database.rows(wanted):
            self._gateways[command["gateway"]].take(command["id"], plain(command["body"]))
            self._command = command["id"]
        for gateway in self._gateways.values():
            if gateway.owes:
                yield "upload", gateway.id, partial(gateway.upload, self.times)

    async def _post(self, actor: Actor, path: str, body: dict[str, Any]) -> None:
        for _ in range(self.times):
            await actor.call("POST", path, body)

    async def _confirm(self, customer: Actor, path: str) -> None:
        asked = await customer.call("GET", f"{path}/confirmation")
        signatures = {name: await customer.sign(asked[name]) for name in ("terms", "permit")}
        await self._post(customer, f"{path}/confirm", {f"{name}_signature": by for name, by in signatures.items()})

    async def _accept(self, customer: Actor, path: str) -> None:
        asked = await customer.call("GET", f"{path}/acceptance")
        await self._post(customer, f"{path}/accept-delivery", {"signature": await customer.sign(asked["typed_data"])})

    async def _sign(self, signer: Actor, request: Row) -> None:
        signature = await signer.sign(plain(request["typed_data"]))
        await self._post(signer, f"/v1/signature-requests/{request['id']}/signature", {"signature": signature})

    async def _report(self, worker: Actor, job: Row) -> None:
        if job["state"] == "waiting":
            await worker.call("POST", f"/v1/jobs/{job['id']}/reports", {"kind": "started"})
        await worker.call("POST", f"/v1/jobs/{job['id']}/reports", {"kind": "finished", "note": "by hand"})
