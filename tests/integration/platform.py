"""The platform's processes without factory, gateways and signers, and people who use it by HTTP alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from eth_hash.auto import keccak

from bootstrap.demo.actors import Actor, assemble
from bootstrap.demo.stage import Ports, Stage, programs, set_stage
from bootstrap.demo.story import CONFIGURATION, PRODUCT
from bootstrap.demo.supervisor import Supervisor
from bootstrap.system import SystemClock

LONGEST_S = 90.0
POLL_S = 0.1
REFERENCE = "5f3c2f9e-6a0d-4f6e-9d2b-8a4d0c6c7e11"


@dataclass(frozen=True)
class Platform:
    """A running platform and who has accounts there."""

    stage: Stage
    supervisor: Supervisor
    tokens: dict[str, str]

    def start(self, name: str) -> None:
        """Start one of the processes that were left out."""
        program = programs(self.stage.folder, self.stage.ports)[name]
        self.supervisor.start(name, program.arguments, program.environment)

    def act(self, deed: Callable[[dict[str, Actor]], Awaitable[Any]]) -> Any:
        """What people do, signed in, in an event loop of its own."""

        async def doing() -> Any:
            async with httpx.AsyncClient(base_url=self.stage.api_url, timeout=30.0, trust_env=False) as http:
                actors = assemble(self.stage.folder, http)
                for name, actor in actors.items():
                    actor.token = self.tokens[name]
                async with asyncio.timeout(LONGEST_S):
                    return await deed(actors)

        return asyncio.run(doing())


@contextmanager
def open_platform(folder: Path, *without: str) -> Iterator[Platform]:
    """Real processes, except those in `without`; everybody of the demonstration has an account."""
    supervisor = Supervisor(folder, lambda text: None)

    async def opening() -> tuple[Stage, dict[str, str]]:
        stage = await set_stage(folder, Ports.free(0), supervisor, without=frozenset(without))
        async with httpx.AsyncClient(base_url=stage.api_url, timeout=30.0, trust_env=False) as http:
            actors = assemble(folder, http)
            await asyncio.gather(*(actor.join() for actor in actors.values()))
            return stage, {name: actor.token for name, actor in actors.items()}

    try:
        stage, tokens = asyncio.run(opening())
        yield Platform(stage, supervisor, tokens)
    finally:
        supervisor.end()


def wanted(**changes: Any) -> dict[str, Any]:
    """A configuration and a date that can be made; `changes` to options come last."""
    day = (SystemClock().now() + timedelta(days=10)).date().isoformat()
    return {"configuration": CONFIGURATION | changes, "deliver_by": day}


def order_body(customer: Actor, **changes: Any) -> dict[str, Any]:
    """The body of an order."""
    secret = customer.handover_secret(REFERENCE)
    return {
        "product_id": PRODUCT,
        **wanted(**changes),
        "payer_address": customer.address,
        "handover_hash": "0x" + keccak(secret).hex(),
        "client_reference": REFERENCE,
    }


async def wait_for(customer: Actor, order_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The order, as soon as something is true of it."""
    while True:
        order: dict[str, Any] = await customer.call("GET", f"/v1/orders/{order_id}")
        if true(order):
            return order
        await asyncio.sleep(POLL_S)


async def sign_all(actor: Actor) -> int:
    """Sign every open request of an organisation; gives how many."""
    open_requests = (await actor.call("GET", "/v1/signature-requests?status=open"))["items"]
    for request in open_requests:
        body = {"signature": await actor.sign(request["typed_data"])}
        await actor.call("POST", f"/v1/signature-requests/{request['id']}/signature", body)
    return len(open_requests)
