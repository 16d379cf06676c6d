"""Agreements of an order that the conformance suite lives through, and evidence for it."""

from dataclasses import replace
from typing import Any

from contracts import evidence
from marketplace.domain.agreement import (
    NEVER,
    ZERO_ADDRESS,
    ZERO_HASH,
    Agreement,
    AgreementKind,
    Milestone,
    Terms,
)
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import Proof
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.ports.chain.harness import Harness, signed

DAY = 86_400
CENT = 10_000
SECRET = "0x" + bytes(range(32)).hex()
MACHINE, TESTED, SHIPPED = 1, 2, 3
"""Milestones of the delivery that evidence or the payer releases."""
LANES = (
    Milestone(2_000, EventCode.OPENED),
    Milestone(1_000, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR),
    Milestone(1_500, EventCode.INSPECTION_PASSED, Witness.WITNESS),
    Milestone(500, EventCode.SHIPPED, Witness.PAYER),
)


async def delivery_terms(harness: Harness, supplies: int = 0, **changes: Any) -> Terms:
    """An order of 999.97 € for the customer, handed over by secret or carrier."""
    known = await harness.chain.parameters()
    base = Terms(
        kind=AgreementKind.DELIVERY,
        supply_count=supplies,
        payer=ADDRESS["customer"].lower(),
        payee=ADDRESS["maker"].lower(),
        attestor=ADDRESS["attestor"].lower(),
        witness=ADDRESS["witness"].lower(),
        carrier=ADDRESS["carrier"].lower(),
        arbiter=ADDRESS["arbiter"].lower(),
        token=known.token.lower(),
        unit=known.unit,
        amount=99_997 * known.unit,
        milestones=LANES,
        fund_by=START + DAY,
        deliver_by=START + 7 * DAY,
        grace=3 * DAY,
        contest_window=600,
        accept_window=3_600,
        retention_window=0,
        arbiter_window=DAY,
        penalty_bps_per_day=100,
        penalty_cap_bps=250,
        fee_bps=known.fee_bps,
        cancel_bps=1_000,
        cancel_until=1,
        timeout_bps=10_000,
        handover=harness.chain.keccak(bytes.fromhex(SECRET[2:])),
        parent=ZERO_HASH,
        replaces=ZERO_HASH,
        spec_hash="0x" + "51" * 32,
        salt="0x" + "01" * 32,
    )
    return replace(base, **changes)


async def supply_terms(harness: Harness, delivery: Terms, which: str, cents: int, **changes: Any) -> Terms:
    """What the maker buys for it; the carrier brings it."""
    identity, _ = await harness.chain.terms_id(delivery)
    supply: dict[str, Any] = {
        "kind": AgreementKind.SUPPLY,
        "supply_count": 0,
        "payer": delivery.payee,
        "payee": ADDRESS[f"supplier_{which}"].lower(),
        "attestor": ADDRESS[f"attestor_{which}"].lower(),
        "witness": ZERO_ADDRESS,
        "amount": cents * CENT,
        "milestones": (Milestone(3_000, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR),),
        "cancel_until": NEVER,
        "handover": ZERO_HASH,
        "parent": identity,
        "replaces": ZERO_HASH,
        "salt": "0x" + ("0a" if which == "a" else "0b") * 32,
    }
    return replace(delivery, **(supply | changes))


async def drafted(harness: Harness, terms: Terms) -> Agreement:
    """The agreement of these terms, unsigned."""
    identity, address = await harness.chain.terms_id(terms)
    return Agreement(identity, "ord_1", terms.kind, address, terms, "payer", "payee", "an order")


async def signed_delivery(harness: Harness, **changes: Any) -> Agreement:
    """A delivery without supplies, signed, with a permit."""
    return await signed(harness, await drafted(harness, await delivery_terms(harness, **changes)), permit=True)


async def signed_batch(harness: Harness) -> tuple[Agreement, list[Agreement]]:
    """A delivery with two supplies of 120.00 € and 80.00 €; the advance pays all but 5.01 € of them."""
    terms = await delivery_terms(harness, supplies=2)
    supplies = [await supply_terms(harness, terms, which, cents) for which, cents in (("a", 12_000), ("b", 8_000))]
    delivery = await signed(harness, await drafted(harness, terms), permit=True)
    return delivery, [await signed(harness, await drafted(harness, supply)) for supply in supplies]


async def funded(harness: Harness) -> None:
    """10,000 € for customer and maker; the maker lets the factory draw, the customer signs permits."""
    for who in ("customer", "maker"):
        await harness.chain.fund_test_account(f"fund:{who}", ADDRESS[who].lower(), 1_000_000)
    await harness.approve("maker", 1_000_000 * CENT)


async def opened(harness: Harness, **changes: Any) -> Agreement:
    """A delivery without supplies that runs."""
    await funded(harness)
    delivery = await signed_delivery(harness, **changes)
    await harness.chain.open_batch("open", delivery, [])
    return delivery


async def proof_of(
    harness: Harness, agreement: Agreement, code: EventCode, signer: str = "attestor", **changes: Any
) -> Proof:
    """The event of `code` as second of three in a batch that `signer` signed; `changes` falsify the leaf."""
    facts = {"id": agreement.id, "spec": agreement.terms.spec_hash, "code": int(code), "at": START * 1_000} | changes
    leaves = [
        ("0x" + "11" * 32, "0x" + "12" * 32, 300, START * 1_000, "0x" + "13" * 32),
        (str(facts["id"]), str(facts["spec"]), int(facts["code"]), int(facts["at"]), "0x" + "77" * 32),
        ("0x" + "21" * 32, "0x" + "22" * 32, 300, START * 1_000, "0x" + "23" * 32),
    ]
    hashed = [
        evidence.leaf(bytes.fromhex(one[2:]), bytes.fromhex(spec[2:]), event, at, bytes.fromhex(payload[2:]))
        for one, spec, event, at, payload in leaves
    ]
    root, previous = "0x" + evidence.merkle_root(hashed).hex(), ZERO_HASH
    signature = await harness.sign(signer, harness.root_to_sign(root, 4, previous))
    return Proof(leaves, 1, root, 4, previous, signature)
