"""New terms for a running agreement: what is left moves on, and nothing that was settled starts again."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from contracts.bindings import agreement, factory
from contracts.bindings.agreement import SENT_BY_PARTY, Authorisation, State
from contracts.errors import AlreadyDone, BadSignature, BadTerms, CostsMore, Reverted, WrongState
from contracts.events import Replaced
from contracts.terms import OPENED, ZERO_ADDRESS, ZERO_WORD, Kind, Milestone, Terms, What, Witnessed, pack_milestones
from tests.contracts.world import ADDRESS, CENT, EURO, INSPECTION_PASSED, PRODUCTION_FINISHED, SECRET, START, World


def _now(world: World) -> int:
    return int(world.rpc.node.head_timestamp)


async def _claim_and_let_mature(world: World, terms: Terms) -> None:
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    world.rpc.warp(_now(world) + terms.contest_window)


# ── the money ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("amount", [1_000 * EURO, 800 * EURO, 300 * EURO], ids=["dearer", "as dear", "cheaper"])
async def test_what_is_left_moves_on_and_the_payer_settles_the_difference(world: World, amount: int) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms, amount=amount, milestones=0)
    before = await world.balance("customer")
    await world.novate(terms, successor, least=min(amount, 800 * EURO))
    assert before - await world.balance("customer") == amount - 800 * EURO
    old, new = await world.books(terms), await world.books(successor)
    assert (old.state, old.left, old.fee_due) == (State.RESOLVED, 0, 0)
    assert (new.state, new.left, new.fee_due) == (State.OPEN, amount, 0)
    assert (await world.balance(world.address(terms)), await world.balance(world.address(successor))) == (0, amount)
    [event] = [event for event in await world.events() if isinstance(event, Replaced)]
    assert (event.id, event.successor, event.carried) == (
        world.id(terms),
        world.id(successor),
        min(amount, 800 * EURO),
    )
    assert sum((await world.paid(terms)).values()) == terms.amount


async def test_successor_lives_as_any_agreement_does(world: World) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms)
    await world.novate(terms, successor)
    await world.claim(successor, 0, await world.evidence("attestor", successor, PRODUCTION_FINISHED))
    await world.hand_over(successor)
    await world.leave_to_strangers(successor)
    paid = await world.paid(successor)
    assert (sum(paid.values()), (await world.books(successor)).state) == (successor.amount, State.SETTLED)
    assert await world.balance(world.address(successor)) == 0


async def test_mature_claims_stay_with_the_old_terms_and_younger_ones_lapse(world: World) -> None:
    terms = await world.open_lone()
    await _claim_and_let_mature(world, terms)
    inspected = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    await world.claim(terms, 2, *inspected)
    await world.novate(terms, world.successor_terms(terms, milestones=0))
    assert await world.paid(terms) == {
        "PAYEE": (300 * EURO * 39) // 40,
        "FEE_RECEIVER": 300 * EURO // 40,
        "successor": 700 * EURO,
    }


async def test_payer_names_the_least_that_must_be_brought_along(world: World) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms, milestones=0)
    await _claim_and_let_mature(world, terms)
    with pytest.raises(CostsMore, match="CarriesLess") as caught:
        await world.novate(terms, successor, least=700 * EURO + 1)
    assert caught.value.arguments == {"carried": 700 * EURO, "least": 700 * EURO + 1}
    await world.novate(terms, successor, least=700 * EURO)


# ── the cap on the maker's own word ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("released", "allowed"), [(False, 100 * EURO), (True, 0)], ids=["unreleased", "released"])
async def test_cap_does_not_start_again(world: World, released: bool, allowed: int) -> None:
    terms = await world.open_lone()
    if released:
        await _claim_and_let_mature(world, terms)

    def asking(cents: int) -> Terms:
        lanes = pack_milestones([Milestone(10, PRODUCTION_FINISHED)])
        # A thousandth of the amount.
        return world.successor_terms(terms, amount=1_000 * cents * CENT, milestones=lanes)

    with pytest.raises(BadTerms, match="CapRestarted") as caught:
        await world.novate(terms, asking(allowed // CENT + 1))
    assert (caught.value.arguments["selfAttested"], caught.value.arguments["allowed"]) == (allowed + CENT, allowed)
    if allowed:
        # 100 € of a price of 100,000 €, which nobody has: a smaller price and a larger share come to the same.
        lanes = pack_milestones([Milestone(1_000, PRODUCTION_FINISHED)])
        await world.novate(terms, world.successor_terms(terms, milestones=lanes))
    else:
        await world.novate(terms, world.successor_terms(terms, milestones=0))


async def test_cap_holds_through_a_chain_of_successors(world: World) -> None:
    first = await world.open_lone()
    lanes = pack_milestones([Milestone(1_000, PRODUCTION_FINISHED)])
    second = world.successor_terms(first, milestones=lanes)
    await world.novate(first, second)
    await world.claim(second, 0, await world.evidence("attestor", second, PRODUCTION_FINISHED))
    world.rpc.warp(_now(world) + second.contest_window)
    third = world.successor_terms(second, milestones=lanes, handover=ZERO_WORD, salt=b"\x5b" * 32)
    with pytest.raises(BadTerms, match="CapRestarted"):
        await world.novate(second, third)
    by_witness = pack_milestones([Milestone(1_000, PRODUCTION_FINISHED, Witnessed.BOTH)])
    await world.novate(second, dataclasses.replace(third, milestones=by_witness))


# ── what a successor must share with the old terms ───────────────────────────────────────────────

REFUSALS: list[tuple[str, Callable[[World, Terms], dict[str, Any]]]] = [
    ("ForeignPayer", lambda world, old: {"payer": ADDRESS["supplier_a"]}),
    ("ForeignPayee", lambda world, old: {"payee": ADDRESS["supplier_a"]}),
    ("ForeignPredecessor", lambda world, old: {"replaces": ZERO_WORD}),
    ("ForeignPredecessor", lambda world, old: {"replaces": b"\x01" * 32}),
    ("ForeignParent", lambda world, old: {"parent": world.id(old)}),
    ("MixedMoney", lambda world, old: {"unit": 2 * CENT}),
    ("UnexpectedAdvance", lambda world, old: {"milestones": pack_milestones([Milestone(1, OPENED)])}),
    ("HandoverReused", lambda world, old: {"handover": old.handover}),
    ("WrongKind", lambda world, old: {"kind": Kind.SUPPLY}),
    ("WrongSupplyCount", lambda world, old: {"supply_count": 1}),
    ("SelfAttestedTooHigh", lambda world, old: {"milestones": pack_milestones([Milestone(3_001, 600)])}),
]


@pytest.mark.parametrize(("name", "changes"), REFUSALS)
async def test_terms_that_replace_nothing(
    world: World, name: str, changes: Callable[[World, Terms], dict[str, Any]]
) -> None:
    terms = await world.open_lone()
    with pytest.raises(BadTerms, match=f"^{name}"):
        await world.novate(terms, dataclasses.replace(world.successor_terms(terms), **changes(world, terms)))
    assert (await world.books(terms)).state is State.OPEN
    await world.novate(terms, world.successor_terms(terms))


async def test_successor_may_do_without_a_secret_as_the_old_terms_did(world: World) -> None:
    terms = await world.open_lone(handover=ZERO_WORD)
    await world.novate(terms, world.successor_terms(terms, handover=ZERO_WORD))


async def test_what_never_opened_or_has_ended_is_not_replaced(world: World) -> None:
    drafted = world.delivery_terms(supplies=0, salt=b"\x02" * 32)
    entry = await world.entry(world.successor_terms(drafted))
    consent = await world.consent_number("customer", entry.terms, What.NOVATE, 0)
    with pytest.raises(WrongState, match="NotOpen"):
        await world.send("relayer", factory.novate(world.book.factory, drafted, [entry], 0, consent))
    ended = await world.open_lone()
    await world.bring_to(ended, State.REFUNDED)
    with pytest.raises(WrongState, match="WrongState"):
        await world.novate(ended, world.successor_terms(ended))


async def test_agreement_is_replaced_once(world: World) -> None:
    terms = await world.open_lone()
    await world.novate(terms, world.successor_terms(terms))
    with pytest.raises(AlreadyDone, match="FailedDeployment"):
        await world.novate(terms, world.successor_terms(terms))
    with pytest.raises(WrongState, match="WrongState"):
        await world.novate(terms, world.successor_terms(terms, salt=b"\x5b" * 32))


async def test_successor_does_not_open_by_the_other_doors(world: World) -> None:
    terms = await world.open_lone()
    entry = await world.entry(world.successor_terms(terms))
    for call in (factory.open_one(world.book.factory, entry), factory.open_batch(world.book.factory, [entry])):
        with pytest.raises(BadTerms, match="ForeignPredecessor"):
            await world.send("relayer", call)


# ── who must agree to what ───────────────────────────────────────────────────────────────────────


async def test_both_sign_the_new_terms(world: World) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms)
    entry = await world.entry(successor)
    consent = await world.consent_number("customer", successor, What.NOVATE, 0)
    for missing in ("payer_signature", "payee_signature"):
        unsigned = dataclasses.replace(entry, **{missing: b""})
        with pytest.raises(BadSignature, match="NotSigned"):
            await world.send("relayer", factory.novate(world.book.factory, terms, [unsigned], 0, consent))


async def test_payer_consents_to_the_new_id_and_the_least(world: World) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms)
    entry = await world.entry(successor)

    async def replace(consent: Authorisation, sender: str = "relayer") -> None:
        await world.send(sender, factory.novate(world.book.factory, terms, [entry], 800 * EURO, consent))

    least = 800 * EURO
    for wrong in (
        await world.consent_number("maker", successor, What.NOVATE, least),
        await world.consent_number("customer", terms, What.NOVATE, least),
        await world.consent_number("customer", successor, What.NOVATE, least - CENT),
        await world.consent_number("customer", successor, What.CANCEL, least),
        SENT_BY_PARTY,
    ):
        with pytest.raises(BadSignature, match="Unauthorised"):
            await replace(wrong)
    expired = await world.consent("customer", successor, What.NOVATE, least.to_bytes(32, "big"), deadline=START)
    with pytest.raises(BadSignature, match="SignatureExpired"):
        await replace(expired)
    await replace(SENT_BY_PARTY, sender="customer")


@pytest.mark.parametrize("state", [State.DELIVERED, State.RETAINED, State.DISPUTED])
async def test_payee_consents_to_the_state_that_it_gives_up(world: World, state: State) -> None:
    """Signed terms alone could be used after the delivery, when they are a gift to the payer."""
    terms = await world.open_lone()
    await world.bring_to(terms, state)
    left = (await world.books(terms)).left
    successor = world.successor_terms(terms, amount=900 * EURO, milestones=0)
    entry = await world.entry(successor)

    async def replace(consent: Authorisation) -> None:
        await world.send("customer", factory.novate(world.book.factory, terms, [entry], 0, SENT_BY_PARTY, consent))

    other = State.RETAINED if state is State.DELIVERED else State.DELIVERED
    for wrong in (
        SENT_BY_PARTY,
        await world.consent_number("customer", successor, What.NOVATE, state),
        await world.consent_number("maker", successor, What.NOVATE, other),
        await world.consent_number("maker", terms, What.NOVATE, state),
    ):
        with pytest.raises(BadSignature, match="Unauthorised"):
            await replace(wrong)
    await replace(await world.consent_number("maker", successor, What.NOVATE, state))
    assert (await world.paid(terms))["successor"] == left
    assert (await world.books(successor)).left == successor.amount


async def test_old_secret_does_not_deliver_the_new_terms(world: World) -> None:
    terms = await world.open_lone()
    successor = world.successor_terms(terms)
    await world.novate(terms, successor)
    with pytest.raises(Reverted, match="WrongSecret"):
        await world.act("maker", agreement.delivered_by_secret, successor, SECRET)


# ── supplies ─────────────────────────────────────────────────────────────────────────────────────


async def test_successor_brings_exactly_its_new_supplies(world: World) -> None:
    delivery, supply_a, supply_b = batch = world.batch()
    await world.open(batch)
    successor = world.successor_terms(delivery, supply_count=1)
    added = world.supply_terms(successor, salt=b"\x0c" * 32)
    with pytest.raises(BadTerms, match="WrongSupplyCount"):
        await world.novate(delivery, successor)
    foreign = dataclasses.replace(added, parent=world.id(delivery))
    with pytest.raises(BadTerms, match="ForeignParent"):
        await world.novate(delivery, successor, foreign)
    before = await world.balance("maker")
    await world.novate(delivery, successor, added)
    # There is no new advance, so the maker pays for its new supply itself.
    assert before - await world.balance("maker") == added.amount
    for running in (supply_a, supply_b, added):
        assert (await world.books(running)).left == running.amount


async def test_supply_is_replaced_under_the_same_delivery(world: World) -> None:
    batch = world.batch()
    await world.open(batch)
    supply = batch[1]
    lanes = pack_milestones([Milestone(2_400, PRODUCTION_FINISHED)])  # 36 €, as before
    successor = world.successor_terms(supply, amount=150 * EURO, milestones=lanes, handover=ZERO_WORD)
    orphan = dataclasses.replace(successor, parent=ZERO_WORD)
    with pytest.raises(BadTerms, match="ForeignParent"):
        await world.novate(supply, orphan)
    before = await world.balance("maker")
    await world.novate(supply, successor, least=supply.amount)
    assert before - await world.balance("maker") == 30 * EURO
    assert (await world.books(successor)).left == 150 * EURO


async def test_supply_without_a_carrier_needs_a_secret_of_its_own(world: World) -> None:
    batch = world.batch()
    await world.open(batch)
    bare = world.successor_terms(batch[1], carrier=ZERO_ADDRESS, handover=ZERO_WORD)
    with pytest.raises(BadTerms, match="NoDeliveryProof"):
        await world.novate(batch[1], bare)
