"""Tokens that misbehave: what they refuse to move stays due, and nothing opens on money that did not arrive."""

import pytest

from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Party
from contracts.bindings.call import Call
from contracts.terms import What, handover_hash, pack_milestones
from tests.contracts.mutation.conftest import Mischief
from tests.contracts.mutation.scene import LANES, MACHINE, SHIPPING, Scene, begin, taken, to_fees, to_maker
from tests.contracts.world import CENT, DAY, SECRET

DELIVERED = ["delivered 0 s ago, penalty 0.00", "Open → Delivered"]


async def _begin(mischief: Mischief) -> Scene:
    return await begin(mischief.world, token=mischief.token)


@pytest.mark.parametrize("mode", ["Refuses", "ReturnsFalse"])
async def test_what_the_payee_cannot_be_sent_adds_up_until_it_can(mischief: Mischief, mode: str) -> None:
    order = await _begin(mischief)
    await mischief.behave(mode, "maker")
    lines = ["credited Approval 3: payee 60.18, fee 1.54, payer 0.00", "kept Payee 60.18"]
    await order.move("customer", agreement.approve, SHIPPING, log=lines)
    lines = ["credited Approval 1: payee 120.37, fee 3.08, payer 0.00", "kept Payee 120.37"]
    await order.move("customer", agreement.approve, MACHINE, log=lines)
    for party in (Party.PAYER, Party.FEE_RECEIVER):
        await order.refuses("stranger", agreement.withdraw, party, because="NothingDue", party=party)
    await mischief.behave("Honest", "maker")
    # The next move pays what it credits, and leaves the older due to whoever asks for it.
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=DELIVERED)
    await order.move("stranger", agreement.withdraw, Party.PAYEE, log=taken("180.55"))
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")


async def test_withdrawal_takes_the_due_and_what_matured_in_one(mischief: Mischief) -> None:
    order = await _begin(mischief)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    await mischief.behave("Refuses", "maker")
    lines = ["credited Approval 3: payee 60.18, fee 1.54, payer 0.00", "kept Payee 60.18"]
    await order.move("customer", agreement.approve, SHIPPING, log=lines)
    order.until(order.now + 700)
    # Whoever asks for it now is refused by the token, and nothing is lost.
    assert not await mischief.world.tries("stranger", agreement.withdraw(order.address, order.terms, Party.PAYEE))
    await order.compare()
    await mischief.behave("Honest", "maker")
    lines = ["credited Claim 1: payee 120.37, fee 3.08, payer 0.00", *taken("180.55")]
    await order.move("stranger", agreement.withdraw, Party.PAYEE, log=lines)


async def test_each_due_waits_on_its_own(mischief: Mischief) -> None:
    """A payer, a payee and a fee receiver whom the token turns away; each is sent its own, once."""
    order = await _begin(mischief)
    await mischief.behave("Refuses", "0x" + "00" * 20)
    consents = [await mischief.world.split_consent(who, order.terms, 3_333) for who in ("customer", "maker")]
    lines = [
        "credited Split: payee 320.96, fee 8.22, payer 658.48",
        "Open → Resolved",
        "kept Payee 320.96",
        "kept Payer 658.48",
        "kept FeeReceiver 14.39",
    ]
    await order.move("relayer", agreement.split, 3_333, *consents, log=lines)
    await mischief.behave("Honest", "maker")
    sent = {
        Party.FEE_RECEIVER: ["withdrawn FeeReceiver 14.39 to fees", "agreement → fees 14.39"],
        Party.PAYER: ["withdrawn Payer 658.48 to customer", "agreement → customer 658.48"],
        Party.PAYEE: ["withdrawn Payee 320.96 to maker", "agreement → maker 320.96"],
    }
    for party, log in sent.items():
        await order.move("stranger", agreement.withdraw, party, log=log)
        await order.refuses("stranger", agreement.withdraw, party, because="NothingDue", party=party)


