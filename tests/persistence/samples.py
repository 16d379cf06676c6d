"""Domain objects with every field set, for the repositories' tests."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from marketplace.domain.agreement import (
    ZERO_HASH,
    Agreement,
    AgreementKind,
    AgreementStatus,
    Milestone,
    Payout,
    Terms,
)
from marketplace.domain.commands import PlaceOrder
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.evidence import EventCode, ShopFloorEvent, SignedBatch, Witness
from marketplace.domain.lifecycle import Decision, place
from marketplace.domain.parties import Account, Organisation, Role
from marketplace.domain.production import Job, JobParameter, JobState
from marketplace.ports.unit_of_work import Gateway, InboxMessage, SignatureRequest

NOW = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
CARRIER_ADDRESS = "0xCa" + "44" * 19
NAUGHTY = "Zoë “ß” 👩‍🔧 ﷽ ';--\t\\u0000 %s {0}\u200b"
"""Text that has broken databases before and must come back byte for byte."""


def placing(order_id: str = "ord_1", *, now: datetime = NOW, **fields: Any) -> Decision:
    """The decision that places an order."""
    given = {
        "order_id": order_id,
        "customer_id": "acc_customer",
        "manufacturer_id": "org_maker",
        "product_id": "lamp",
        "product_version": 3,
        "configuration": {"colour": NAUGHTY, "amount": 2},
        "amount": 2,
        "deliver_by": date(2026, 4, 1),
        "payer_address": "0x" + "11" * 20,
        "handover_hash": "0x" + "22" * 32,
        "client_reference": "ref-1",
    }
    return place(PlaceOrder(**(given | fields)), now)


def terms(**fields: Any) -> Terms:
    """Terms whose amount needs more than 64 bits."""
    given = {
        "kind": AgreementKind.DELIVERY,
        "supply_count": 1,
        "payer": "0x" + "11" * 20,
        "payee": "0x" + "33" * 20,
        "attestor": "0x" + "55" * 20,
        "witness": "0x" + "66" * 20,
        "carrier": CARRIER_ADDRESS,
        "arbiter": "0x" + "77" * 20,
        "token": "0x" + "88" * 20,
        "unit": 10**16,
        "amount": 123_456 * 10**16,
        "milestones": (Milestone(2_000, EventCode.OPENED), Milestone(8_000, EventCode.DELIVERED, Witness.BOTH)),
        "handover": "0x" + "22" * 32,
        "parent": ZERO_HASH,
        "replaces": ZERO_HASH,
        "spec_hash": "0x" + "99" * 32,
        "salt": "0x" + "aa" * 32,
    }
    numbers = {name: 60 for name in Terms.__dataclass_fields__ if name not in given}
    return Terms(**(given | numbers | fields))


def agreement(agreement_id: str = "agr_1", order_id: str = "ord_1", **fields: Any) -> Agreement:
    """An agreement with a history."""
    given = {
        "kind": AgreementKind.DELIVERY,
        "address": "0x" + "bb" * 20,
        "terms": terms(),
        "payer_id": "acc_customer",
        "payee_id": "org_maker",
        "description": NAUGHTY,
        "lines": ("base", "cover"),
        "status": AgreementStatus.OPEN,
        "payer_signature": "0x" + "cc" * 65,
        "payee_signature": "0x" + "dd" * 65,
        "permit": {"v": 27, "deadline": 2**60, "r": "0x01"},
        "milestone_states": {0: ("paid", 1_700_000_000_000), 11: ("claimed", 1_700_000_000_001)},
        "payouts": (Payout("payee", "0x" + "33" * 20, 2**53 - 1, paid=True), Payout("fee", "0x" + "ee" * 20, 0)),
        "specification": NAUGHTY,
    }
    return Agreement(id=agreement_id, order_id=order_id, **(given | fields))


def organisation(organisation_id: str = "org_maker", **fields: Any) -> Organisation:
    """An organisation that nothing else names."""
    given = {
        "name": f"{organisation_id} GmbH",
        "kind": Role.MANUFACTURER,
        "registry_party_id": f"{organisation_id}@reg",
    }
    return Organisation(id=organisation_id, **(given | fields))


def account(account_id: str = "acc_customer", **fields: Any) -> Account:
    """A person."""
    given = {
        "email": f"{account_id}@Example.org",
        "display_name": NAUGHTY,
        "role": Role.CUSTOMER,
        "password_hash": "$argon2id$v=19$…",
        "own_address": "0x" + "11" * 20,
    }
    return Account(id=account_id, **(given | fields))


def request(request_id: str = "sig_1", **fields: Any) -> SignatureRequest:
    """Somebody is asked to sign."""
    given = {
        "order_id": "ord_1",
        "agreement_id": "agr_1",
        "organisation_id": "org_maker",
        "purpose": "terms",
        "role": "payee",
        "signer": "0x" + "33" * 20,
        "typed_data": {"message": {"amount": 2**255, "codes": [1, 600], "note": None, "ok": True}, "domain": {}},
        "deadline": 1_800_000_000,
    }
    return SignatureRequest(id=request_id, **(given | fields))


def gateway(gateway_id: str = "gw_1", **fields: Any) -> Gateway:
    """A gateway."""
    given = {
        "organisation_id": "org_maker",
        "name": "drill",
        "address": "0xAb" + "55" * 19,
        "secret_hash": "argon2…",
    }
    return Gateway(id=gateway_id, **(given | fields))


def message(message_id: str = "msg_1", **fields: Any) -> InboxMessage:
    """A message."""
    given = {"party_id": "acc_customer", "order_id": "ord_1", "title": "Quote", "body": NAUGHTY, "at": NOW}
    return InboxMessage(id=message_id, **(given | fields))


def job(job_id: str = "job_1", **fields: Any) -> Job:
    """A job that runs."""
    given = {
        "order_id": "ord_1",
        "agreement_id": "agr_1",
        "organisation_id": "org_maker",
        "operation": "drilling",
        "quantity": 2,
        "parameters": (JobParameter("depth", "20", "mm"), JobParameter("event", "600")),
        "spec_hash": "0x" + "99" * 32,
        "gateway": "gw_1",
        "due": 1_800_000_000,
        "state": JobState.RUNNING,
        "done": 1,
        "of": 2,
    }
    return Job(id=job_id, **(given | fields))


def floor_event(seq: int = 1, **fields: Any) -> ShopFloorEvent:
    """An event of lane s."""
    given = {
        "gateway": "gw_1",
        "epoch": "e1",
        "lane": "s",
        "agreement_id": "agr_1",
        "spec_hash": "0x" + "99" * 32,
        "job_id": "job_1",
        "kind": "state",
        "code": EventCode.PRODUCTION_STARTED.value,
        "at_ms": 1_700_000_000_000 + seq,
        "station": "drill-1",
        "value": {"speed": "12.5", "unit": "µm"},
        "payload_hash": f"0x{seq:064x}",
        "body": f'{{"seq":{seq}}}',
        "simulated": False,
    }
    return ShopFloorEvent(seq=seq, **(given | fields))


def batch(first: int, last: int, sequence: int = 1, **fields: Any) -> SignedBatch:
    """A signed batch of lane s."""
    given = {
        "gateway": "gw_1",
        "epoch": "e1",
        "lane": "s",
        "root": f"0x{sequence:064x}",
        "previous": ZERO_HASH,
        "signature": "0x" + "cc" * 65,
    }
    return SignedBatch(first=first, last=last, sequence=sequence, **(given | fields))


def effect(key: str = "find:1", *, due_in_s: float | None = None) -> Effect:
    """An effect, due at once or later."""
    due = None if due_in_s is None else NOW + timedelta(seconds=due_in_s)
    return Effect(EffectKind.FIND_SUPPLIERS, key, "subject", "detail", due)
