"""The evidence file: what machines said about an order, with the proofs; its form is `docs/verify.md`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.eip712 import address_bytes
from contracts.verification.verdict import Check, Discrepancy

FORMAT: Final = "lotsizeone-evidence"
VERSION: Final = 1
LARGEST: Final = 256 * 2**20
"""Bytes: some hundred thousand events."""


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
            raw = json.loads(text)
            if raw["format"] != FORMAT or raw["version"] != VERSION:
                raise ValueError(f"not {FORMAT} version {VERSION}")
            return cls(
                chain_id=_number(raw["chain_id"]),
                factory="0x" + address_bytes(raw["factory"]).hex(),
                order=_text(raw["order"]),
                agreements=tuple(_agreement(one) for one in _list(raw["agreements"])),
                events=tuple(_event(one) for one in _list(raw["events"])),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"no member {error}" if isinstance(error, KeyError) else str(error)
            raise Discrepancy(Check.EVIDENCE_FILE, f"this is no evidence file: {what}") from error


def _agreement(raw: Any) -> FiledAgreement:
    specification = raw.get("specification")
    if specification is not None and not isinstance(specification, dict):
        raise ValueError("a specification is an object")
    return FiledAgreement(_word(raw["id"]), "0x" + address_bytes(raw["address"]).hex(), specification)


def _event(raw: Any) -> FiledEvent:
    return FiledEvent(
        payload=_text(raw["payload"]),
        agreement=_word(raw["agreement"]),
        spec_hash=_word(raw["spec_hash"]),
        event_code=_number(raw["event_code"], 16),
        at_ms=_number(raw["at_ms"], 64),
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
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("bytes are 0x and hex digits")
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
