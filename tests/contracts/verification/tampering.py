"""What can be changed in an evidence file, whatever its order; the name under which it is found, and the words.

Every change fits any file with two events under one root and two roots of one gateway: a life of the tests, and the
demonstration's own.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rfc8785
from eth_hash.auto import keccak

from contracts.evidence import leaf
from contracts.verification.verdict import Check
from tests.contracts.world import SIGNERS

File = dict[str, Any]
OTHER = b"\x66" * 32
ADDRESS = "0x" + "66" * 20


@dataclass(frozen=True)
class Tampering:
    """A change, and what is said about it; `says` is a regular expression."""

    change: Callable[[File], object]
    check: Check
    says: str


def events(file: File, agreement: int = 0) -> list[dict[str, Any]]:
    """The events of one agreement."""
    return [one for one in file["events"] if one["agreement"] == file["agreements"][agreement]["id"]]


def _gateway(event: dict[str, Any]) -> str:
    return str(json.loads(event["payload"])["gateway"])


def _told_again(event: dict[str, Any], text: bytes) -> None:
    event |= {"payload": text.decode(), "payload_hash": "0x" + keccak(text).hex()}


def _better(file: File) -> None:
    event = next(one for one in file["events"] if '"quality":"' in one["payload"])
    event["payload"] = event["payload"].replace('"quality":"good"', '"quality":"best"')


def _better_hashed_again(file: File) -> None:
    event = events(file)[0]
    _told_again(event, rfc8785.dumps(json.loads(event["payload"]) | {"quality": "best"}))


def _spaces(file: File) -> None:
    event = events(file)[0]
    _told_again(event, json.dumps(json.loads(event["payload"])).encode())


def _not_a_number(file: File) -> None:
    event = events(file)[0]
    _told_again(event, event["payload"].replace('"value":{', '"value":{"a":NaN,').encode())


def _earlier(file: File) -> None:
    events(file)[-1]["at_ms"] -= 60_000


def _another_code(file: File) -> None:
    event = events(file)[0]
    event["event_code"] = 600 if event["event_code"] != 600 else 601


def _swapped_proofs(file: File) -> None:
    one = next(one for one in file["events"] if one["proof"])
    other = next(two for two in file["events"] if two["root"] == one["root"] and two["proof"] != one["proof"])
    one["proof"], other["proof"] = other["proof"], one["proof"]


def _another_roots_signature(file: File) -> None:
    one = events(file)[0]
    other = next(two for two in events(file) if two["root"] != one["root"] and _gateway(two) == _gateway(one))
    one["signature"] = other["signature"]


def _another_sequence(file: File) -> None:
    events(file)[0]["sequence"] += 1


def _a_stranger_gateway(file: File) -> None:
    """Genuine in every way, but the terms do not name it."""
    event = events(file)[0]
    payload = json.loads(event["payload"]) | {"gateway": SIGNERS["stranger"].address.lower()}
    _told_again(event, rfc8785.dumps(payload))
    words = [bytes.fromhex(event[name][2:]) for name in ("agreement", "spec_hash", "payload_hash")]
    event |= {
        "proof": [],
        "root": "0x" + leaf(words[0], words[1], event["event_code"], event["at_ms"], words[2]).hex(),
    }


def _a_dropped_event(file: File) -> None:
    file["events"].remove(events(file)[0])


def _an_event_twice(file: File) -> None:
    file["events"].append(copy.deepcopy(events(file)[0]))


def _a_dropped_claim(file: File) -> None:
    """The last event of its gateway's chain, so that no link is broken; the last of each chain was claimed."""
    own = events(file)
    named = {json.loads(one["payload"])["prev"] for one in own}
    file["events"].remove(next(one for one in own if one["payload_hash"] not in named))


def _all_of_a_gateway_dropped(file: File) -> None:
    told = Counter(map(_gateway, events(file)))
    gateway = told.most_common()[0][0]
    file["events"] = [one for one in file["events"] if _gateway(one) != gateway]


def _another_price(file: File) -> None:
    file["agreements"][0]["specification"]["quote"]["total_minor"] += 1


def _more_ordered(file: File) -> None:
    file["agreements"][0]["specification"]["configuration"]["amount"] += 1


def _no_canonical_form(file: File) -> None:
    file["agreements"][0]["specification"]["quote"]["total_minor"] = 2**60


def _another_agreement(file: File) -> None:
    file["agreements"].append({"id": "0x" + OTHER.hex(), "address": ADDRESS, "kind": "supply"})


def _another_address(file: File) -> None:
    file["agreements"][1]["address"] = ADDRESS


def _another_first_address(file: File) -> None:
    file["agreements"][0]["address"] = ADDRESS


def _another_kind(file: File) -> None:
    file["agreements"][0]["kind"] = "supply"


def _a_foreign_event(file: File) -> None:
    file["events"][0]["agreement"] = "0x" + OTHER.hex()


def _a_foreign_specification(file: File) -> None:
    file["events"][0]["spec_hash"] = "0x" + OTHER.hex()


def _an_event_of_the_other(file: File) -> None:
    events(file)[0]["agreement"] = file["agreements"][1]["id"]


