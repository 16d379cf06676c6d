"""Requests as a marketplace makes them, to the key of OWN: terms with the specification that they carry the hash of."""

import copy
from datetime import UTC, datetime
from typing import Any

import rfc8785
from eth_hash.auto import keccak

from bootstrap.signing.limits import Limits
from contracts.signers import LocalSigner
from contracts.terms import Kind, Terms, What, action_typed_data, typed_data

CHAIN, FACTORY, TOKEN = 31337, "0x" + "fa" * 20, "0x" + "70" * 20
SIGNER = LocalSigner(b"\x11" * 32)
OWN, OTHER, GATEWAY = SIGNER.address, "0x" + "02" * 20, "0x" + "03" * 20
UNIT = 10_000
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
FUND_BY = int(datetime(2026, 1, 6, 12, tzinfo=UTC).timestamp())
DELIVER_BY = int(datetime(2026, 1, 15, 23, 59, 59, tzinfo=UTC).timestamp())
DELIVERY, NOTHING = b"\xd0" * 32, bytes(32)
LINE = {"id": "base", "label": "Bases", "category": "cylinder-base", "quantity": 40, "attributes": {}}


def limits(**changes: Any) -> Limits:
    """Up to € 500 to pay and € 5,000 to receive."""
    given: dict[str, Any] = {
        "chain_id": CHAIN,
        "factory": FACTORY,
        "token": TOKEN,
        "gateway": GATEWAY,
        "most_paid_minor": 50_000,
        "most_received_minor": 500_000,
        "acceptances": True,
    }
    return Limits(**(given | changes))


def hashed(document: Any) -> bytes:
    """What terms carry of a specification."""
    return keccak(rfc8785.dumps(document))


def terms(**changes: Any) -> Terms:
    """Terms under which OTHER pays € 100 to OWN for a supply."""
    values: dict[str, Any] = {
        "kind": Kind.SUPPLY,
        "supply_count": 0,
        "payer": OTHER,
        "payee": OWN,
        "attestor": GATEWAY,
        "witness": "0x" + "00" * 20,
        "carrier": "0x" + "04" * 20,
        "arbiter": "0x" + "05" * 20,
        "token": TOKEN,
        "unit": UNIT,
        "amount": 10_000 * UNIT,
        "milestones": 0,
        "fund_by": FUND_BY,
        "deliver_by": DELIVER_BY,
        "grace": 0,
        "contest_window": 60,
        "accept_window": 60,
        "retention_window": 0,
        "arbiter_window": 60,
        "penalty_bps_per_day": 100,
        "penalty_cap_bps": 1_000,
        "fee_bps": 200,
        "cancel_bps": 0,
        "cancel_until": 255,
        "timeout_bps": 0,
        "handover": NOTHING,
        "parent": DELIVERY,
        "replaces": NOTHING,
        "spec_hash": hashed(supply_document()),
        "salt": b"\x02" * 32,
    }
    return Terms(**values | changes)


def supply_document(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a supply is for."""
    document = {
        "lines": [dict(line) for line in lines or (LINE,)],
        "order": "0x" + "0d" * 32,
        "product": "pneumatic-cylinder",
        "salt": "0x" + "02" * 32,
        "version": 1,
    }
    return document | changes


def delivery_document(total_minor: int = 60_000, **changes: Any) -> dict[str, Any]:
    """What a delivery is for."""
    quote = {"total_minor": total_minor, "currency": "EUR", "deliver_by": "2026-01-15"}
    document = {"configuration": {"amount": 40}, "product": "pneumatic-cylinder", "quote": quote, "version": 1}
    return document | changes


def asked(name: str = "r1", *, document: Any = None, **changes: Any) -> dict[str, Any]:
    """A request to sign a supply as payee, or as payer where `payer` is OWN."""
    shown = supply_document() if document is None else document
    signed = terms(**({"spec_hash": hashed(shown)} | changes))
    role = "payer" if signed.payer == OWN else "payee"
    typed = typed_data(signed, CHAIN, FACTORY)
    request = {"id": name, "purpose": "terms", "role": role, "typed_data": typed, "specification": shown}
    return copy.deepcopy(request)


def bought(name: str = "r1", **changes: Any) -> dict[str, Any]:
    """A request to sign a supply as payer: the gateway is the supplier's."""
    return asked(name, **({"payer": OWN, "payee": OTHER, "attestor": "0x" + "09" * 20} | changes))


def sold(name: str = "d1", *, total_minor: int = 60_000, document: Any = None, **changes: Any) -> dict[str, Any]:
    """A request to sign a delivery as payee."""
    shown = delivery_document(total_minor) if document is None else document
    given = {"kind": Kind.DELIVERY, "supply_count": 1, "parent": NOTHING, "amount": total_minor * UNIT}
    return asked(name, document=shown, **(given | changes))


def acceptance(name: str = "a1", what: What = What.ACCEPT, data: bytes = NOTHING) -> dict[str, Any]:
    """A request to accept what was delivered."""
    typed = action_typed_data(b"\x05" * 32, what, data, DELIVER_BY, chain_id=CHAIN, factory=FACTORY)
    return {"id": name, "purpose": "accept", "role": "payer", "typed_data": typed, "specification": None}
