"""The example of these tests: a product, who offers its parts, everybody's keys, and a machine at work."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from marketplace.application.catalogue import load_catalogue
from marketplace.domain.product import Template
from marketplace.domain.production import Job
from marketplace.ports.fakes.supplier_directory import Listing
from shopfloor.gateway.signing import GatewayKey
from tests.shopfloor.ingesting import Machine

EXAMPLES = Path(__file__).parents[2] / "examples"
BASE, COVER = "urn:lso:category:cylinder-base", "urn:lso:category:cylinder-cover"
DRILLING = "urn:lso:operation:machining"
CONFIGURATION = {"base": "base-40mm", "amount": 40, "drilling_s": 3, "engraving": "SENAI"}
TOTAL_MINOR, SUPPLY_MINOR = 60_000, 10_800
FUNDS_MINOR = 1_000_000
SECRET = "0x" + "5e" * 32
BORES = {"diameter@mm": ("20", "40")}
LISTINGS = (
    Listing("amp-b", "amp", "AMP", "Base", BASE, 120, 2, attributes=BORES),
    Listing("amp-c", "amp", "AMP", "Cover", COVER, 70, 2),
    Listing("rms-d", "reconcavo", "Reconcavo Machining", "Drilling", DRILLING, 80, 1),
    Listing("tejo-b", "tejo", "Tejo Precision", "Base", BASE, 155, 1, attributes=BORES),
    Listing("tejo-c", "tejo", "Tejo Precision", "Cover", COVER, 92, 1),
    Listing("tejo-d", "tejo", "Tejo Precision", "Drilling", DRILLING, 110, 1),
)


@cache
def catalogue() -> Mapping[str, Template]:
    """The example's product; reading YAML takes longer than most tests."""
    return load_catalogue(EXAMPLES)


def address_of(name: str) -> str:
    """The address of somebody's key."""
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def key_of(name: str) -> GatewayKey:
    """The key in somebody's gateway."""
    return GatewayKey(hashlib.sha256(f"gateway {name}".encode()).digest())


def work_off(machine: Machine, job: Job, *, good: bool = True, **fields: Any) -> None:
    """What a gateway says of one job: accepted, started, one step of two, and the end that the job asks for."""
    shared = {"job": job.id, "agreement": job.agreement_id, "spec": job.spec_hash, "order": job.order_id} | fields
    finish = next(item.value for item in job.parameters if item.id == "finish_code")
    machine.say("job_accepted", **shared)
    machine.say("production_started", **shared)
    step = {"step": "drilling", "index": "1", "of": "2", "duration_ms": "3000"}
    machine.say("operation_finished", value=step, **shared)
    if not good:
        machine.say("production_failed", value={"reason": "tool broken"}, **shared)
    elif finish == "300":
        machine.say("operation_finished", value={"step": job.operation, "final": "true"}, **shared)
    else:
        machine.say("production_finished", value={"quantity": str(job.quantity)}, **shared)
