"""A dispute: who may open it when, what follows from each word, and what the arbiter's silence costs whom."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain import commands as c
from marketplace.domain.agreement import OnChain
from marketplace.domain.dispute import DAY_S, Dispute, Division, last_second, on_silence, penalty_minor
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import decide
from marketplace.domain.order import Order, Status
from tests.domain.samples import COMMANDS, NOW, after, order_at
from tests.domain.test_agreement import TERMS

OPEN, ANSWER, RECORD, DECIDE = (
    COMMANDS[kind] for kind in (c.OpenDispute, c.AnswerDispute, c.RecordDispute, c.RecordDecision)
)


def delivered(*commands: c.Command) -> Order:
    """A delivered order after these."""
    return after(order_at(Status.DELIVERED), commands)


def test_a_dispute_goes_from_the_signature_over_the_chain_to_the_decision() -> None:
    order = delivered()
    for command, state in ((None, "none"), (OPEN, "sent"), (RECORD, "open"), (ANSWER, "open"), (DECIDE, "decided")):
        order = order if command is None else after(order, [command])
        assert (order.dispute, order.status) == (state, Status.DELIVERED)
    assert after(order, [c.RecordSettled()]).status is Status.SETTLED


def test_what_a_party_does_on_the_chain_alone_is_known_all_the_same() -> None:
    order = after(order_at(Status.SHIPPED), [RECORD])
    assert (order.dispute, order.status) == (Dispute.OPEN, Status.SHIPPED)


def test_a_handover_gives_the_arbiter_a_new_term() -> None:
    later = c.RecordDispute(NOW + timedelta(days=30))
    (event,) = decide(delivered(RECORD), later, NOW).events
    assert event == type(event)(NOW + timedelta(days=30))


@pytest.mark.parametrize("before", [(OPEN,), (RECORD,), (OPEN, RECORD), (RECORD, DECIDE)], ids=len)
def test_a_dispute_is_opened_once_and_then_nobody_accepts(before: tuple[c.Command, ...]) -> None:
    with pytest.raises(InvalidTransition, match="cannot be disputed again: add what is missing"):
        decide(delivered(*before), OPEN, NOW)
    with pytest.raises(InvalidTransition, match="an order that is in dispute cannot be accepted by you"):
        decide(delivered(*before), COMMANDS[c.AcceptDelivery], NOW)


def test_what_was_accepted_is_not_disputed_but_its_retained_share_is() -> None:
    accepted = delivered(COMMANDS[c.AcceptDelivery])
    with pytest.raises(InvalidTransition, match="your acceptance has been sent"):
        decide(accepted, OPEN, NOW)
    assert isinstance(OPEN, c.OpenDispute)
    retained = replace(OPEN, since=int(OnChain.RETAINED))
    assert decide(accepted, retained, NOW).order.dispute is Dispute.SENT


@pytest.mark.parametrize(("by", "told"), [("customer", "manufacturer"), ("manufacturer", "customer")])
def test_what_one_side_says_the_other_is_told(by: str, told: str) -> None:
    assert isinstance(ANSWER, c.AnswerDispute)
    (effect,) = decide(delivered(OPEN), replace(ANSWER, by=by), NOW).effects
    assert (effect.subject, effect.detail) == ("DisputeAnswered", told)


def test_nobody_answers_what_is_decided_and_it_is_decided_once() -> None:
    decided = delivered(OPEN, RECORD, DECIDE)
    with pytest.raises(InvalidTransition, match="it is not in dispute"):
        decide(decided, ANSWER, NOW)
    assert decide(decided, DECIDE, NOW).events == ()


def test_a_decision_of_an_order_without_a_price_says_nothing() -> None:
    assert decide(replace(delivered(), price=None), DECIDE, NOW).events == ()


def test_the_last_second_is_that_of_the_state() -> None:
    terms = replace(TERMS, accept_window=100, retention_window=1_000)
    assert last_second(terms, OnChain.DELIVERED, 5_000) == 5_100
    assert last_second(terms, OnChain.RETAINED, 5_000) == 6_000
    with pytest.raises(ValueError, match="what is open cannot be disputed as a delivery"):
        last_second(terms, OnChain.OPEN, 5_000)


@pytest.mark.parametrize(
    ("late_s", "minor"), [(-1, 0), (0, 0), (1, 600), (DAY_S, 600), (DAY_S + 1, 1_200), (10**7, 6_000)]
)
def test_every_day_begun_costs_a_hundredth_up_to_the_cap(late_s: int, minor: int) -> None:
    assert penalty_minor(TERMS, TERMS.deliver_by + late_s) == minor


def test_silence_pays_lateness_first_and_then_as_the_terms_say() -> None:
    late = TERMS.deliver_by + 1
    assert on_silence(TERMS, OnChain.DELIVERED, TERMS.deliver_by, 42_000) == Division(0, 42_000)
    assert on_silence(TERMS, OnChain.DELIVERED, late, 42_000) == Division(600, 41_400)
    assert on_silence(TERMS, OnChain.RETAINED, late, 3_000) == Division(0, 3_000)
    half = replace(TERMS, timeout_bps=5_000)
    assert on_silence(half, OnChain.DELIVERED, late, 42_000) == Division(21_300, 20_700)


@given(st.integers(0, 60_000), st.integers(0, 20 * DAY_S), st.integers(0, 10_000))
def test_silence_divides_every_cent(held: int, late_s: int, bps: int) -> None:
    terms = replace(TERMS, timeout_bps=bps)
    found = on_silence(terms, OnChain.DELIVERED, terms.deliver_by + late_s, held)
    assert found.customer_minor + found.manufacturer_minor == held
    assert min(found.customer_minor, found.manufacturer_minor) >= 0
