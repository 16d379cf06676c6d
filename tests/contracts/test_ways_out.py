"""Out before the delivery: the payer cancels, the payee revokes, both divide what is left."""

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import SENT_BY_PARTY, Reason, State
from contracts.errors import BadSignature, BadTerms, CostsMore, Past, WrongState
from contracts.events import Credited
from contracts.terms import NEVER, Terms, What, part
from tests.contracts.world import CENT, EURO, INSPECTION_PASSED, PRODUCTION_FINISHED, START, World

MACHINE, INSPECTION, SHIPPING = 1, 2, 3


async def _claim_machine(world: World, terms: Terms) -> None:
    await world.claim(terms, MACHINE, await world.evidence("attestor", terms, PRODUCTION_FINISHED))


async def _claim_inspection(world: World, terms: Terms) -> None:
    proofs = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    await world.claim(terms, INSPECTION, *proofs)


# ── the payer cancels ────────────────────────────────────────────────────────────────────────────


async def test_cancellation_pays_uncontested_claims_and_a_share_of_the_rest(world: World) -> None:
    terms = await world.open_lone(cancel_until=SHIPPING)
    await _claim_machine(world, terms)
    await _claim_inspection(world, terms)
    await world.act("customer", agreement.contest, terms, INSPECTION)
    await world.act("customer", agreement.cancel, terms, terms.amount)
    assert (await world.books(terms)).state is State.REFUNDED
    # Advance 200, machine 100, and a tenth of the other 700; the contested 150 are part of those.
    assert await world.paid(terms) == {
        "PAYEE": (370 * EURO * 39) // 40,
        "FEE_RECEIVER": 370 * EURO // 40,
        "PAYER": 630 * EURO,
    }
    credited = [event for event in await world.events() if isinstance(event, Credited)]
    assert [(event.reason, event.milestone) for event in credited] == [
        (Reason.CLAIM, MACHINE),
        (Reason.CANCELLATION, 255),
    ]


async def test_what_was_shown_is_what_is_charged(world: World) -> None:
    terms = await world.open_lone()
    shown = 280 * EURO
    with pytest.raises(CostsMore) as caught:
        await world.act("customer", agreement.cancel, terms, shown - CENT)
    assert caught.value.arguments == {"costs": shown, "most": shown - CENT}
    consent = await world.consent_number("customer", terms, What.CANCEL, shown)
    await world.act("relayer", agreement.cancel, terms, shown, consent)
    assert terms.amount - (await world.paid(terms))["PAYER"] == shown


async def test_claim_in_between_costs_more_until_it_is_contested(world: World) -> None:
    terms = await world.open_lone(cancel_until=SHIPPING)
    consent = await world.consent_number("customer", terms, What.CANCEL, 280 * EURO)
    await _claim_machine(world, terms)
    with pytest.raises(CostsMore) as caught:
        await world.act("relayer", agreement.cancel, terms, 280 * EURO, consent)
    assert caught.value.arguments["costs"] == 370 * EURO
    await world.act("customer", agreement.contest, terms, MACHINE)
    await world.act("relayer", agreement.cancel, terms, 280 * EURO, consent)


@pytest.mark.parametrize("contested", [False, True])
async def test_right_to_cancel_ends_with_its_milestone_contested_or_not(world: World, contested: bool) -> None:
    terms = await world.open_lone(cancel_until=MACHINE)
    await _claim_machine(world, terms)
    if contested:
        await world.act("customer", agreement.contest, terms, MACHINE)
    with pytest.raises(WrongState, match="NotCancellable"):
        await world.act("customer", agreement.cancel, terms, terms.amount)


@pytest.mark.parametrize("until", [NEVER, 0], ids=["never", "the advance"])
async def test_terms_may_give_no_right_to_cancel(world: World, until: int) -> None:
    terms = await world.open_lone(cancel_until=until)
    with pytest.raises(WrongState, match="NotCancellable"):
        await world.act("customer", agreement.cancel, terms, terms.amount)


async def test_approved_milestone_ends_the_right_too(world: World) -> None:
    terms = await world.open_lone(cancel_until=SHIPPING)
    await world.act("customer", agreement.approve, terms, SHIPPING)
    with pytest.raises(WrongState, match="NotCancellable"):
        await world.act("customer", agreement.cancel, terms, terms.amount)


async def test_only_the_payers_own_figure_cancels(world: World) -> None:
    terms = await world.open_lone()
    for who in ("maker", "arbiter", "relayer"):
        consent = await world.consent_number(who, terms, What.CANCEL, terms.amount)
        with pytest.raises(BadSignature, match="Unauthorised"):
            await world.act(who, agreement.cancel, terms, terms.amount, consent)
    other = await world.consent_number("customer", terms, What.CANCEL, 280 * EURO)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("relayer", agreement.cancel, terms, 281 * EURO, other)
    twin = await world.open_lone(salt=b"\x02" * 32)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("relayer", agreement.cancel, twin, 280 * EURO, other)


# ── the payee revokes ────────────────────────────────────────────────────────────────────────────


