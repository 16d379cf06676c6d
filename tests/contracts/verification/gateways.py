"""Gateways as the shop floor has them: canonical events, chained, under signed roots; and the file that tells them."""

import json
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from eth_hash.auto import keccak

from contracts.bindings.agreement import Evidence
from contracts.terms import Terms
from shopfloor.gateway.batches import NO_ROOT, SignedBatch, sign_batch
from shopfloor.gateway.evidence import Draft, EvidenceEvent, place
from shopfloor.gateway.merkle import merkle_proofs
from shopfloor.gateway.signing import Domain, GatewayKey
from tests.contracts.world import PEOPLE, START, World

KINDS = {200: "production_started", 300: "operation_finished", 400: "inspection_passed", 600: "production_finished"}
SPECIFICATION = {
    "configuration": {"amount": 40, "engraving": "Ana 2026"},
    "quote": {"total_minor": 100_000},
    "version": 1,
}


def spec_hash(salt: str) -> bytes:
    """Of what the tests order."""
    return keccak(rfc8785.dumps(SPECIFICATION | {"salt": salt}))


@dataclass
class TestGateway:
    """One gateway: `batches` holds each closed batch with its events."""

    __test__ = False

    key: GatewayKey
    domain: Domain
    batches: list[tuple[SignedBatch, list[EvidenceEvent]]] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)

    def report(self, terms_id: bytes, terms: Terms, *codes: int) -> None:
        """Events with these codes, in one batch."""
        agreement, spec = "0x" + terms_id.hex(), "0x" + terms.spec_hash.hex()
        first = sum(len(events) for _, events in self.batches) + 1
        events = []
        for offset, code in enumerate(codes):
            draft = Draft(
                agreement=agreement,
                spec=spec,
                order="ord_1",
                job="job_1",
                station="MF-1",
                kind=KINDS[code],
                at=(START + 60 + first + offset) * 1_000,
                mode="simulation",
                value={"pieces": "40"},
            )
            event = place(
                draft,
                gateway=self.key.address,
                epoch="0a",
                lane="s",
                seq=first + offset,
                salt=keccak(f"{self.key.address}{first + offset}".encode()),
                prev=self.heads.get(agreement, spec),
            )
            self.heads[agreement] = "0x" + event.payload_hash.hex()
            events.append(event)
        previous = self.batches[-1][0].root if self.batches else NO_ROOT
        batch = sign_batch(
            self.key,
            self.domain,
            first=first,
            leaves=[event.leaf for event in events],
            sequence=len(self.batches) + 1,
            previous=previous,
        )
        self.batches.append((batch, events))

    def evidence(self, terms_id: bytes, code: int) -> Evidence:
        """What a claim carries: the last event with this code."""
        told = next(
            one
            for one in reversed(self.filed())
            if (one["agreement"], one["event_code"]) == ("0x" + terms_id.hex(), code)
        )
        return Evidence(
            at_ms=told["at_ms"],
            payload_hash=_bytes(told["payload_hash"]),
            proof=tuple(map(_bytes, told["proof"])),
            root=_bytes(told["root"]),
            sequence=told["sequence"],
            previous=_bytes(told["previous"]),
            signature=_bytes(told["signature"]),
        )

    def filed(self) -> list[dict[str, Any]]:
        """Every event as an evidence file tells it."""
        told = []
        for batch, events in self.batches:
            proofs = merkle_proofs([event.leaf for event in events])
            for event, proof in zip(events, proofs, strict=True):
                told.append(
                    {
                        "payload": event.canonical().decode(),
                        "agreement": event.agreement,
                        "spec_hash": event.spec,
                        "event_code": event.code,
                        "at_ms": event.at,
                        "payload_hash": "0x" + event.payload_hash.hex(),
                        "proof": ["0x" + one.hex() for one in proof],
                        "root": batch.root,
                        "sequence": batch.sequence,
                        "previous": batch.previous,
                        "signature": batch.signature,
                    }
                )
        return told


@dataclass
class Plant:
    """Every gateway of the world, and the people's agreements that a file names."""

    world: World
    gateways: dict[str, TestGateway] = field(default_factory=dict)
    terms: list[Terms] = field(default_factory=list)

    def gateway(self, who: str) -> TestGateway:
        """The gateway that signs as `who`."""
        if who not in self.gateways:
            secret = (PEOPLE.index(who) + 1).to_bytes(32, "big")
            domain = Domain(self.world.chain_id, self.world.book.factory)
            self.gateways[who] = TestGateway(GatewayKey(secret), domain)
        return self.gateways[who]

    def file(self, *, specified: dict[bytes, str] | None = None) -> dict[str, Any]:
        """The evidence file; `specified` gives the salt of a specification by agreement."""
        agreements = []
        for terms in self.terms:
            entry: dict[str, Any] = {
                "id": "0x" + self.world.id(terms).hex(),
                "address": self.world.address(terms),
                "kind": terms.kind.name.lower(),
            }
            if specified and (salt := specified.get(self.world.id(terms))):
                entry["specification"] = SPECIFICATION | {"salt": salt}
            agreements.append(entry)
        known = {entry["id"] for entry in agreements}
        events = [
            event for gateway in self.gateways.values() for event in gateway.filed() if event["agreement"] in known
        ]
        return {
            "format": "lotsizeone-evidence",
            "version": 1,
            "chain_id": self.world.chain_id,
            "factory": self.world.book.factory,
            "order": "ord_1",
            "agreements": agreements,
            "events": events,
        }


def as_bytes(document: dict[str, Any]) -> bytes:
    """The file."""
    return json.dumps(document).encode()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
