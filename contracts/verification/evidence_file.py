"""The evidence file: what machines said about an order, with the proofs; its form is in `docs/operating.md`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from contracts.eip712 import address_bytes
from contracts.terms import Kind
from contracts.verification.strict_json import parse
from contracts.verification.verdict import Check, Discrepancy

FORMAT: Final = "lotsizeone-evidence"
VERSION: Final = 1
LARGEST: Final = 256 * 2**20
"""Bytes: some hundred thousand events."""
_HEX: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")
_KINDS: Final = {kind.name.lower(): kind for kind in Kind}


@dataclass(frozen=True)
class FiledEvent:
    """One event: the canonical text, the five members of its leaf, and the signed root over it."""

    payload: str
    agreement: bytes
    spec_hash: bytes
    event_code: int
    at_ms: int
    payload_hash: bytes
    proof: tuple[bytes, ...]
    root: bytes
    sequence: int
    previous: bytes
    signature: bytes


@dataclass(frozen=True)
class FiledAgreement:
    """An agreement of the order; `specification` is what its `specHash` commits to, where the file tells it."""

    id: bytes
    address: str
    kind: Kind
    specification: Mapping[str, Any] | None


@dataclass(frozen=True)
class EvidenceFile:
    """An order's evidence."""

    chain_id: int
    factory: str
    order: str
    agreements: tuple[FiledAgreement, ...]
    events: tuple[FiledEvent, ...]

    @classmethod
    def read(cls, path: Path) -> "EvidenceFile":
        """From a file. Raises Discrepancy, OSError."""
        if path.stat().st_size > LARGEST:
            raise Discrepancy(Check.EVIDENCE_FILE, f"{path.name} is larger than {LARGEST} bytes")
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, text: bytes | str) -> "EvidenceFile":
        """From JSON. Raises Discrepancy."""
        try:
            raw = _object(parse(text), "an evidence file", _MEMBERS)
            if (raw["format"], raw["version"]) != (FORMAT, VERSION) or isinstance(raw["version"], bool):
                raise ValueError(f"it is not {FORMAT} version {VERSION}")
            return cls(
                chain_id=_number(raw["chain_id"]),
                factory="0x" + address_bytes(raw["factory"]).hex(),
                order=_text(raw["order"]),
                agreements=tuple(_agreement(one) for one in _list(raw["agreements"])),
                events=tuple(_event(one) for one in _list(raw["events"])),
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise Discrepancy(Check.EVIDENCE_FILE, f"this is no evidence file: {error}") from error


_MEMBERS: Final = frozenset({"format", "version", "chain_id", "factory", "order", "agreements", "events"})
_OF_AGREEMENT: Final = frozenset({"id", "address", "kind"})
_OF_EVENT: Final = frozenset(field.name for field in fields(FiledEvent))


def _object(value: Any, what: str, members: frozenset[str], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """With these members and no others: what nobody reads, nobody checks."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is a JSON object")
    for name in sorted(members - value.keys()):
        raise ValueError(f"{what} needs a member {name}")
    for name in sorted(value.keys() - members - optional):
        raise ValueError(f"{what} has no member {name!a}")
    return value


def _agreement(value: Any) -> FiledAgreement:
    raw = _object(value, "an agreement", _OF_AGREEMENT, frozenset({"specification"}))
    specification = raw.get("specification")
    if "specification" in raw and not isinstance(specification, dict):
        raise ValueError("a specification is a JSON object")
    kind = _KINDS.get(_text(raw["kind"]))
    if kind is None:
        raise ValueError(f"a kind is {' or '.join(_KINDS)}")
    return FiledAgreement(_word(raw["id"]), "0x" + address_bytes(raw["address"]).hex(), kind, specification)


def _event(value: Any) -> FiledEvent:
    raw = _object(value, "an event", _OF_EVENT)
    return FiledEvent(
        payload=_text(raw["payload"]),
        agreement=_word(raw["agreement"]),
        spec_hash=_word(raw["spec_hash"]),
        event_code=_number(raw["event_code"], 16),
        at_ms=_number(raw["at_ms"], 53),
        payload_hash=_word(raw["payload_hash"]),
        proof=tuple(_word(one) for one in _list(raw["proof"])),
        root=_word(raw["root"]),
        sequence=_number(raw["sequence"], 64),
        previous=_word(raw["previous"]),
        signature=_bytes(raw["signature"]),
    )


def _word(value: Any) -> bytes:
    word = _bytes(value)
    if len(word) != 32:
        raise ValueError("a hash has 32 bytes")
    return word


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError("bytes are 0x and pairs of hex digits")
    return bytes.fromhex(value[2:])


def _number(value: Any, bits: int = 53) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise ValueError(f"a number is a whole one below 2^{bits}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is a string")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list was expected")
    return value
