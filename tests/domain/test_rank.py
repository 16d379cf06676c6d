"""Who is asked next: never at another price or day for the customer, never too late, never one who is out already."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import decide
from marketplace.domain.order import VACANT, Order, Status
from marketplace.domain.reactions import answer_awaited, wait_of
from marketplace.domain.sourcing import needed_by, next_in_rank
from tests.domain.samples import (
    ANSWER_BY,
    CHOICES,
    COMMANDS,
    COUNTER,
    COUNTERED,
    DECLINE_COVERS,
    DRAFT_SPARE,
    FIRM_UNTIL,
    MOST_MINOR,
    NEW_TO_SIGN,
    NOW,
    SIGNATURES,
    SPARE,
    SPARE_SIGNATURES,
    after,
    order_at,
)

DECLINE = COMMANDS[c.DeclineSupply]
SILENT = c.PassDeadline("answer:supply-1")


def sourcing(*commands: c.Command) -> Order:
    """An order whose suppliers are asked, after these commands."""
    return after(order_at(Status.SOURCING), commands)


def names(order: Order, command: c.Command) -> list[str]:
    """What the command leads to."""
    return [type(event).__name__ for event in decide(order, command, NOW).events]


@pytest.mark.req(71, 78)
@pytest.mark.parametrize(
    ("command", "fact", "words"),
    [
        (DECLINE, "SupplierDeclined", "Bases Ltd declined: no steel"),
        (c.DeclineSupply("supply-1", ""), "SupplierDeclined", "Bases Ltd declined"),
        (SILENT, "SupplierSilent", "Bases Ltd did not answer in time"),
    ],
)
def test_whoever_is_out_is_replaced_under_the_same_delivery(command: c.Command, fact: str, words: str) -> None:
    before = sourcing(SIGNATURES[2])  # the manufacturer has signed the delivery, and goes on being bound by it
    decision = decide(before, command, NOW)
    order = decision.order
    assert names(before, command) == [fact, "NextSupplierAsked"]
    assert order.status is Status.SOURCING
    assert (order.delivery_id, order.firm_until, order.price) == (before.delivery_id, before.firm_until, before.price)
    assert order.supply_ids == (VACANT, "supply-2")
    assert order.to_sign == ("supply-2:payee",)
    assert order.choices == (SPARE, CHOICES[1])
    assert order.excluded_suppliers == ("bases",)
    assert order.waiting_reason == f"{words}; Spare Ltd is asked next"
    assert [one for one in decision.effects if one.kind is EffectKind.DRAFT_SUPPLY] == [
        Effect(EffectKind.DRAFT_SUPPLY, f"supply:{order.version}")
    ]
    assert wait_of(order) == "sourcing"  # the deadline of the quote goes on running under its name


def test_the_new_terms_are_asked_for_and_the_quote_becomes_firm() -> None:
    vacant = sourcing(*SIGNATURES[1:], DECLINE)
    assert vacant.to_sign == ()
    decision = decide(vacant, DRAFT_SPARE, NOW)
    assert decision.order.supply_ids == ("supply-3", "supply-2")
    assert decision.order.to_sign == NEW_TO_SIGN
    assert decision.order.firm_by == DRAFT_SPARE.answer_by
    deadline = Effect(EffectKind.DEADLINE, "answer:supply-3", "answer:supply-3", due=DRAFT_SPARE.answer_by)
    assert deadline in decision.effects
    firm = after(decision.order, SPARE_SIGNATURES)
    assert (firm.status, firm.waiting_reason) == (Status.QUOTED, None)


def test_nothing_is_firm_while_a_place_is_vacant() -> None:
    """The covers' signature is the last one that is asked for, and the bases are nobody's yet."""
    order = sourcing(SIGNATURES[2], DECLINE, SIGNATURES[1])
    assert (order.status, order.to_sign) == (Status.SOURCING, ())
    assert after(order, [DRAFT_SPARE, *SPARE_SIGNATURES]).status is Status.QUOTED


@pytest.mark.parametrize(
    "late",
    [
        replace(DRAFT_SPARE, delivery_id="another"),
        replace(DRAFT_SPARE, place=1),
        replace(DRAFT_SPARE, choice=CHOICES[0]),
    ],
)
def test_terms_that_nobody_waits_for_are_dropped(late: c.DraftSupply) -> None:
    vacant = sourcing(DECLINE)
    assert decide(vacant, late, NOW).order == vacant
    drafted = after(vacant, [DRAFT_SPARE])
    assert decide(drafted, DRAFT_SPARE, NOW).order == drafted  # told again


@pytest.mark.parametrize("again", [DECLINE, COUNTER, SILENT])
def test_who_is_out_and_speaks_again_changes_nothing(again: c.Command) -> None:
    vacant = sourcing(DECLINE)
    drafted = after(vacant, [DRAFT_SPARE])
    assert decide(vacant, again, NOW).order == vacant
    assert decide(drafted, again, NOW).order == drafted


def test_who_has_signed_is_not_silent() -> None:
    signed = sourcing(SIGNATURES[0])
    assert decide(signed, SILENT, NOW).order == signed
    quoted = order_at(Status.QUOTED)
    assert decide(quoted, SILENT, NOW).order == quoted


def test_after_the_end_of_the_quote_nobody_is_asked_next() -> None:
    order = sourcing()
    assert decide(order, SILENT, FIRM_UNTIL).order == order
    assert decide(order, SILENT, FIRM_UNTIL - timedelta(seconds=1)).order.choices[0] == SPARE


def test_who_has_signed_names_no_other_price() -> None:
    signed = sourcing(SIGNATURES[0])
    assert decide(signed, COUNTER, NOW).order == signed


def test_a_bench_that_is_exhausted_reopens_the_search() -> None:
    order = sourcing(DECLINE, DRAFT_SPARE)
    assert names(order, c.DeclineSupply("supply-3", "")) == ["SupplierDeclined", "SearchReopened"]
    decision = decide(order, c.PassDeadline("answer:supply-3"), NOW)
    assert [type(event).__name__ for event in decision.events] == ["SupplierSilent", "SearchReopened"]
    assert decision.order.excluded_suppliers == ("bases", "spare")
    assert (decision.order.status, wait_of(decision.order)) == (Status.PLACED, "placed:1")


def test_both_suppliers_may_go_one_after_the_other() -> None:
    order = replace(sourcing(), bench=(SPARE, replace(SPARE, lines=("covers",), amount_minor=8_000)))
    gone = after(order, [DECLINE, DECLINE_COVERS])
    assert gone.supply_ids == (VACANT, VACANT)
    assert [choice.supplier_id for choice in gone.choices] == ["spare", "spare"]
    assert gone.excluded_suppliers == ("bases", "covers")
    assert names(gone, replace(DRAFT_SPARE, place=1, choice=gone.choices[1])) == ["SupplyDrafted"]


@pytest.mark.parametrize(
    "spare",
    [
        replace(SPARE, amount_minor=MOST_MINOR - CHOICES[1].amount_minor + 1),
        replace(SPARE, lead_time_days=15),
        replace(SPARE, lines=("bases", "covers")),
        replace(SPARE, lines=()),
        replace(SPARE, supplier_id="bases"),
    ],
    ids=["too dear", "too slow", "more lines", "no lines", "the same one"],
)
def test_who_would_change_the_quote_is_not_next(spare: e.SupplyChoice) -> None:
    order = replace(sourcing(), bench=(spare,))
    assert next_in_rank(order, 0, NOW) is None
    assert names(order, DECLINE) == ["SupplierDeclined", "SearchReopened"]


def test_the_next_one_in_rank_may_cost_and_take_what_is_left() -> None:
    limit = replace(SPARE, amount_minor=MOST_MINOR - CHOICES[1].amount_minor, lead_time_days=14)
    order = replace(sourcing(), bench=(replace(SPARE, supplier_id="out"), limit), excluded_suppliers=("out",))
    assert next_in_rank(order, 0, NOW) == limit
    assert next_in_rank(order, 0, NOW + timedelta(days=1)) is None


def test_the_first_in_rank_who_could_is_asked() -> None:
    later = replace(SPARE, supplier_id="later", supplier_name="Later Ltd")
    order = replace(sourcing(), bench=(SPARE, later))
    assert decide(order, DECLINE, NOW).order.choices[0] == SPARE
    assert decide(replace(order, bench=(later, SPARE)), DECLINE, NOW).order.choices[0] == later


class TestCounters:
    """A supplier names another price or day."""

    @pytest.mark.parametrize(
        ("counter", "taken"),
        [
            (COUNTER, COUNTERED),
            (replace(COUNTER, amount_minor=None, deliver_by=date(2026, 1, 12)), date(2026, 1, 12)),
            (replace(COUNTER, amount_minor=11_000), 11_000),
            (replace(COUNTER, amount_minor=1), 1),
        ],
    )
    def test_what_nobody_else_notices_is_taken_over_at_once(self, counter: c.CounterSupply, taken: object) -> None:
        before = sourcing()
        decision = decide(before, counter, NOW)
        order = decision.order
        (event,) = decision.events
        assert isinstance(event, e.SupplierCountered)
        assert event.refusal is None
        assert taken in (order.choices[0], order.choices[0].amount_minor, order.choices[0].deliver_by)
        assert order.choices[0].countered
        assert order.supply_ids == (VACANT, "supply-2")
        assert order.excluded_suppliers == ()
        assert (order.price, order.deliver_by, order.delivery_id) == (before.price, before.deliver_by, "delivery")
        assert any(effect.kind is EffectKind.DRAFT_SUPPLY for effect in decision.effects)

    @pytest.mark.parametrize(
        ("counter", "why"),
        [
            (replace(COUNTER, amount_minor=11_501), "€ 115.01 is more than the quote leaves"),
            (replace(COUNTER, amount_minor=11_001), "€ 110.01 is more than the next in rank asks"),
            (
                replace(COUNTER, deliver_by=date(2026, 1, 20)),
                "20 January is after 19 January, when the parts are needed",
            ),
            (replace(COUNTER, amount_minor=2**53 - 1), "more than the quote leaves"),
        ],
    )
    def test_what_would_change_the_quote_is_a_no(self, counter: c.CounterSupply, why: str) -> None:
        decision = decide(sourcing(), counter, NOW)
        fact, then = decision.events
        assert isinstance(fact, e.SupplierCountered)
        assert why in (fact.refusal or "")
        assert then == e.NextSupplierAsked("supply-1", SPARE)
        assert decision.order.excluded_suppliers == ("bases",)
        assert "asked for other terms" in (decision.order.waiting_reason or "")

    def test_where_nobody_is_next_the_quote_alone_is_the_limit(self) -> None:
        order = replace(sourcing(), bench=())
        assert names(order, replace(COUNTER, amount_minor=11_500)) == ["SupplierCountered"]
        assert names(order, replace(COUNTER, amount_minor=11_501)) == ["SupplierCountered", "SearchReopened"]

    def test_a_price_above_the_next_ones_that_is_no_higher_than_asked_stands(self) -> None:
        order = replace(sourcing(), bench=(replace(SPARE, amount_minor=9_000),))
        assert names(order, replace(COUNTER, amount_minor=10_000, deliver_by=date(2026, 1, 10))) == [
            "SupplierCountered"
        ]

    def test_it_is_heard_once(self) -> None:
        drafted = after(sourcing(COUNTER), [replace(DRAFT_SPARE, choice=COUNTERED)])
        assert drafted.supply_ids[0] == "supply-3"
        again = decide(drafted, replace(COUNTER, agreement_id="supply-3", amount_minor=10_400), NOW)
        assert again.events[0].refusal == "its other terms were taken over once already"  # type: ignore[union-attr]
        assert again.order.choices[0] == SPARE

    def test_an_order_without_a_price_has_no_currency_to_name(self) -> None:
        """Every order in sourcing has one; the words do not depend on it."""
        bare = replace(sourcing(), price=None)
        assert names(bare, replace(COUNTER, amount_minor=99_999)) == ["SupplierCountered", "NextSupplierAsked"]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SOURCING])
def test_outside_sourcing_nobody_declines_or_counters(status: Status) -> None:
    for command in (DECLINE, COUNTER):
        with pytest.raises(InvalidTransition):
            decide(order_at(status), command, NOW)


def test_deadlines_of_answers_bear_the_supply() -> None:
    assert answer_awaited("answer:supply-1") == "supply-1"
    assert answer_awaited("sourcing:1") is None
    assert needed_by(sourcing()) == date(2026, 1, 19)
    assert sourcing().firm_by == ANSWER_BY


STEPS = st.lists(
    st.sampled_from(
        [
            DECLINE,
            DECLINE_COVERS,
            SILENT,
            COUNTER,
            replace(COUNTER, amount_minor=50_000),
            DRAFT_SPARE,
            replace(DRAFT_SPARE, choice=COUNTERED),
            c.DeclineSupply("supply-3", ""),
            *SIGNATURES,
            *SPARE_SIGNATURES,
        ]
    ),
    max_size=14,
)


@given(STEPS)
def test_whatever_suppliers_do_the_quote_stays_and_its_supplies_stay_within_it(steps: list[c.Command]) -> None:
    order = order_at(Status.SOURCING)
    quote = (order.price, order.deliver_by, order.delivery_id, order.firm_until, len(order.supply_ids))
    for step in steps:
        try:
            order = decide(order, step, NOW).order
        except InvalidTransition:
            continue
        if order.status is Status.PLACED:
            assert order.supply_ids == ()
            return
        assert quote == (order.price, order.deliver_by, order.delivery_id, order.firm_until, len(order.supply_ids))
        assert sum(choice.amount_minor for choice in order.choices) <= order.supplies_most_minor
        assert len(order.choices) == len(order.supply_ids)
        if order.status is Status.QUOTED:
            assert VACANT not in order.supply_ids
            assert order.to_sign == ()
