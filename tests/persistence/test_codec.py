"""What is written as plain values comes back equal, for every dataclass of the domain; what does not fit is refused."""

import importlib
import json
import pkgutil
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import marketplace.domain
from marketplace.domain.agreement import Agreement, Payout, Terms
from marketplace.domain.commands import Command
from marketplace.domain.errors import InvalidInput
from marketplace.domain.events import Event, OrderPlaced
from marketplace.domain.money import MAX_MINOR, Money
from marketplace.domain.order import Order
from marketplace.domain.production import Job
from marketplace.persistence.codec import Unreadable, plain, restore
from marketplace.persistence.columns import dump_json
from marketplace.persistence.mapping import EVENT_TYPES, event_data, event_from
from tests.persistence.samples import NOW, agreement, job, placing

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(Money, st.builds(Money, st.integers(0, MAX_MINOR), st.text()))


def dataclasses_of_the_domain() -> list[type[Any]]:
    """Every dataclass that a module of the domain defines and that is all data."""
    found = []
    for module in pkgutil.iter_modules(marketplace.domain.__path__, "marketplace.domain."):
        loaded = importlib.import_module(module.name)
        found += [
            kind
            for kind in vars(loaded).values()
            if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.name
        ]
    return found


NEVER_STORED = {
    f"marketplace.domain.{name}" for name in ("product", "engineering", "formula", "cost_sheet", "supply_conditions")
}
"""Templates are files, with formulas in them; what they say of a configuration is answered, not kept. Conditions are
an offer's; a choice keeps what they came to.
"""
STORED = [
    kind for kind in dataclasses_of_the_domain() if kind.__module__ not in NEVER_STORED and kind.__name__ != "Decision"
]


def test_the_suite_sees_the_domain() -> None:
    assert {Order, Agreement, Terms, Payout, Job, Money} <= set(STORED)
    assert set(EVENT_TYPES.values()) <= set(STORED)
    assert len(STORED) > 50


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_every_dataclass_comes_back_equal(kind: type[Any]) -> None:
    @settings(max_examples=15, deadline=None, database=None)
    @given(st.from_type(kind))
    def round_trip(value: Any) -> None:
        assert restore(kind, json.loads(dump_json(plain(value)))) == value

    round_trip()


def test_types_come_back_not_only_values() -> None:
    known = agreement()
    again = restore(Agreement, json.loads(dump_json(plain(known))))
    assert again == known
    assert [type(key) for key in again.milestone_states] == [int, int]
    assert type(again.terms.milestones[1].who) is type(known.terms.milestones[1].who)
    assert type(again.payouts) is tuple
    assert again.terms.amount > 2**64


@pytest.mark.parametrize("event", placing().events)
def test_an_event_is_found_by_its_name(event: Event) -> None:
    name, data = event_data(event)
    assert (name, data["at"]) == ("OrderPlaced", "2026-03-04T05:06:07.891011+00:00")
    assert event_from(name, data) == event
    with pytest.raises(KeyError):
        event_from("OrderEaten", data)


def test_an_instant_of_any_zone_is_kept_in_utc() -> None:
    away = NOW.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert plain(away) == plain(NOW)
    with pytest.raises(InvalidInput, match="time zone"):
        plain(NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"quantity": "2"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 2.0}, "quantity"),
        ({"state": "eaten"}, "state"),
        ({"gateway": 7}, "gateway"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": [{"id": "depth"}]}, r"parameters\[0\].value"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Unreadable, match=where):
        restore(Job, plain(job()) | change)


def test_nested_rows_that_do_not_fit_are_refused() -> None:
    good = plain(agreement())
    for change in (
        {"milestone_states": {"x": ["paid", 1]}},
        {"milestone_states": {"1": ["paid"]}},
        {"permit": {"v": 1.5}},
        {"permit": []},
        {"terms": 1},
    ):
        with pytest.raises(Unreadable):
            restore(Agreement, good | change)
    placed = plain(placing().events[0])
    for change in ({"at": "yesterday"}, {"at": "2026-01-01T00:00:00"}, {"deliver_by": "2026-02-30"}):
        with pytest.raises(Unreadable):
            restore(OrderPlaced, placed | change)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_json_cannot_say_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        plain({"deep": value})


@pytest.mark.parametrize("value", [b"bytes", object(), {1.5: 1}, {True: 1}, {None: 1}])
def test_what_has_no_json_form_is_a_fault_of_ours(value: object) -> None:
    with pytest.raises(TypeError):
        plain(value)


def test_plain_values_stay() -> None:
    value = {"a": [1, 2.5, None, True, "x", {"b": []}]}
    assert plain(value) == value
    assert plain(date(2026, 2, 1)) == "2026-02-01"


def test_commands_and_events_are_all_covered() -> None:
    """Negative control of `dataclasses_of_the_domain`: what the unions name is what it finds."""
    named = {kind for union in (Command, Event) for kind in union.__args__}
    assert named <= set(STORED)