async def test_payee_who_gives_up_keeps_what_has_matured(world: World) -> None:
    terms = await world.open_lone()
    await _claim_machine(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    await _claim_inspection(world, terms)
    await world.act("relayer", agreement.revoke, terms, await world.consent("maker", terms, What.REVOKE))
    assert (await world.books(terms)).state is State.REFUNDED
    paid = await world.paid(terms)
    assert paid == {"PAYEE": (300 * EURO * 39) // 40, "FEE_RECEIVER": 300 * EURO // 40, "PAYER": 700 * EURO}


async def test_only_the_payee_revokes(world: World) -> None:
    terms = await world.open_lone()
    for who in ("customer", "arbiter", "stranger"):
        with pytest.raises(BadSignature, match="Unauthorised"):
            await world.act(who, agreement.revoke, terms)
        with pytest.raises(BadSignature, match="Unauthorised"):
            await world.act("relayer", agreement.revoke, terms, await world.consent(who, terms, What.REVOKE))
    accepted = await world.consent("maker", terms, What.ACCEPT)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("relayer", agreement.revoke, terms, accepted)


# ── when ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["cancel", "revoke"])
async def test_ways_out_end_with_the_last_second_of_a_delivery(world: World, way: str) -> None:
    async def leave(terms: Terms) -> None:
        if way == "cancel":
            await world.act("customer", agreement.cancel, terms, terms.amount)
        else:
            await world.act("maker", agreement.revoke, terms)

    in_time, late = await world.open_lone(), await world.open_lone(salt=b"\x02" * 32)
    world.rpc.warp(in_time.deliver_by + in_time.grace - 1)
    await leave(in_time)
    with pytest.raises(Past, match="TooLate"):
        await leave(late)


@pytest.mark.parametrize("state", [State.DELIVERED, State.RETAINED, State.DISPUTED, State.REFUNDED])
async def test_only_an_open_agreement_is_cancelled_or_revoked(world: World, state: State) -> None:
    terms = await world.open_lone()
    await world.bring_to(terms, state)
    with pytest.raises(WrongState, match="WrongState"):
        await world.act("customer", agreement.cancel, terms, terms.amount)
    with pytest.raises(WrongState, match="WrongState"):
        await world.act("maker", agreement.revoke, terms)


# ── both divide ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [State.OPEN, State.DELIVERED, State.RETAINED, State.DISPUTED])
async def test_both_divide_what_is_left_in_any_live_state(world: World, state: State) -> None:
    terms = await world.open_lone()
    await world.bring_to(terms, state)
    before = await world.books(terms)
    had = await world.paid(terms)
    consents = [await world.split_consent(who, terms, 2_500) for who in ("customer", "maker")]
    await world.act("stranger", agreement.split, terms, 2_500, *consents)
    books, paid = await world.books(terms), await world.paid(terms)
    assert (books.state, books.left, books.fee_due) == (State.RESOLVED, 0, 0)
    quarter = before.left // 4
    fee = part(quarter, terms.fee_bps, CENT)
    assert paid["PAYEE"] - had["PAYEE"] == quarter - fee
    assert paid["PAYER"] == before.left - quarter
    assert paid["FEE_RECEIVER"] == before.fee_due + fee


async def test_dust_of_a_split_is_the_payers(world: World) -> None:
    terms = await world.open_lone(amount=99_997 * CENT, milestones=0, cancel_until=NEVER)
    mine = await world.split_consent("maker", terms, 3_333)
    await world.act("customer", agreement.split, terms, 3_333, SENT_BY_PARTY, mine)
    # 33,329.0001 cents are 33,329, of which 833.2 are the fee.
    assert await world.paid(terms) == {"PAYEE": 32_496 * CENT, "FEE_RECEIVER": 833 * CENT, "PAYER": 66_668 * CENT}


async def test_split_needs_both_on_the_same_share_in_time(world: World) -> None:
    terms = await world.open_lone()
    payer, payee = [await world.split_consent(who, terms, 5_000) for who in ("customer", "maker")]
    lower = await world.split_consent("customer", terms, 4_999)
    late = await world.split_consent("customer", terms, 5_000, deadline=START)
    action = await world.consent_number("customer", terms, What.RESOLVE, 5_000)
    twin = await world.open_lone(salt=b"\x02" * 32)
    for wrong, name in (
        ((payee, payee), "Unauthorised"),
        ((payer, payer), "Unauthorised"),
        ((payee, payer), "Unauthorised"),
        ((lower, payee), "Unauthorised"),
        ((action, payee), "Unauthorised"),
        ((SENT_BY_PARTY, payee), "Unauthorised"),
        ((late, payee), "SignatureExpired"),
    ):
        with pytest.raises(BadSignature, match=name):
            await world.act("stranger", agreement.split, terms, 5_000, *wrong)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("stranger", agreement.split, twin, 5_000, payer, payee)
    await world.act("stranger", agreement.split, terms, 5_000, payer, payee)
    with pytest.raises(WrongState):
        await world.act("stranger", agreement.split, terms, 5_000, payer, payee)


async def test_nobody_divides_more_than_the_whole(world: World) -> None:
    terms = await world.open_lone()
    payer, payee = [await world.split_consent(who, terms, 10_001) for who in ("customer", "maker")]
    with pytest.raises(BadTerms, match="RateTooHigh"):
        await world.act("stranger", agreement.split, terms, 10_001, payer, payee)
