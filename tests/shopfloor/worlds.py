"""What the shop-floor tests share: keys, jobs, clocks and configurations."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from shopfloor.gateway.config import GatewayConfig, Retry
from shopfloor.gateway.evidence import Draft
from shopfloor.gateway.signing import Domain, GatewayKey
from shopfloor.gateway.spool import Spool
from shopfloor.gateway.store import Store
from shopfloor.protocols.isa95 import JobOrder
from shopfloor.protocols.opcua import OpcuaSettings

KEY = GatewayKey(bytes(range(1, 33)))
FACTORY_ADDRESS = "0x" + "5f" * 20
CHAIN_ID = 31_337
DOMAIN = Domain(CHAIN_ID, FACTORY_ADDRESS)
AGREEMENT = "0x" + "a1" * 32
SPEC = "0x" + "5c" * 32
USER, PASSWORD = "gateway", "swordfish"
GATEWAY_ID, SECRET = "gw-amp", "upload-secret"
QUICK = Retry(first_s=0.02, most_s=0.1)


class TickingClock:
    """A millisecond later at every look."""

    def __init__(self, start: int = 1_795_000_000_000) -> None:
        self.now = start

    def __call__(self) -> int:
        self.now += 1
        return self.now


def job_order(job_id: str = "job-1", operation: str = "bases", quantity: int = 40, **parameters: str) -> JobOrder:
    """A job for the common agreement; `parameters` become JobOrderParameters."""
    return JobOrder.from_wire(
        {
            "job_id": job_id,
            "order_id": "order-9",
            "agreement": AGREEMENT,
            "spec": SPEC,
            "operation": operation,
            "quantity": quantity,
            "parameters": [{"id": k, "value": v, "unit": ""} for k, v in parameters.items()],
            "chain_id": CHAIN_ID,
            "factory": FACTORY_ADDRESS,
        }
    )


def draft(
    kind: str = "operation_finished", *, job: str = "job-1", agreement: str = AGREEMENT, **fields: object
) -> Draft:
    """A valid draft."""
    known = {
        "agreement": agreement,
        "spec": SPEC,
        "order": "order-9",
        "job": job,
        "station": "amp-drilling",
        "kind": kind,
        "at": 1_795_253_467_412,
        "mode": "simulation",
        "value": {"drilling_ms": "3000"},
    }
    return Draft(**{**known, **fields})  # type: ignore[arg-type]


def open_spool(path: Path, **options: int) -> Spool:
    """A spool of the common gateway."""
    return Spool(Store(path), KEY.address, **options)


def fill(spool: Spool, count: int, *, start: int = 0, batch: int = 4) -> None:
    """Append `count` events and close batches of `batch`."""
    for number in range(start, start + count):
        spool.append(draft(), once=f"e{number}", domain=DOMAIN)
        if (number + 1) % batch == 0:
            spool.close_batches(KEY)
    spool.close_batches(KEY)


def config(spool_path: Path, *, backend_url: str = "http://127.0.0.1:1", **fields: object) -> GatewayConfig:
    """A quick gateway; the machine is nowhere unless given."""
    known: dict[str, object] = {
        "gateway_id": GATEWAY_ID,
        "secret": SECRET,
        "key": KEY,
        "backend_url": backend_url,
        "machine": machine("opc.tcp://127.0.0.1:1/factory"),
        "spool_path": spool_path,
        "batch_wait_s": 0.1,
        "long_poll_s": 0,
        "request_timeout_s": 5.0,
        "lost_job_s": 0.5,
        "retry": QUICK,
    }
    return GatewayConfig(**{**known, **fields})  # type: ignore[arg-type]


def machine(url: str, **fields: object) -> OpcuaSettings:
    """Settings that notice and repair within a test's patience."""
    known: dict[str, object] = {
        "url": url,
        "user": USER,
        "password": PASSWORD,
        "watchdog_s": 0.5,
        "publish_ms": 50,
        "connect_timeout_s": 5.0,
        "backoff_min_s": 0.1,
        "backoff_max_s": 0.3,
    }
    return OpcuaSettings(**{**known, **fields})  # type: ignore[arg-type]


async def until(condition: Callable[[], bool], deadline_s: float = 15.0) -> None:
    """Wait until `condition` holds. Raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - what is waited for lies in other processes
            await asyncio.sleep(0.01)