async def test_dues_of_two_moves_add_up_for_the_payer(mischief: Mischief) -> None:
    """The penalty at the acceptance, and its part of a disputed retention."""
    order = await _begin(mischief)
    await mischief.behave("Refuses", "customer")
    order.until(order.terms.deliver_by + 1)
    lines = ["delivered 0 s ago, penalty 12.34", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)
    lines = ["credited Acceptance: payee 902.80, fee 23.14, payer 12.34", "Delivered → Retained"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker("902.80"), "kept Payer 12.34"])
    consents = [await mischief.world.split_consent(who, order.terms, 3_333) for who in ("customer", "maker")]
    lines = ["credited Split: payee 16.04, fee 0.41, payer 32.93", "Retained → Resolved"]
    paid = [*to_maker("16.04"), "kept Payer 32.93", *to_fees("29.72")]
    await order.move("relayer", agreement.split, 3_333, *consents, log=[*lines, *paid])
    await mischief.behave("Honest", "customer")
    lines = ["withdrawn Payer 45.27 to customer", "agreement → customer 45.27"]
    await order.move("stranger", agreement.withdraw, Party.PAYER, log=lines)


async def test_withdrawal_for_one_party_pays_the_others_claims(mischief: Mischief) -> None:
    order = await _begin(mischief)
    await mischief.behave("Refuses", "customer")
    order.until(order.terms.deliver_by + 1)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    # A contract cannot be told to owe the payer anything before the delivery: the books of a token can.
    lines = ["delivered 0 s ago, penalty 12.34", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)
    lines = ["credited Acceptance: payee 902.80, fee 23.14, payer 12.34", "Delivered → Retained"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker("902.80"), "kept Payer 12.34"])
    await mischief.behave("Honest", "customer")
    lines = ["withdrawn Payer 12.34 to customer", "agreement → customer 12.34"]
    await order.move("stranger", agreement.withdraw, Party.PAYER, log=lines)


@pytest.mark.parametrize("mode", ["TakesFee", "Mints"])
@pytest.mark.parametrize(("victim", "expected"), [("agreement", 993_83), ("maker", 240_74)])
async def test_nothing_opens_on_money_that_arrives_otherwise(
    mischief: Mischief, mode: str, victim: str, expected: int
) -> None:
    terms = mischief.terms()
    scene = Scene(mischief.world, terms)
    entry = await mischief.world.entry(terms)
    await mischief.behave(mode, scene.address if victim == "agreement" else victim)
    actual = expected * CENT * 2 if mode == "Mints" else expected * CENT - expected * CENT // 100
    call = factory.open_one(mischief.world.book.factory, entry)
    sums = {"token": mischief.token, "expected": expected * CENT, "actual": actual}
    await scene.refuses_call("relayer", call, because="TransferMismatch", **sums)
    await mischief.behave("Honest", victim if victim == "maker" else scene.address)
    await mischief.world.send("relayer", call)


