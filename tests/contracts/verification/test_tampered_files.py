"""Whatever is tampered with in an evidence file is found, under its own name; untampered it passes."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from eth_hash.auto import keccak

from contracts.evidence import leaf
from contracts.terms import evidence_root_typed_data
from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.verdict import Check
from tests.contracts.verification.conftest import Lived
from tests.contracts.verification.gateways import TestGateway, as_bytes
from tests.contracts.verification.judging import judged, judged_file
from tests.contracts.world import PEOPLE, SIGNERS

OTHER = b"\x66" * 32


async def test_the_untampered_orders_pass(settled: Lived, replaced: Lived) -> None:
    for lived in (settled, replaced):
        assert (await judged(lived)).failure is None
        assert await judged_file(lived, lived.file) is None


def _events(file: dict[str, Any], code: int, signer: str = "attestor") -> list[dict[str, Any]]:
    address = SIGNERS[signer].address.lower()
    return [one for one in file["events"] if one["event_code"] == code and f'"gateway":"{address}"' in one["payload"]]


def _another_version(file: dict[str, Any]) -> None:
    file["version"] = 2


def _a_float(file: dict[str, Any]) -> None:
    file["events"][0]["sequence"] = 1.0


def _another_chain(file: dict[str, Any]) -> None:
    file["chain_id"] = 1


def _another_agreement(file: dict[str, Any]) -> None:
    file["agreements"].append({"id": "0x" + OTHER.hex(), "address": "0x" + "66" * 20})


def _a_foreign_event(file: dict[str, Any]) -> None:
    file["events"][0]["agreement"] = "0x" + OTHER.hex()


def _a_foreign_specification(file: dict[str, Any]) -> None:
    file["events"][0]["spec_hash"] = "0x" + OTHER.hex()


def _more_pieces(file: dict[str, Any]) -> None:
    event = file["events"][0]
    event["payload"] = event["payload"].replace('"pieces":"40"', '"pieces":"41"')


def _more_pieces_hashed_again(file: dict[str, Any]) -> None:
    event = file["events"][0]
    _more_pieces(file)
    event["payload_hash"] = "0x" + keccak(event["payload"].encode()).hex()


def _spaces(file: dict[str, Any]) -> None:
    event = file["events"][0]
    event["payload"] = json.dumps(json.loads(event["payload"]))
    event["payload_hash"] = "0x" + keccak(event["payload"].encode()).hex()


def _earlier(file: dict[str, Any]) -> None:
    file["events"][0]["at_ms"] -= 1


def _another_code(file: dict[str, Any]) -> None:
    event = _events(file, 300)[0]
    event["event_code"] = 600


def _swapped_proofs(file: dict[str, Any]) -> None:
    one, other = _events(file, 300)
    one["proof"], other["proof"] = other["proof"], one["proof"]


def _another_roots_signature(file: dict[str, Any]) -> None:
    one, other = _events(file, 600)[0], _events(file, 400)[0]
    one["signature"] = other["signature"]


def _a_stranger_gateway(file: dict[str, Any]) -> None:
    """Genuine in every way, but the terms do not name it."""
    event = file["events"][0]
    payload = json.loads(event["payload"]) | {"gateway": SIGNERS["stranger"].address.lower()}
    text = rfc8785.dumps(payload)
    event |= {"payload": text.decode(), "payload_hash": "0x" + keccak(text).hex(), "proof": []}
    event["root"] = "0x" + _leaf(event).hex()


def _a_dropped_event(file: dict[str, Any]) -> None:
    file["events"].remove(_events(file, 200)[0])


def _an_event_twice(file: dict[str, Any]) -> None:
    file["events"].append(copy.deepcopy(_events(file, 200)[0]))


def _a_dropped_claim(file: dict[str, Any]) -> None:
    """The last event of its chain, so that no link is broken."""
    file["events"].remove(_events(file, 400)[0])


def _another_price(file: dict[str, Any]) -> None:
    file["agreements"][0]["specification"]["quote"]["total_minor"] += 1


def _no_canonical_form(file: dict[str, Any]) -> None:
    file["agreements"][0]["specification"]["quote"]["total_minor"] = 2**60


def _leaf(event: dict[str, Any]) -> bytes:
    words = [bytes.fromhex(event[name][2:]) for name in ("agreement", "spec_hash", "payload_hash")]
    return leaf(words[0], words[1], event["event_code"], event["at_ms"], words[2])


FILES: list[tuple[Callable[[dict[str, Any]], None], Check]] = [
    (_another_version, Check.EVIDENCE_FILE),
    (_a_float, Check.EVIDENCE_FILE),
    (_another_chain, Check.CHAIN_ID),
    (_another_agreement, Check.EVIDENCE_FOREIGN),
    (_a_foreign_event, Check.EVIDENCE_FOREIGN),
    (_a_foreign_specification, Check.EVIDENCE_FOREIGN),
    (_more_pieces, Check.EVIDENCE_HASH),
    (_spaces, Check.EVIDENCE_HASH),
    (_more_pieces_hashed_again, Check.EVIDENCE_PROOF),
    (_earlier, Check.EVIDENCE_PROOF),
    (_another_code, Check.EVIDENCE_PROOF),
    (_swapped_proofs, Check.EVIDENCE_PROOF),
    (_another_roots_signature, Check.EVIDENCE_SIGNATURE),
    (_a_stranger_gateway, Check.EVIDENCE_SIGNATURE),
    (_a_dropped_event, Check.EVIDENCE_CHAIN),
    (_an_event_twice, Check.EVIDENCE_CHAIN),
    (_a_dropped_claim, Check.EVIDENCE_MISSING),
    (_another_price, Check.SPECIFICATION),
    (_no_canonical_form, Check.SPECIFICATION),
]


@pytest.mark.parametrize(("tamper", "check"), FILES, ids=lambda one: getattr(one, "__name__", "").strip("_"))
async def test_a_tampered_file_is_named(settled: Lived, tamper: Callable[[dict[str, Any]], None], check: Check) -> None:
    file = copy.deepcopy(settled.file)
    tamper(file)
    assert as_bytes(file) != as_bytes(settled.file)
    assert await judged_file(settled, file) is check


async def test_two_roots_of_one_number_are_named(settled: Lived) -> None:
    """The gateway told somebody else another story, and signed that too."""
    honest = settled.plant.gateway("attestor")
    delivery = settled.terms[0]
    forked = TestGateway(honest.key, honest.domain, honest.batches[:-1], dict(honest.heads))
    forked.report(settled.world.id(delivery), delivery, 300, 400)
    file = copy.deepcopy(settled.file)
    file["events"] += forked.filed()[-2:]
    assert await judged_file(settled, file) is Check.EVIDENCE_SEQUENCE


async def test_a_root_that_skips_one_is_named(settled: Lived) -> None:
    honest = settled.plant.gateway("attestor")
    file = copy.deepcopy(settled.file)
    event = _events(file, 400)[0]
    message = evidence_root_typed_data(
        bytes.fromhex(event["root"][2:]),
        event["sequence"],
        OTHER,
        chain_id=settled.world.chain_id,
        factory=settled.world.book.factory,
    )
    signer = next(SIGNERS[name] for name in PEOPLE if SIGNERS[name].address.lower() == honest.key.address)
    event |= {"previous": "0x" + OTHER.hex(), "signature": "0x" + (await signer.sign_typed_data(message)).hex()}
    assert await judged_file(settled, file) is Check.EVIDENCE_SEQUENCE


async def test_the_evidence_of_a_foreign_order_is_named(settled: Lived, replaced: Lived) -> None:
    evidence = EvidenceFile.parse(as_bytes(replaced.file | {"agreements": []}))
    verdict = await judged(settled, evidence=evidence)
    assert verdict.failure is not None
    assert verdict.failure.check is Check.EVIDENCE_FOREIGN


async def test_another_factory_than_the_named_one(settled: Lived) -> None:
    evidence = EvidenceFile.parse(as_bytes(settled.file))
    for options in ({"evidence": evidence, "factory": "0x" + "66" * 20}, {"factory": "0x" + "66" * 20}):
        verdict = await judged(settled, **options)
        assert verdict.failure is not None
        assert verdict.failure.check in (Check.EVIDENCE_FOREIGN, Check.FACTORY_CODE)
