"""Disputes: who may ask, what is frozen, who decides, and what silence means."""

import dataclasses
from collections.abc import Sequence

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party, State
from contracts.errors import BadSignature, BadTerms, NotYet, Past, WrongState
from contracts.events import Disputed
from contracts.terms import ZERO_ADDRESS, What, part
from tests.contracts.world import (
    ADDRESS,
    CENT,
    DAY,
    EURO,
    INSPECTION_PASSED,
    PRODUCTION_FINISHED,
    SECRET,
    World,
)


def _now(world: World) -> int:
    return int(world.rpc.node.head_timestamp)


async def _disputes(world: World) -> Sequence[Disputed]:
    return [event for event in await world.events() if isinstance(event, Disputed)]


# ── who asks, when ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("who", "party"), [("customer", Party.PAYER), ("maker", Party.PAYEE)])
async def test_either_party_disputes_before_the_delivery_once(world: World, who: str, party: Party) -> None:
    terms = await world.open_lone()
    consent = await world.consent_number(who, terms, What.DISPUTE, State.OPEN)
    await world.act("relayer", agreement.dispute, terms, party, consent)
    books = await world.books(terms)
    assert (books.state, books.disputed_in, books.disputed_at) == (State.DISPUTED, State.OPEN, _now(world))
    [event] = await _disputes(world)
    assert (event.by, event.before, event.decide_by) == (
        ADDRESS[who],
        State.OPEN,
        _now(world) + terms.arbiter_window,
    )
    for again, name in ((Party.PAYER, "customer"), (Party.PAYEE, "maker")):
        with pytest.raises(WrongState):
            await world.act(name, agreement.dispute, terms, again)


@pytest.mark.parametrize("state", [State.DELIVERED, State.RETAINED])
async def test_after_the_delivery_the_payer_alone_disputes(world: World, state: State) -> None:
    terms = await world.open_lone()
    await world.bring_to(terms, state)
    for party in (Party.PAYER, Party.PAYEE, Party.FEE_RECEIVER):
        with pytest.raises(BadSignature, match="Unauthorised"):
            await world.act("maker", agreement.dispute, terms, party)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    assert (await world.books(terms)).disputed_in is state


async def test_dispute_signed_before_the_handover_is_no_complaint_after_it(world: World) -> None:
    """Silence means another thing in each state, so a consent names the state."""
    terms = await world.open_lone()
    early = await world.consent_number("customer", terms, What.DISPUTE, State.OPEN)
    await world.hand_over(terms)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("relayer", agreement.dispute, terms, Party.PAYER, early)
    complaint = await world.consent_number("customer", terms, What.DISPUTE, State.DELIVERED)
    await world.act("relayer", agreement.dispute, terms, Party.PAYER, complaint)


async def test_nobody_else_disputes(world: World) -> None:
    terms = await world.open_lone()
    for who in ("arbiter", "carrier", "witness", "relayer"):
        forged = await world.consent_number(who, terms, What.DISPUTE, State.OPEN)
        for party in Party:
            with pytest.raises(BadSignature, match="Unauthorised"):
                await world.act(who, agreement.dispute, terms, party, forged)


@pytest.mark.parametrize("state", [State.OPEN, State.DELIVERED, State.RETAINED])
async def test_dispute_ends_with_the_window_of_its_state(world: World, state: State) -> None:
    twins = [await world.open_lone(), await world.open_lone(salt=b"\x02" * 32)]
    last = []
    for terms in twins:
        await world.bring_to(terms, state)
        delivered = (await world.books(terms)).delivered_at
        last.append(
            {
                State.OPEN: terms.deliver_by + terms.grace,
                State.DELIVERED: delivered + terms.accept_window,
                State.RETAINED: delivered + terms.retention_window,
            }[state]
        )
    world.rpc.warp(last[0] - 1)
    await world.act("customer", agreement.dispute, twins[0], Party.PAYER)
    world.rpc.warp(max(last[1], _now(world) + 1))
    with pytest.raises(Past, match="TooLate"):
        await world.act("customer", agreement.dispute, twins[1], Party.PAYER)


# ── what is frozen ───────────────────────────────────────────────────────────────────────────────