async def test_nothing_is_carried_that_arrives_otherwise(mischief: Mischief) -> None:
    old = await _begin(mischief)
    lanes, secret = pack_milestones(LANES[1:]), handover_hash(b"\x05" * 32)
    terms = mischief.world.successor_terms(old.terms, milestones=lanes, handover=secret)
    consent = await mischief.world.consent_number("customer", terms, What.NOVATE, 0)
    entry = await mischief.world.entry(terms)
    call = factory.novate(mischief.world.book.factory, old.terms, [entry], 0, consent)
    await mischief.behave("TakesFee", mischief.world.address(terms))
    price = 1_234_57 * CENT
    sums = {"token": mischief.token, "expected": price, "actual": price - price // 100}
    await old.refuses_call("relayer", call, because="TransferMismatch", **sums)


# ── calls from within a transfer ─────────────────────────────────────────────────────────────────


async def _is_closed(mischief: Mischief, inner: Call, outer: Call, victim: str, door: str) -> None:
    """`inner` works alone; in the middle of `outer` it does not."""
    await mischief.world.rpc.call(
        "eth_call", {"from": mischief.token, "to": inner.to, "data": "0x" + inner.data.hex()}, "pending"
    )
    await mischief.call_back(inner, victim)
    await mischief.world.send("relayer", outer)
    tried, succeeded = await mischief.counters()
    assert (tried > 0, succeeded) == (True, 0), door


@pytest.mark.parametrize("door", ["open", "openBatch", "openSupply", "novate"])
async def test_no_door_of_the_factory_opens_within_a_transfer(mischief: Mischief, door: str) -> None:
    world, address = mischief.world, mischief.world.book.factory
    old = await _begin(mischief)
    outer_terms = mischief.terms(salt=b"\x0e" * 32)
    outer = factory.open_one(address, await world.entry(outer_terms))
    inner_terms = mischief.terms(salt=b"\x0d" * 32)
    if door == "open":
        inner = factory.open_one(address, await world.entry(inner_terms))
    elif door == "openBatch":
        inner = factory.open_batch(address, [await world.entry(inner_terms)])
    elif door == "openSupply":
        supply = world.supply_terms(old.terms, "a", amount=50_00 * CENT)
        inner = factory.open_supply(address, await world.entry(supply), [old.terms])
    else:
        lanes, secret = pack_milestones(LANES[1:]), handover_hash(b"\x05" * 32)
        terms = world.successor_terms(old.terms, milestones=lanes, handover=secret)
        consent = await world.consent_number("customer", terms, What.NOVATE, 0)
        inner = factory.novate(address, old.terms, [await world.entry(terms)], 0, consent)
    await _is_closed(mischief, inner, outer, world.address(outer_terms), door)


@pytest.mark.parametrize("door", ["open", "openBatch", "openSupply", "novate"])
async def test_within_no_door_of_the_factory_another_opens(mischief: Mischief, door: str) -> None:
    """The other way round: each door is locked while it is open."""
    world, address = mischief.world, mischief.world.book.factory
    old = await _begin(mischief)
    inner = factory.open_one(address, await world.entry(mischief.terms(salt=b"\x0d" * 32)))
    terms = mischief.terms(salt=b"\x0e" * 32)
    if door == "open":
        outer = factory.open_one(address, await world.entry(terms))
    elif door == "openBatch":
        outer = factory.open_batch(address, [await world.entry(terms)])
    elif door == "openSupply":
        terms = world.supply_terms(old.terms, "a", amount=50_00 * CENT)
        outer = factory.open_supply(address, await world.entry(terms), [old.terms])
    else:
        lanes, secret = pack_milestones(LANES[1:]), handover_hash(b"\x05" * 32)
        terms = world.successor_terms(old.terms, milestones=lanes, handover=secret)
        consent = await world.consent_number("customer", terms, What.NOVATE, 0)
        outer = factory.novate(address, old.terms, [await world.entry(terms)], 0, consent)
    await _is_closed(mischief, inner, outer, world.address(terms), door)


@pytest.mark.parametrize("victim", ["maker", "fees"])
async def test_receiver_who_calls_back_is_paid_once(mischief: Mischief, victim: str) -> None:
    order = await _begin(mischief)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=DELIVERED)
    lines = ["credited Acceptance: payee 914.83, fee 23.45, payer 0.00", "Delivered → Retained", *to_maker("914.83")]
    await order.move("customer", agreement.accept, log=lines)
    order.until(order.ledger.delivered_at + 2 * DAY + 1)
    again = agreement.release(order.address, order.terms)
    await mischief.call_back(again, victim)
    before = await mischief.world.balance(victim)
    await mischief.world.send("stranger", again)
    assert await mischief.counters() == (1, 0)
    gained = {"maker": 48_15, "fees": 30_85}[victim]
    assert await mischief.world.balance(victim) - before == gained * CENT
