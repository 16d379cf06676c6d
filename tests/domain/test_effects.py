"""What each event makes happen outside, and that each effect has a key that makes it happen once."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import decide, place
from marketplace.domain.order import Status
from marketplace.domain.reactions import NOTICES, reactions
from tests.domain.samples import (
    CHOICES,
    COMMANDS,
    COUNTER,
    DECLINE_COVERS,
    DRAFT,
    EVENTS,
    LAST_STEP,
    MATCH_BY_RULE,
    MATCH_FOR_A_PERSON,
    NOW,
    PLACE,
    SIGNATURES,
    STEP,
    after,
    order_at,
)

HANDED_OVER = "secret:0x" + "44" * 32
# The story in which all goes well: each command, and what must happen because of it.
STORY: list[tuple[c.Command, list[tuple[str, str, str]]]] = [
    (
        MATCH_BY_RULE,
        [
            ("notify", "OrderMatched", "manufacturer"),
            ("deadline", "matched", ""),
            ("deadline", "accepted", ""),
            ("draft_agreements", "", ""),
        ],
    ),
    (
        DRAFT,
        [
            ("deadline", "sourcing", ""),
            ("notify", "SupplierAsked", "supplier:supply-1"),
            ("notify", "SupplierAsked", "supplier:supply-2"),
            ("deadline", "answer:supply-1", ""),
            ("deadline", "answer:supply-2", ""),
        ],
    ),
    (SIGNATURES[0], []),
    (SIGNATURES[1], []),
    (SIGNATURES[2], [("notify", "QuoteIssued", "customer"), ("deadline", "quoted", "")]),
    (COMMANDS[c.ConfirmQuote], [("deadline", "confirmed", ""), ("open_agreements", "delivery", "")]),
    (
        COMMANDS[c.RecordOpened],
        [
            ("notify", "AgreementsOpened", "customer"),
            ("notify", "AgreementsOpened", "manufacturer"),
            ("deadline", "contracted", ""),
            ("dispatch_jobs", "supply-1", ""),
            ("dispatch_jobs", "supply-2", ""),
        ],
    ),
    (c.RecordSupplyDelivered("supply-1", "Bases Ltd", all_arrived=False), []),
    (COMMANDS[c.RecordSupplyDelivered], [("dispatch_jobs", "delivery", "")]),
    (STEP, [("notify", "ProductionStarted", "customer")]),
    (COMMANDS[c.RecordFailure], [("notify", "ProductionFailed", "manufacturer")]),
    (COMMANDS[c.RecordClaim], []),
    (
        LAST_STEP,
        [("notify", "ProductionFinished", "customer"), ("notify", "ProductionFinished", "manufacturer")],
    ),
    (c.ShipOrder(), [("notify", "OrderShipped", "customer")]),
    (COMMANDS[c.PresentHandover], [("submit_delivered", "delivery", HANDED_OVER)]),
    (
        COMMANDS[c.RecordDelivered],
        [
            ("notify", "OrderDelivered", "customer"),
            ("notify", "OrderDelivered", "manufacturer"),
            ("deadline", "delivered", ""),
        ],
    ),
    (COMMANDS[c.AcceptDelivery], [("submit_acceptance", "delivery", "0x" + "55" * 65)]),
    (
        c.RecordSettled(),
        [("notify", "OrderSettled", "customer"), ("notify", "OrderSettled", "manufacturer")],
    ),
]


def _plain(effects: tuple[Effect, ...]) -> list[tuple[str, str, str]]:
    return [(str(effect.kind), effect.subject, effect.detail) for effect in effects]


@pytest.mark.req(43, 46, 47, 53, 55, 76, 78, 79)
def test_the_story_in_which_all_goes_well_has_these_effects_and_no_others() -> None:
    decision = place(PLACE, NOW)
    assert _plain(decision.effects) == [("deadline", "placed", ""), ("find_suppliers", "", "")]
    order, all_effects = decision.order, list(decision.effects)
    for command, expected in STORY:
        decision = decide(order, command, NOW)
        assert _plain(decision.effects) == expected, command
        order = decision.order
        all_effects += decision.effects
    assert order.status is Status.SETTLED
    keys = [(effect.kind, effect.key) for effect in all_effects]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("status", "command", "expected"),
    [
        (
            Status.PLACED,
            MATCH_FOR_A_PERSON,
            [
                ("notify", "OrderMatched", "manufacturer"),
                ("deadline", "matched", ""),
                ("notify", "DecisionAsked", "manufacturer"),
            ],
        ),
        (Status.MATCHED, COMMANDS[c.RejectOrder], [("notify", "OrderRejected", "customer")]),
        (Status.QUOTED, COMMANDS[c.CancelOrder], [("notify", "OrderCancelled", "manufacturer")]),
        (
            Status.QUOTED,
            c.PassDeadline("quoted"),
            [("notify", "OrderExpired", "customer"), ("notify", "OrderExpired", "manufacturer")],
        ),
        (
            Status.SHIPPED,
            c.RecordRefunded(),
            [("notify", "OrderRefunded", "customer"), ("notify", "OrderRefunded", "manufacturer")],
        ),
        (
            Status.SOURCING,
            DECLINE_COVERS,
            [
                ("notify", "SearchReopened", "customer"),
                ("notify", "SearchReopened", "manufacturer"),
                ("deadline", "placed:1", ""),
                ("find_suppliers", "", ""),
            ],
        ),
        (
            Status.SOURCING,
            COMMANDS[c.DeclineSupply],
            [
                ("notify", "NextSupplierAsked", "customer"),
                ("notify", "NextSupplierAsked", "manufacturer"),
                ("draft_supply", "", ""),
            ],
        ),
        (
            Status.DELIVERED,
            COMMANDS[c.OpenDispute],
            [
                ("notify", "DisputeOpened", "manufacturer"),
                ("submit_dispute", "delivery", "1:1800000000:0x" + "77" * 65),
            ],
        ),
        (Status.DELIVERED, COMMANDS[c.RecordDispute], []),
        (
            Status.DELIVERED,
            COMMANDS[c.RecordDecision],
            [("notify", "DisputeDecided", "customer"), ("notify", "DisputeDecided", "manufacturer")],
        ),
        (Status.SOURCING, COUNTER, [("notify", "SupplierCountered", "manufacturer"), ("draft_supply", "", "")]),
    ],
)
def test_the_other_ways_have_these_effects(
    status: Status, command: c.Command, expected: list[tuple[str, str, str]]
) -> None:
    assert _plain(decide(order_at(status), command, NOW).effects) == expected


@pytest.mark.req(46, 88)
def test_everybody_concerned_is_told_of_what_people_wait_for() -> None:
    told = {kind.__name__: audience for kind, audience in NOTICES.items()}
    ends = {"OrderRejected", "OrderSettled", "OrderRefunded", "OrderExpired"}
    assert all("customer" in told[name] for name in ends | {"QuoteIssued", "AgreementsOpened", "OrderDelivered"})
    assert all("manufacturer" in told[name] for name in ("OrderMatched", "DecisionAsked", "OrderCancelled"))
    assert set(NOTICES) <= set(get_args(e.Event))


def test_a_postponed_search_starts_again_when_it_should_and_once() -> None:
    order = order_at(Status.PLACED)
    first = decide(order, COMMANDS[c.PostponeMatch], NOW)
    again = decide(first.order, COMMANDS[c.PostponeMatch], NOW)
    assert [(x.kind, x.due) for x in first.effects] == [(EffectKind.FIND_SUPPLIERS, NOW + timedelta(minutes=1))]
    assert first.effects == again.effects
    later = c.PostponeMatch("still no answer", NOW + timedelta(minutes=2))
    assert decide(first.order, later, NOW).effects[0].key != first.effects[0].key


def test_a_search_postponed_after_a_decline_is_another_one() -> None:
    order = order_at(Status.PLACED)
    declined = after(order_at(Status.SOURCING), [DECLINE_COVERS])
    keys = {decide(state, COMMANDS[c.PostponeMatch], NOW).effects[0].key for state in (order, declined)}
    assert len(keys) == 2


@pytest.mark.req(192)
def test_where_nothing_is_bought_the_manufacturer_starts_at_once() -> None:
    draft = replace(DRAFT, supply_ids=(), to_sign=("delivery:payee",))
    nothing_bought = replace(MATCH_BY_RULE, choices=())
    commands = [nothing_bought, draft, SIGNATURES[2], COMMANDS[c.ConfirmQuote]]
    confirmed = after(order_at(Status.PLACED), commands)
    effects = decide(confirmed, COMMANDS[c.RecordOpened], NOW).effects
    assert [effect.subject for effect in effects if effect.kind is EffectKind.DISPATCH_JOBS] == ["delivery"]


def test_reactions_are_a_function_of_their_arguments_alone() -> None:
    order = replace(order_at(Status.DELIVERED), choices=CHOICES)
    for event in EVENTS.values():
        if not isinstance(event, e.OrderPlaced | e.OrderMatched | e.OrderAccepted | e.SearchReopened):
            assert reactions(order, event, NOW) == reactions(order, event, NOW + timedelta(days=1))


# A floor event told again is recognised by its identity (gateway, epoch, lane, seq) before it becomes a command: the
# same words told under a new identity are a new failure, and people hear of it.
TOLD_AGAIN = {c.RecordFailure}


@pytest.mark.req(42, 54)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", sorted(set(COMMANDS) - {c.PlaceOrder}, key=lambda kind: kind.__name__))
def test_the_same_command_twice_has_no_second_effect(status: Status, kind: type[c.Command]) -> None:
    command = c.PassDeadline(status) if kind is c.PassDeadline else COMMANDS[kind]
    try:
        once = decide(order_at(status), command, NOW)
        twice = decide(once.order, command, NOW)
    except InvalidTransition:
        return
    before = {(effect.kind, effect.key) for effect in once.effects}
    new = {(effect.kind, effect.key) for effect in twice.effects} - before
    assert bool(new) == (kind in TOLD_AGAIN and bool(once.effects))
