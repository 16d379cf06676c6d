"""Random walks: whatever is told in whatever order, the state is what its events say, and effects stay single."""

from contextlib import suppress
from datetime import timedelta
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import ENDS, Decision, decide, evolve, place
from marketplace.domain.order import Order, Status
from tests.domain.samples import NOW, PATHS, PLACE
from tests.domain.silence import STIMULI

DEADLINES = tuple(c.PassDeadline(status) for status in Status)
TELLABLE = (*STIMULI, *DEADLINES, PLACE)
STORY = PATHS[Status.DELIVERED]
# A walk of evenly chosen commands dies early: half of the steps leave these out.
ENDING = (c.RejectOrder, c.CancelOrder, c.RecordRefunded, c.RecordSettled, c.PassDeadline, c.RecordDelivered)


def _answers(order: Order, minutes: int) -> list[tuple[c.Command, Decision]]:
    """Every command that is not refused, with its decision."""
    answers = []
    for command in TELLABLE:
        with suppress(InvalidTransition):
            answers.append((command, decide(order, command, NOW + timedelta(minutes=minutes))))
    return answers


@st.composite
def walks(draw: st.DrawFn) -> list[tuple[c.Command, Decision]]:
    """Commands and their decisions: some of the story in which all goes well, then whatever chance tells.

    Refused commands are left out.
    """
    told: list[tuple[c.Command, Decision]] = [(PLACE, place(PLACE, NOW))]
    for command in STORY[: draw(st.integers(0, len(STORY)))]:
        told.append((command, decide(told[-1][1].order, command, NOW)))
    for minute in range(draw(st.integers(1, 25))):
        answers = _answers(told[-1][1].order, minute)
        moving = [(command, decision) for command, decision in answers if decision.events]
        going_on = [(command, decision) for command, decision in moving if type(command) not in ENDING]
        told.append(draw(st.sampled_from(draw(st.sampled_from((answers, moving, going_on, going_on))) or answers)))
    return told


@pytest.mark.req(12, 58)
@settings(max_examples=60, deadline=None)
@given(walks())
def test_replaying_the_events_gives_the_state_and_each_counts_once(told: list[tuple[c.Command, Decision]]) -> None:
    order: Order | None = None
    count = 0
    for _, decision in told:
        for event in decision.events:
            order = evolve(order, event)
            count += 1
            assert order.version == count
        assert order == decision.order
    everything: list[e.Event] = [event for _, decision in told for event in decision.events]
    assert reduce(evolve, everything, None) == order


@settings(max_examples=60, deadline=None)
@given(walks())
def test_signatures_only_come_and_ends_stay_ends(told: list[tuple[c.Command, Decision]]) -> None:
    for (_, before), (command, after) in pairwise(told):
        asks_anew = isinstance(command, c.DraftSupply)
        if before.order.status is after.order.status is Status.SOURCING and not asks_anew:
            assert set(after.order.to_sign) <= set(before.order.to_sign)
        if before.order.status in ENDS:
            opened = before.order.status is Status.EXPIRED and isinstance(command, c.RecordOpened)
            assert after.order.status is (Status.CONTRACTED if opened else before.order.status)
        assert set(before.order.excluded_suppliers) <= set(after.order.excluded_suppliers)


@settings(max_examples=60, deadline=None)
@given(walks())
def test_a_key_names_one_effect_for_ever(told: list[tuple[c.Command, Decision]]) -> None:
    """Equal keys mean an equal effect, so storing it once loses nothing."""
    by_key: dict[tuple[EffectKind, str], Effect] = {}
    for _, decision in told:
        keys = [(effect.kind, effect.key) for effect in decision.effects]
        assert len(keys) == len(set(keys))
        for effect in decision.effects:
            assert by_key.setdefault((effect.kind, effect.key), effect) == effect


def test_walks_reach_the_end_of_the_story() -> None:
    """The walks above prove little if they never leave the beginning."""
    reached: set[Status] = set()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(walks())
    def collect(told: list[tuple[c.Command, Decision]]) -> None:
        reached.update(decision.order.status for _, decision in told)

    collect()
    assert reached == set(Status)
