"""Every effect is handled, every event has words, every notice has a message: a new one cannot be forgotten."""

import re
from datetime import date, datetime
from typing import Any, get_args, get_type_hints

import pytest

from marketplace.application.chain_events import CONSEQUENCES
from marketplace.application.chain_projection import PROJECTIONS
from marketplace.application.handlers import HANDLERS
from marketplace.application.view_timeline import FOR_SUPPLIERS, SPEAKS_OF_OTHERS
from marketplace.application.wording import (
    MILESTONE_LABELS,
    STATUS_TITLES,
    TIMELINE,
    VOUCHERS,
    WAITING_FOR,
    message_for,
    milestone_label,
)
from marketplace.domain import events as e
from marketplace.domain.effects import EffectKind
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.order import Status
from marketplace.domain.pricing import Price, PriceLine
from marketplace.domain.promise import DatePromise
from marketplace.domain.reactions import CUSTOMER, MANUFACTURER, NOTICES
from marketplace.domain.transitions import ENDS
from marketplace.persistence.mapping import event_data
from marketplace.ports.chain import ChainEvent
from tests.persistence.samples import NOW, placing

EVENTS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(e.Event)}
SPEECH = re.compile(r"\b(wallet|gas|token|blockchain|nonce|escrow|hash)\b", re.IGNORECASE)
"""Words that nobody who orders a cylinder needs."""
CHOICE = e.SupplyChoice("amp", "AMP", ("bases",), 4_800, 2, ("the cheapest",))
SAMPLES: dict[Any, Any] = {
    str: "word",
    int: 600,
    bool: True,
    datetime: NOW,
    date: NOW.date(),
    Price: Price("EUR", (PriceLine("Base", 60_000),), 600),
    tuple[str, ...]: ("a", "b"),
    tuple[e.SupplyChoice, ...]: (CHOICE,),
    e.SupplyChoice: CHOICE,
    DatePromise | None: DatePromise(9_000, NOW.date(), NOW.date(), 100, 1_000, 10, "prior"),
    str | None: None,
    datetime | None: NOW,
    dict[str, str | int]: {"amount": 40},
}


def sample(kind: type[Any], **fixed: Any) -> Any:
    """An event of this type with plausible values."""
    return kind(**({name: SAMPLES[hint] for name, hint in get_type_hints(kind).items()} | fixed))


FIXED: dict[str, dict[str, Any]] = {
    "TermsSigned": {"role": "payee"},
    "ProductionProgressed": {"reported_by": "machine"},
    "ProductionFinished": {"reported_by": "person"},
    "QuoteIssued": {"currency": "EUR"},
    "DisputeDecided": {"currency": "EUR", "why": "verdict"},
}


def test_the_relay_knows_every_kind_of_effect() -> None:
    assert set(HANDLERS) == set(EffectKind)


def test_every_chain_event_that_the_port_names_is_understood() -> None:
    named = set(re.findall(r"(\w+) \{", ChainEvent.__doc__ or ""))
    assert named == set(CONSEQUENCES) | set(PROJECTIONS)
    assert len(named) == 13


@pytest.mark.req(48, 88)
@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_told_in_words(name: str) -> None:
    event = sample(EVENTS[name], **FIXED.get(name, {}))
    _, data = event_data(event)
    title, detail, voucher = TIMELINE[name](data)
    assert title
    assert "{" not in title + detail
    assert not SPEECH.search(f"{title} {detail} {voucher or ''}")


def test_no_words_without_an_event() -> None:
    assert set(TIMELINE) == set(EVENTS)
    assert set(EVENTS) >= FOR_SUPPLIERS >= SPEAKS_OF_OTHERS


@pytest.mark.req(46, 90)
@pytest.mark.parametrize(("kind", "audience"), [(kind, to) for kind, audiences in NOTICES.items() for to in audiences])
def test_every_notice_has_a_message(kind: type[Any], audience: str) -> None:
    title, body = message_for(kind.__name__, placing().order, "Pneumatic cylinder", audience)
    assert title
    assert body
    assert not SPEECH.search(f"{title} {body}")


def test_a_notice_that_nobody_wrote_is_missed() -> None:
    with pytest.raises(KeyError):
        message_for("TermsSigned", placing().order, "Pneumatic cylinder", "customer")


def test_notices_go_to_the_two_sides() -> None:
    assert {audience for audiences in NOTICES.values() for audience in audiences} == {CUSTOMER, MANUFACTURER}


def test_every_status_is_named_and_every_wait_explained() -> None:
    assert set(STATUS_TITLES) == set(Status)
    unexplained = set(Status) - set(WAITING_FOR) - ENDS
    # What the manufacturer is doing is told by the title: nobody else waits.
    assert unexplained == {Status.IN_PRODUCTION, Status.PRODUCED}
    for text in (*STATUS_TITLES.values(), *WAITING_FOR.values()):
        assert not SPEECH.search(text)


def test_every_milestone_and_witness_is_named() -> None:
    assert set(VOUCHERS) == set(Witness)
    assert all(milestone_label(code) for code in EventCode)
    assert set(MILESTONE_LABELS) <= set(EventCode)
