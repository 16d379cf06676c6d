"""The story: a customer personalises forty cylinders, suppliers and machines do their part, everybody is paid."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from eth_hash.auto import keccak

from bootstrap.demo.actors import Actor
from bootstrap.system import SystemClock
from mobile_api.client import ApiError
from mobile_api.client.models.orders import ConfirmRequest, Order, OrderCreate
from mobile_api.client.models.products import Quote, QuoteRequest

PRODUCT = "pneumatic-cylinder"
CONFIGURATION: dict[str, str | int] = {
    "base": "base-40mm",
    "cover": "standard",
    "drilling_s": 3,
    "cleaning": "without",
    "pressing": "without",
    "inspection": "complete",
    "amount": 40,
    "engraving": "Ana 2026",
}
DELIVERY_DAYS = 10
POLL_S = 0.15
STORY_TIMEOUT_S = 240.0
ENDS = frozenset({"settled", "rejected", "expired", "cancelled", "refunded"})

Say = Callable[[str, str], None]


class StoryFailed(RuntimeError):
    """The story did not end as it should; the text says where it stood."""


@dataclass
class Story:
    """One order and those who take part in it. `say` is told who does what."""

    customer: Actor
    manufacturer: Actor
    machining: Actor
    carrier: Actor
    say: Say
    order_id: str = ""
    placed: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self) -> Order:
        """Play to the end and return the order. Raises StoryFailed."""
        await self._place()
        async with asyncio.timeout(STORY_TIMEOUT_S):
            await self._order_until("quoted")
            await self._confirm()
            await self._order_until("produced")
            self.say(self.manufacturer.name, "hands the parcel to the carrier")
            await self.manufacturer.api.ship_order(self.order_id)
            await self._hand_over()
            await self._order_until("delivered")
            await self._accept()
            return await self._order_until("settled")

    async def _place(self) -> None:
        ana = self.customer
        deliver_by = (SystemClock().now() + timedelta(days=DELIVERY_DAYS)).date().isoformat()
        wanted: QuoteRequest = {"configuration": CONFIGURATION, "deliver_by": deliver_by}
        priced = await ana.api.quote_product(PRODUCT, wanted)
        self.say(ana.name, f"personalises {CONFIGURATION['amount']} cylinders for {deliver_by}")
        self._itemise(priced["quote"])
        reference = str(uuid.uuid4())
        secret = ana.handover_secret(reference)
        order: OrderCreate = {
            "product_id": PRODUCT,
            "configuration": CONFIGURATION,
            "deliver_by": deliver_by,
            "expected_total_minor": priced["quote"]["total_minor"],
            "payer_address": ana.address,
            "handover_hash": "0x" + keccak(secret).hex(),
            "client_reference": reference,
        }
        self.order_id = (await ana.api.place_order(order))["id"]
        self.placed.set()

    def _itemise(self, quote: Quote) -> None:
        """Every line with its formula, as anybody can work it out again."""
        for line in (*quote["lines"], quote["platform_fee"]):
            if line is not None:
                self.say("price", line["explained"])
        self.say("price", f"Total: € {quote['total_minor'] / 100:,.2f}")

    async def _confirm(self) -> None:
        ana = self.customer
        asked = await ana.api.read_confirmation(self.order_id)
        for row in asked["readable"]:
            self.say("terms", f"{row['label']}: {row['value']}")
        self.say(ana.name, f"orders and pays € {asked['total_minor'] / 100:.2f}")
        signatures: ConfirmRequest = {
            "terms_signature": await ana.sign(asked["terms"]),
            "permit_signature": await ana.sign(asked["permit"]),
        }
        await ana.api.confirm_order(self.order_id, signatures)

    async def _hand_over(self) -> None:
        order = await self.customer.api.read_order(self.order_id)
        code = self.customer.handover_secret(order["client_reference"] or "")
        self.say(self.customer.name, "shows the handover code at the door")
        await self.carrier.api.hand_over_order(self.order_id, {"secret": "0x" + code.hex()})

    async def _accept(self) -> None:
        ana = self.customer
        asked = await ana.api.read_acceptance(self.order_id)
        self.say(ana.name, "accepts the delivery")
        await ana.api.accept_delivery(self.order_id, {"signature": await ana.sign(asked["typed_data"])})

    async def _order_until(self, status: str) -> Order:
        while True:
            order = await self.customer.api.read_order(self.order_id)
            if order["status"] == status:
                return order
            if order["status"] in ENDS:
                raise StoryFailed(f"the order is {order['status']} instead of {status}: {order['waiting_for']}")
            await asyncio.sleep(POLL_S)


async def staff(machining: Actor, carrier: Actor, say: Say) -> None:
    """The people without machines, for as long as the demonstration runs: one reports by hand, one carries."""
    done: set[str] = set()
    while True:
        await _patiently(lambda: _report_jobs(machining, done, say), say)
        await _patiently(lambda: _sign_deliveries(carrier, done, say), say)
        await asyncio.sleep(POLL_S * 2)


async def _patiently(work: Callable[[], Awaitable[None]], say: Say) -> None:
    """People try again when the interface does not answer."""
    try:
        await work()
    except (ApiError, httpx.TransportError, OSError) as failure:
        say("staff", str(failure))
        await asyncio.sleep(1)


async def _report_jobs(machining: Actor, done: set[str], say: Say) -> None:
    for job in (await machining.api.list_jobs())["items"]:
        if job["id"] in done or job["state"] in ("ended", "failed", "refused"):
            continue
        done.add(job["id"])
        say(machining.name, f"reports {job['operation']} by hand")
        await machining.api.report_job(job["id"], {"kind": "started"})
        await machining.api.report_job(job["id"], {"kind": "finished", "note": "drilled by hand"})


async def _sign_deliveries(carrier: Actor, done: set[str], say: Say) -> None:
    for request in (await carrier.api.list_signature_requests(status="open"))["items"]:
        if request["id"] in done:
            continue
        signature = await carrier.sign(request["typed_data"])
        say(carrier.name, f"signs that {request['agreement']['description']} arrived")
        await carrier.api.sign_request(request["id"], {"signature": signature})
        done.add(request["id"])
