"""A price trace survives its JSON form, and nothing that is not one is taken for one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from marketplace.domain.configuration import configure
from marketplace.domain.costing import trace
from marketplace.domain.errors import InvalidInput
from marketplace.domain.price_document import LONGEST_TEXT, document_of, trace_from
from marketplace.domain.price_trace import recompute
from marketplace.domain.pricing import Price, PriceLine, price
from marketplace.persistence.codec import Unreadable, plain, restore
from tests.domain.products import MASK
from tests.domain.test_price_trace import BRACKET

TRACE = trace(BRACKET, "EUR")


@pytest.mark.req(45)
def test_it_comes_back_equal_and_is_what_is_stored() -> None:
    document = document_of(TRACE)
    assert trace_from(json.loads(json.dumps(document))) == TRACE
    assert document == plain(TRACE)
    assert restore(Price, plain(Price("EUR", (), 0, TRACE))).trace == TRACE


@pytest.mark.req(45)
def test_list_prices_have_a_trace_too() -> None:
    found = price(MASK, configure(MASK, {"pieces": 10, "word": "abba"}), fee_bps=200)
    assert found.trace is not None
    assert recompute(found.trace) == ()
    assert (found.trace.total_minor, found.trace.platform_fee.amount_minor) == (2_600, found.platform_fee_minor)
    assert [line.formula for line in found.trace.lines] == ["quantity * minor_per_piece"] * 4
    assert [PriceLine(line.label, line.amount_minor) for line in found.trace.lines] == list(found.lines)


def test_an_order_of_before_there_were_traces_is_read() -> None:
    assert restore(Price, {"currency": "EUR", "lines": [], "platform_fee_minor": 0}) == Price("EUR", (), 0)


def _line(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda document: change(document["lines"][0])


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "version": (lambda one: one.update(version=2), "trace.version"),
    "true version": (lambda one: one.update(version=True), "trace.version"),
    "no version": (lambda one: one.pop("version"), "trace"),
    "more": (lambda one: one.update(more=1), "trace"),
    "currency": (lambda one: one.update(currency=7), "trace.currency"),
    "no list": (lambda one: one.update(taxes={}), "trace.taxes"),
    "many": (lambda one: one.update(lines=[one["lines"][0]] * 1_001), "trace.lines"),
    "no line": (lambda one: one["lines"].append(None), f"trace.lines.{len(TRACE.lines)}"),
    "line with more": (_line(lambda one: one.update(note="")), "trace.lines.0"),
    "long": (_line(lambda one: one.update(label="x" * (LONGEST_TEXT + 1))), "trace.lines.0.label"),
    "long formula": (_line(lambda one: one.update(formula="1" * 201)), "trace.lines.0.formula"),
    "fraction": (_line(lambda one: one.update(amount_minor=1.5)), "trace.lines.0.amount_minor"),
    "truth": (_line(lambda one: one.update(tax_bps=True)), "trace.lines.0.tax_bps"),
    "huge": (_line(lambda one: one.update(amount_minor=2**53)), "trace.lines.0.amount_minor"),
    "no pair": (_line(lambda one: one["inputs"].append(["more"])), "trace.lines.0.inputs.2"),
    "twice": (_line(lambda one: one["inputs"].append(one["inputs"][0])), "trace.lines.0.inputs"),
    "nan": (_line(lambda one: one.update(inputs=[["minutes", float("nan")]])), "trace.lines.0.inputs.0"),
    "over": (_line(lambda one: one.update(over=[1])), "trace.lines.0.over.0"),
}


@pytest.mark.parametrize(("spoil", "place"), SPOILED.values(), ids=SPOILED)
def test_anything_else_is_refused_by_its_place(spoil: Callable[[dict[str, Any]], object], place: str) -> None:
    document = json.loads(json.dumps(document_of(TRACE)))
    spoil(document)
    with pytest.raises(InvalidInput) as refused:
        trace_from(document)
    assert refused.value.field == place


def test_a_stored_trace_of_another_form_is_not_guessed_at() -> None:
    with pytest.raises(Unreadable, match=r"PriceTrace\.version"):
        restore(type(TRACE), plain(TRACE) | {"version": 2})