async def test_mature_claims_are_paid_before_all_else_is_frozen(world: World) -> None:
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    world.rpc.warp(_now(world) + terms.contest_window)
    proofs = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    await world.claim(terms, 2, *proofs)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    assert (await world.books(terms)).left == 700 * EURO
    # The younger claim does not ripen in a dispute: the arbiter decides on it too.
    world.rpc.warp(_now(world) + 2 * terms.contest_window)
    assert not await world.tries("stranger", agreement.withdraw(world.address(terms), terms, Party.PAYEE))
    await world.act("arbiter", agreement.resolve, terms, 0)
    assert (await world.paid(terms))["PAYER"] == 700 * EURO


async def test_while_disputed_nothing_else_moves(world: World) -> None:
    terms = await world.open_lone()
    at = world.address(terms)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    inspected = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    for who, call in (
        ("stranger", agreement.claim(at, terms, 2, inspected)),
        ("customer", agreement.contest(at, terms, 1)),
        ("customer", agreement.approve(at, terms, 1)),
        ("customer", agreement.accept(at, terms)),
        ("customer", agreement.cancel(at, terms, terms.amount)),
        ("maker", agreement.revoke(at, terms)),
        ("stranger", agreement.finalise(at, terms)),
        ("stranger", agreement.release(at, terms)),
        ("stranger", agreement.refund(at, terms)),
    ):
        with pytest.raises(WrongState, match="WrongState"):
            await world.send(who, call)


