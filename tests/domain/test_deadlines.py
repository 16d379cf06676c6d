"""No order and no money waits for ever: every status that waits is left by time alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain import reactions
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.lifecycle import ENDS, decide, evolve, place
from marketplace.domain.order import Status
from marketplace.domain.reactions import by_chain_time
from tests.domain import silence
from tests.domain.samples import (
    CHOICES,
    DECLINE_COVERS,
    DRAFT_ONE,
    EVENTS,
    FINALISE_AT,
    FIRM_UNTIL,
    MATCH_BY_RULE,
    MATCH_FOR_A_PERSON,
    NOW,
    PATHS,
    PLACE,
    REFUND_AT,
    SIGNATURES,
    after,
    order_at,
)


@pytest.mark.req(53, 58)
def test_whatever_happened_silence_brings_an_end_or_moves_the_money() -> None:
    situations = list(silence.reachable())
    assert [situation for situation in situations if not silence.ends_alone(situation)] == []
    assert {situation.order.status for situation in situations} == set(Status)


@pytest.mark.parametrize(
    ("removed", "waiting_for_ever"),
    [
        (e.OrderPlaced, {"placed"}),
        (e.SearchReopened, {"placed", "sourcing"}),  # suppliers who are silent lead there
        (e.OrderMatched, {"matched"}),
        (e.OrderAccepted, {"accepted"}),
        (e.AgreementsDrafted, {"sourcing"}),
        (e.QuoteIssued, {"quoted"}),
        (e.QuoteConfirmed, {"confirmed"}),
        (e.AgreementsOpened, {"contracted", "in_production", "produced", "shipped"}),
        (e.OrderDelivered, {"delivered"}),
    ],
)
def test_without_any_one_deadline_the_same_check_finds_orders_that_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, removed: type[e.Event], waiting_for_ever: set[str]
) -> None:
    complete = reactions._due
    monkeypatch.setattr(
        reactions, "_due", lambda order, event, now: None if type(event) is removed else complete(order, event, now)
    )
    assert set(silence.stuck()) == waiting_for_ever


def _deadlines(effects: tuple[Effect, ...]) -> list[tuple[str, object]]:
    return [(effect.subject, effect.due) for effect in effects if effect.kind is EffectKind.DEADLINE]


@pytest.mark.parametrize(
    ("status", "due"),
    [
        (Status.MATCHED, NOW + timedelta(hours=24)),
        (Status.ACCEPTED, NOW + timedelta(hours=1)),
        (Status.SOURCING, FIRM_UNTIL),
        (Status.QUOTED, FIRM_UNTIL),
        (Status.CONFIRMED, FIRM_UNTIL + timedelta(minutes=10)),
        (Status.CONTRACTED, REFUND_AT),
        (Status.DELIVERED, FINALISE_AT),
    ],
)
def test_a_status_that_waits_sets_its_deadline_on_entering(status: Status, due: object) -> None:
    *before, last = PATHS[status]
    decision = decide(after(place(PLACE, NOW).order, before), last, NOW)
    assert (status, due) in _deadlines(decision.effects)


def test_a_placed_order_waits_a_day() -> None:
    assert _deadlines(place(PLACE, NOW).effects) == [("placed", NOW + timedelta(hours=24))]


@pytest.mark.parametrize("status", sorted(ENDS))
def test_an_end_sets_no_deadline(status: Status) -> None:
    *before, last = PATHS[status]
    assert _deadlines(decide(after(place(PLACE, NOW).order, before), last, NOW).effects) == []


@pytest.mark.parametrize("status", [Status.CONTRACTED, Status.IN_PRODUCTION, Status.PRODUCED, Status.SHIPPED])
def test_secured_money_goes_back_after_date_and_grace(status: Status) -> None:
    order = order_at(status)
    decision = decide(order, c.PassDeadline("contracted"), REFUND_AT)
    assert decision.order == order
    assert decision.effects == (Effect(EffectKind.REFUND, "refund:delivery", "delivery"),)


def test_a_delivered_order_is_settled_after_the_acceptance_window() -> None:
    order = order_at(Status.DELIVERED)
    decision = decide(order, c.PassDeadline("delivered"), FINALISE_AT)
    assert decision.order == order
    assert decision.effects == (Effect(EffectKind.FINALISE, "finalise:delivery", "delivery"),)
    assert decide(order, c.PassDeadline("contracted"), REFUND_AT).effects == ()


def test_an_expired_order_says_what_it_waited_for() -> None:
    (expired,) = decide(order_at(Status.QUOTED), c.PassDeadline("quoted"), FIRM_UNTIL).events
    assert expired == e.OrderExpired("quoted")


OTHER_SUPPLIER = c.RecordMatch(CHOICES[:1], MATCH_BY_RULE.price, partial=False, exception=None)
FOR_A_PERSON = c.RecordMatch(CHOICES[:1], MATCH_BY_RULE.price, partial=False, exception="large")


@pytest.mark.parametrize(
    ("status", "second_time"),
    [
        ("placed", []),
        ("matched", [FOR_A_PERSON]),
        ("accepted", [OTHER_SUPPLIER]),
        ("sourcing", [OTHER_SUPPLIER, DRAFT_ONE]),
    ],
)
def test_the_deadline_of_an_earlier_search_does_not_end_a_later_one(status: str, second_time: list[c.Command]) -> None:
    """The second search has its own deadline, under its own name."""
    again = after(order_at(Status.SOURCING), [DECLINE_COVERS, *second_time])
    assert again.status == status
    assert decide(again, c.PassDeadline(status), NOW).order == again
    assert decide(again, c.PassDeadline(f"{status}:1"), NOW).order.status is Status.EXPIRED
    assert reactions.wait_of(again) == f"{status}:1"


def test_later_waits_keep_their_plain_names_after_a_decline() -> None:
    """A quote, a contract and a delivery happen once, whatever was declined before."""
    rest = [OTHER_SUPPLIER, DRAFT_ONE, SIGNATURES[1], SIGNATURES[2]]
    assert after(order_at(Status.SOURCING), [DECLINE_COVERS, OTHER_SUPPLIER]).searches == 1
    quoted = after(order_at(Status.SOURCING), [DECLINE_COVERS, *rest])
    assert reactions.wait_of(quoted) == "quoted"
    assert decide(quoted, c.PassDeadline("quoted"), NOW).order.status is Status.EXPIRED


def test_a_deadline_without_a_firm_date_is_not_invented() -> None:
    """Terms are always drafted with a date; an order from elsewhere without one sets no deadline of its own."""
    confirmed = evolve(order_at(Status.QUOTED), EVENTS[e.QuoteConfirmed])
    bare = replace(confirmed, firm_until=None)
    assert all(effect.due is None for effect in reactions.reactions(bare, EVENTS[e.QuoteConfirmed], NOW))


def test_waiting_for_a_person_is_bounded_too() -> None:
    waiting = after(place(PLACE, NOW).order, [MATCH_FOR_A_PERSON])
    assert decide(waiting, c.PassDeadline("matched"), NOW).order.status is Status.EXPIRED


@pytest.mark.parametrize(
    ("kind", "subject", "by_the_chain"),
    [
        (EffectKind.REFUND, "0xa", True),
        (EffectKind.PAY_OUT, "0xa", True),
        (EffectKind.TIMEOUT, "0xa", True),
        (EffectKind.DEADLINE, "contracted", True),
        (EffectKind.DEADLINE, "delivered", True),
        (EffectKind.DEADLINE, "placed", False),
        (EffectKind.DEADLINE, "confirmed", False),
        (EffectKind.FIND_SUPPLIERS, "", False),
    ],
)
def test_deadlines_of_secured_money_are_seconds_of_the_chain(
    kind: EffectKind, subject: str, *, by_the_chain: bool
) -> None:
    assert by_chain_time(Effect(kind, "key", subject, due=NOW)) is by_the_chain
    assert not by_chain_time(Effect(kind, "key", subject))
