"""POST /v1/orders, beside the same request served barely: the two take turns on the same machine and database."""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from eth_hash.auto import keccak

from benchmarks.order_flow.load import Round, median, prepared, send_all
from benchmarks.order_flow.premises import Premises, Setup, beside, cpu_s_of, open_premises
from bootstrap.demo.actors import CUSTOMER, MANUFACTURER, Actor
from bootstrap.demo.story import CONFIGURATION, PRODUCT
from bootstrap.demo.supervisor import free_port
from bootstrap.system import SystemClock

PATH = "/v1/orders"
CUSTOMERS = 32
PASSWORD = "as good as any here"  # noqa: S105 - it guards play money for a minute


@dataclass(frozen=True)
class Posting:
    """Medians over the rounds: requests a second, latencies in milliseconds, and ours by the bare one's."""

    per_s: float
    p50_ms: float
    p99_ms: float
    bare_per_s: float
    bare_p50_ms: float
    bare_p99_ms: float
    ratio: float
    p99_ratio: float
    cpu_ms: float
    """Of the interface's process for one request: a busy machine changes it less than anything above."""
    bare_cpu_ms: float


def body_of(customer: Actor, reference: str) -> dict[str, Any]:
    """An order that can be made."""
    return {
        "product_id": PRODUCT,
        "configuration": CONFIGURATION,
        "deliver_by": (SystemClock().now() + timedelta(days=10)).date().isoformat(),
        "payer_address": customer.address,
        "handover_hash": "0x" + keccak(customer.handover_secret(reference)).hex(),
        "client_reference": reference,
    }


async def measure(folder: Path, setup: Setup, *, rounds: int, requests: int, connections: int) -> Posting:
    """Orders are only placed: no worker runs, as none runs behind the bare app."""
    async with open_premises(folder, setup, chain=False) as premises:
        customers = await _customers(premises)
        port = free_port()
        async with beside(premises, port) as bare_pid:
            api = premises.supervisor.children["api"].process
            assert api is not None
            servers = (_Server(premises.ports.api, api.pid), _Server(port, bare_pid))
            for number in range(rounds + 1):
                asked = [_request(customers[index % CUSTOMERS]) for index in range(requests)]
                for server in servers if number % 2 else servers[::-1]:
                    await server.serve(asked, connections, keep=number > 0)  # the first round warms both up
    return _compared(*servers)


@dataclass
class _Server:
    port: int
    pid: int
    rounds: list[Round] = field(default_factory=list)
    cpu_s: float = 0.0

    async def serve(self, asked: Sequence[bytes], connections: int, *, keep: bool) -> None:
        before = cpu_s_of(self.pid)
        done = await send_all(self.port, asked, connections)
        if keep:
            self.rounds.append(done)
            self.cpu_s += cpu_s_of(self.pid) - before

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / sum(one.requests for one in self.rounds)


def _compared(ours: _Server, bare: _Server) -> Posting:
    pairs = list(zip(ours.rounds, bare.rounds, strict=True))
    return Posting(
        per_s=median([one.per_second for one in ours.rounds]),
        p50_ms=median([one.percentile_ms(50) for one in ours.rounds]),
        p99_ms=median([one.percentile_ms(99) for one in ours.rounds]),
        bare_per_s=median([one.per_second for one in bare.rounds]),
        bare_p50_ms=median([one.percentile_ms(50) for one in bare.rounds]),
        bare_p99_ms=median([one.percentile_ms(99) for one in bare.rounds]),
        ratio=median([one.per_second / other.per_second for one, other in pairs]),
        p99_ratio=median([one.percentile_ms(99) / other.percentile_ms(99) for one, other in pairs]),
        cpu_ms=ours.cpu_ms,
        bare_cpu_ms=bare.cpu_ms,
    )


async def _customers(premises: Premises) -> list[Actor]:
    http = httpx.AsyncClient(base_url=premises.api_url, timeout=30.0, trust_env=False)
    async with http:
        await Actor(MANUFACTURER, http, PASSWORD, os.urandom(32)).join()
        actors = []
        for number in range(CUSTOMERS):
            role = replace(CUSTOMER, email=f"customer-{number}@example.org")
            actors.append(Actor(role, http, PASSWORD, os.urandom(32)))
            await actors[-1].join()
    return actors


def _request(customer: Actor) -> bytes:
    headers: Mapping[str, str] = {"Authorization": f"Bearer {customer.token}", "Idempotency-Key": str(uuid.uuid4())}
    return prepared(PATH, json.dumps(body_of(customer, str(uuid.uuid4()))).encode(), headers)
