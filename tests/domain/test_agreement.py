"""Terms in cents, and which event releases which milestone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.agreement import (
    ENDED,
    ZERO_ADDRESS,
    ZERO_HASH,
    Agreement,
    AgreementKind,
    AgreementStatus,
    Milestone,
    OnChain,
    Payout,
    Terms,
    arrived,
)
from marketplace.domain.evidence import EventCode, Witness

UNIT = 10_000  # a token with six decimals: 10,000 units in one cent
TERMS = Terms(
    kind=AgreementKind.DELIVERY,
    supply_count=2,
    payer="0x" + "01" * 20,
    payee="0x" + "02" * 20,
    attestor="0x" + "03" * 20,
    witness=ZERO_ADDRESS,
    carrier="0x" + "04" * 20,
    arbiter="0x" + "05" * 20,
    token="0x" + "06" * 20,
    unit=UNIT,
    amount=60_000 * UNIT,
    milestones=(
        Milestone(2_000, EventCode.OPENED),
        Milestone(1_000, EventCode.PRODUCTION_FINISHED),
        Milestone(3_333, EventCode.INSPECTION_PASSED, Witness.BOTH),
    ),
    fund_by=1_767_600_000,
    deliver_by=1_768_600_000,
    grace=86_400,
    contest_window=3_600,
    accept_window=86_400,
    retention_window=0,
    arbiter_window=86_400,
    penalty_bps_per_day=100,
    penalty_cap_bps=1_000,
    fee_bps=100,
    cancel_bps=1_000,
    cancel_until=1,
    timeout_bps=10_000,
    handover="0x" + "07" * 32,
    parent=ZERO_HASH,
    replaces=ZERO_HASH,
    spec_hash="0x" + "08" * 32,
    salt="0x" + "09" * 32,
)


@pytest.mark.req(78, 79)
def test_milestones_release_their_share_in_whole_cents() -> None:
    assert TERMS.amount_minor == 60_000
    assert [TERMS.milestone_minor(index) for index in range(3)] == [12_000, 6_000, 19_998]


@given(amount=st.integers(1, 10**9), parts=st.lists(st.integers(1, 1_250), min_size=1, max_size=8))
def test_milestones_never_release_more_than_the_amount(amount: int, parts: list[int]) -> None:
    milestones = tuple(Milestone(bps, EventCode.SHIPPED) for bps in parts)
    terms = replace(TERMS, amount=amount * UNIT, milestones=milestones)
    assert sum(terms.milestone_minor(index) for index in range(len(parts))) <= terms.amount_minor == amount


def test_an_event_releases_the_milestone_that_names_it() -> None:
    assert TERMS.milestone_for(EventCode.OPENED) == 0
    assert TERMS.milestone_for(EventCode.INSPECTION_PASSED) == 2
    assert TERMS.milestone_for(EventCode.SHIPPED) is None
    assert TERMS.milestone_for(999) is None


def test_where_two_milestones_name_one_event_the_first_is_meant() -> None:
    twice = replace(TERMS, milestones=(Milestone(100, EventCode.SHIPPED), Milestone(200, EventCode.SHIPPED)))
    assert twice.milestone_for(EventCode.SHIPPED) == 0


@pytest.mark.req(80)
def test_every_state_on_chain_has_its_word() -> None:
    assert [OnChain(number).name for number in range(7)] == [
        "OPEN",
        "DELIVERED",
        "RETAINED",
        "DISPUTED",
        "SETTLED",
        "REFUNDED",
        "RESOLVED",
    ]
    assert {state.name for state in OnChain} < {status.name for status in AgreementStatus}
    assert {"settled", "refunded", "resolved"} == ENDED


def test_an_agreement_begins_as_a_draft_that_nobody_has_signed() -> None:
    draft = Agreement("id", "order", AgreementKind.DELIVERY, ZERO_ADDRESS, TERMS, "customer", "maker", "40 cylinders")
    assert draft.status is AgreementStatus.DRAFTED
    assert (draft.payer_signature, draft.payee_signature, draft.payouts) == (None, None, ())


def _payouts(*entries: tuple[str, int, bool]) -> tuple[Payout, ...]:
    return tuple(Payout(party, "0x01", amount, paid) for party, amount, paid in entries)


def test_a_payment_covers_the_newest_that_was_credited_while_older_ones_go_on_waiting() -> None:
    """The token refused the first 70 cents; the second credit was paid by its own move, in two parts."""
    before = _payouts(("payee", 70, False), ("fee", 5, False), ("payee", 20, False), ("payee", 30, False))
    after = _payouts(("payee", 70, False), ("fee", 5, False), ("payee", 20, True), ("payee", 30, True))
    assert arrived(before, "payee", 50) == after


def test_a_withdrawal_covers_all_that_waits_for_that_party() -> None:
    before = _payouts(("payee", 70, False), ("payer", 5, False), ("payee", 20, True), ("payee", 30, False))
    after = _payouts(("payee", 70, True), ("payer", 5, False), ("payee", 20, True), ("payee", 30, True))
    assert arrived(before, "payee", 100) == after