async def test_complaint_in_the_retention_time_is_about_that_share(world: World) -> None:
    terms = await world.open_lone()
    await world.bring_to(terms, State.RETAINED)
    had = await world.paid(terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await world.act("relayer", agreement.resolve, terms, 4_000, await world.verdict(terms, 4_000))
    paid = await world.paid(terms)
    assert paid["PAYER"] == 30 * EURO
    assert paid["PAYEE"] - had["PAYEE"] == 19_50 * CENT
    assert (await world.books(terms)).state is State.RESOLVED


# ── the arbiter ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("payee_bps", [0, 3_333, 10_000])
async def test_arbiter_divides_what_is_left_between_the_two(world: World, payee_bps: int) -> None:
    terms = await world.open_lone(amount=99_997 * CENT)
    before = await world.balances()
    await world.act("maker", agreement.dispute, terms, Party.PAYEE)
    left, had = (await world.books(terms)).left, (await world.paid(terms))["PAYEE"]
    await world.act("relayer", agreement.resolve, terms, payee_bps, await world.verdict(terms, payee_bps))
    gross = part(left, payee_bps, CENT)
    paid = await world.paid(terms)
    assert paid["PAYEE"] - had == gross - part(gross, terms.fee_bps, CENT)
    assert paid.get("PAYER", 0) == left - gross
    after = await world.balances()
    assert {name for name in after if after[name] != before[name]} <= {"maker", "customer", "fees"}


async def test_only_the_arbiter_decides_on_this_dispute_and_share(world: World) -> None:
    terms = await world.open_lone()
    with pytest.raises(WrongState):
        await world.act("arbiter", agreement.resolve, terms, 0)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    at = (await world.books(terms)).disputed_at
    for who, number in (("maker", 10_000), ("customer", 10_000), ("arbiter", 9_999), ("relayer", 10_000)):
        forged = await world.consent_number(who, terms, What.RESOLVE, at << 16 | number)
        with pytest.raises(BadSignature, match="Unauthorised"):
            await world.act("relayer", agreement.resolve, terms, 10_000, forged)
    undated = await world.consent_number("arbiter", terms, What.RESOLVE, 10_000)
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("relayer", agreement.resolve, terms, 10_000, undated)
    with pytest.raises(BadTerms, match="RateTooHigh"):
        await world.act("arbiter", agreement.resolve, terms, 10_001)
    await world.act("arbiter", agreement.resolve, terms, 10_000)
    with pytest.raises(WrongState):
        await world.act("arbiter", agreement.resolve, terms, 10_000)


async def test_arbiters_last_second_and_the_first_of_the_timeout(world: World) -> None:
    decided, silent = await world.open_lone(), await world.open_lone(salt=b"\x02" * 32)
    for terms in (decided, silent):
        await world.act("customer", agreement.dispute, terms, Party.PAYER)
    ends = [(await world.books(terms)).disputed_at + terms.arbiter_window for terms in (decided, silent)]
    assert ends[1] == ends[0] + 1
    world.rpc.warp(ends[0] - 1)
    with pytest.raises(NotYet) as caught:
        await world.act("stranger", agreement.timeout, decided)
    assert caught.value.arguments == {"opensAfter": ends[0]}
    await world.act("arbiter", agreement.resolve, decided, 0)
    world.rpc.warp(ends[1])
    with pytest.raises(Past, match="TooLate"):
        await world.act("arbiter", agreement.resolve, silent, 0)
    await world.act("stranger", agreement.timeout, silent)
    with pytest.raises(WrongState):
        await world.act("stranger", agreement.timeout, silent)


# ── silence ──────────────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True)
class Silence:
    """Where the dispute stood, how late the goods were, and what silence leaves the payer of 1,000 €."""

    state: State
    late_s: int
    timeout_bps: int
    payer: int


@pytest.mark.parametrize(
    "case",
    [
        Silence(State.OPEN, 0, 10_000, 800),
        Silence(State.OPEN, 0, 0, 800),
        Silence(State.DELIVERED, 0, 10_000, 0),
        Silence(State.DELIVERED, 0, 2_500, 600),
        Silence(State.DELIVERED, 0, 0, 800),
        # 30 € of lateness first, then half of the other 770.
        Silence(State.DELIVERED, 2 * DAY + 1, 5_000, 415),
        Silence(State.DELIVERED, 2 * DAY + 1, 10_000, 30),
        # Of the retained 50 €; the lateness was deducted at the acceptance.
        Silence(State.RETAINED, 2 * DAY + 1, 10_000, 30),
        Silence(State.RETAINED, 2 * DAY + 1, 4_000, 60),
    ],
    ids=str,
)
async def test_silent_arbiter(world: World, case: Silence) -> None:
    terms = await world.open_lone(timeout_bps=case.timeout_bps)
    if case.late_s:
        world.rpc.warp(terms.deliver_by + case.late_s - 1)
    await world.bring_to(terms, case.state)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    world.rpc.warp(_now(world) + terms.arbiter_window)
    await world.act("stranger", agreement.timeout, terms)
    books = await world.books(terms)
    assert (books.state, books.left, books.fee_due) == (State.RESOLVED, 0, 0)
    paid = await world.paid(terms)
    assert paid.get("PAYER", 0) == case.payer * EURO
    assert sum(paid.values()) == terms.amount


# ── the handover in a dispute ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["secret", "carrier"])
async def test_handover_changes_the_question_and_the_clock_starts_again(world: World, by: str) -> None:
    terms = await world.open_lone()
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    first = (await world.books(terms)).disputed_at
    # "Nothing was delivered": true when the arbiter said so.
    old_verdict = await world.verdict(terms, 0)
    world.rpc.warp(first + terms.arbiter_window - 1)
    if by == "secret":
        await world.hand_over(terms)
    else:
        consent = await world.consent("carrier", terms, What.DELIVERED)
        await world.act("stranger", agreement.delivered_by_carrier, terms, consent)
    books = await world.books(terms)
    assert (books.state, books.disputed_in) == (State.DISPUTED, State.DELIVERED)
    assert books.delivered_at == books.disputed_at == first + terms.arbiter_window
    restarted = (await _disputes(world))[-1]
    assert (restarted.by, restarted.before) == (ZERO_ADDRESS, State.DELIVERED)
    assert restarted.decide_by == books.disputed_at + terms.arbiter_window
    with pytest.raises(BadSignature, match="Unauthorised"):
        await world.act("customer", agreement.resolve, terms, 0, old_verdict)
    with pytest.raises(NotYet):
        await world.act("stranger", agreement.timeout, terms)
    with pytest.raises(WrongState):
        await world.hand_over(terms)
    world.rpc.warp(restarted.decide_by)
    await world.act("stranger", agreement.timeout, terms)
    assert "PAYER" not in await world.paid(terms)


async def test_handover_after_the_arbiters_time_comes_too_late(world: World) -> None:
    terms = await world.open_lone()
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    world.rpc.warp(_now(world) + terms.arbiter_window)
    with pytest.raises(Past, match="TooLate"):
        await world.hand_over(terms)


async def test_handover_in_a_dispute_ends_with_the_last_delivery(world: World) -> None:
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + terms.grace - 3)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    world.rpc.warp(terms.deliver_by + terms.grace)
    with pytest.raises(Past, match="TooLate"):
        await world.hand_over(terms)


@pytest.mark.parametrize("state", [State.DELIVERED, State.RETAINED])
async def test_what_was_delivered_is_not_delivered_again(world: World, state: State) -> None:
    terms = await world.open_lone()
    await world.bring_to(terms, state)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    with pytest.raises(WrongState):
        await world.act("stranger", agreement.delivered_by_secret, terms, SECRET)