def _cut(name: str) -> Callable[[File], object]:
    return lambda file: file["events"][0].pop(name)


def _set(name: str, value: object) -> Callable[[File], object]:
    return lambda file: file.__setitem__(name, value)


def _set_in_event(name: str, value: object) -> Callable[[File], object]:
    return lambda file: file["events"][0].__setitem__(name, value)


FILE, FOREIGN, HASH, PROOF = Check.EVIDENCE_FILE, Check.EVIDENCE_FOREIGN, Check.EVIDENCE_HASH, Check.EVIDENCE_PROOF
SIGNATURE, CHAIN, SPECIFICATION = Check.EVIDENCE_SIGNATURE, Check.EVIDENCE_CHAIN, Check.SPECIFICATION
TAMPERINGS = {
    "another chain": Tampering(_set("chain_id", 1), Check.CHAIN_ID, "is of chain 1, the node on 31337"),
    "another factory": Tampering(_set("factory", ADDRESS), Check.FACTORY_CODE, "no AgreementFactory of this release"),
    "another order's name": Tampering(_set("order", "ord_2"), FOREIGN, "is of another order than 'ord_2'"),
    "another first address": Tampering(_another_first_address, Check.CLONE_CODE, f"at {ADDRESS} there is no agreement"),
    "another address": Tampering(_another_address, FOREIGN, f"agreement {ADDRESS} is not of this order"),
    "another agreement": Tampering(_another_agreement, FOREIGN, f"agreement {ADDRESS} is not of this order"),
    "another kind": Tampering(_another_kind, FOREIGN, "is a delivery"),
    "another price": Tampering(_another_price, SPECIFICATION, "is not the one that was signed"),
    "more pieces ordered": Tampering(_more_ordered, SPECIFICATION, "is not the one that was signed"),
    "a price past what JSON holds": Tampering(_no_canonical_form, SPECIFICATION, "no canonical form"),
    "an event of nobody's agreement": Tampering(_a_foreign_event, FOREIGN, "of another agreement"),
    "an event of the other agreement": Tampering(_an_event_of_the_other, FOREIGN, "of another agreement"),
    "an event of another specification": Tampering(_a_foreign_specification, FOREIGN, "of another agreement"),
    "a better quality": Tampering(_better, HASH, "the text of an event of .* was changed"),
    "a better quality hashed again": Tampering(_better_hashed_again, PROOF, "is not under its root"),
    "spaces in an event": Tampering(_spaces, HASH, "not in the canonical form"),
    "no number in an event": Tampering(_not_a_number, HASH, "not in the canonical form"),
    "an earlier time": Tampering(_earlier, PROOF, "says something else than its leaf"),
    "another event code": Tampering(_another_code, PROOF, "says something else than its leaf"),
    "proofs that changed places": Tampering(_swapped_proofs, PROOF, "is not under its root"),
    "another root": Tampering(_set_in_event("root", "0x" + OTHER.hex()), PROOF, "is not under its root"),
    "another root's signature": Tampering(_another_roots_signature, SIGNATURE, "did not sign root"),
    "another number of a root": Tampering(_another_sequence, SIGNATURE, "did not sign root"),
    "no signature": Tampering(_set_in_event("signature", "0x"), SIGNATURE, "did not sign root"),
    "a stranger's gateway": Tampering(_a_stranger_gateway, SIGNATURE, "the terms name no gateway"),
    "an event left out": Tampering(_a_dropped_event, CHAIN, "do not follow from the specification on"),
    "an event told twice": Tampering(_an_event_twice, CHAIN, "two events follow the same one"),
    "the end of what was claimed left out": Tampering(_a_dropped_claim, Check.EVIDENCE_MISSING, "which was claimed"),
    "all of a gateway left out": Tampering(_all_of_a_gateway_dropped, Check.EVIDENCE_MISSING, "which was claimed"),
    "another version": Tampering(_set("version", 2), FILE, "not lotsizeone-evidence version 1"),
    "true as the version": Tampering(_set("version", True), FILE, "not lotsizeone-evidence version 1"),
    "a number that is a float": Tampering(_set_in_event("sequence", 1.0), FILE, "a whole one"),
    "a hash with spaces": Tampering(_set_in_event("root", "0x" + " 66" * 32), FILE, "pairs of hex digits"),
    "a member that nobody reads": Tampering(_set("verified", True), FILE, "has no member 'verified'"),
    "a member left out": Tampering(_cut("previous"), FILE, "an event needs a member previous"),
    "an agreement that is no object": Tampering(_set("agreements", [1]), FILE, "an agreement is a JSON object"),
    "half of a surrogate pair": Tampering(_set("order", "\ud800"), FILE, "half of a surrogate pair"),
    "a NUL": Tampering(_set("order", "\0"), FILE, "holds U.0000"),
}
"""By name. "Another root" and its like change a single event, as somebody would who hopes that one is looked at."""


def tampered(file: File, name: str) -> File:
    """A copy of the file that was tampered with."""
    copied = copy.deepcopy(file)
    TAMPERINGS[name].change(copied)
    assert json.dumps(copied) != json.dumps(file)
    return copied
