"""A product that is priced from what it costs: its file, its trace, and what its customer signs over."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from marketplace.application.catalogue import load_template
from marketplace.application.catalogue_engineering import facts_of_nothing
from marketplace.application.drafting import quote_document
from marketplace.domain.configuration import configure
from marketplace.domain.errors import InvalidInput, NotMakeable
from marketplace.domain.lifecycle import place
from marketplace.domain.price_document import trace_from
from marketplace.domain.price_trace import explain, recompute
from marketplace.domain.pricing import Price, from_price_minor, price, rush_ceiling_bps
from marketplace.domain.product import Template
from tests.application.example import EXAMPLES
from tests.domain.products import MASK
from tests.domain.samples import NOW, PLACE, PRICE

TEXT = (EXAMPLES / "engraved-sign.yaml").read_text("utf-8")


def loaded(change: Callable[[dict[str, Any]], object] = bool) -> Template:
    data = yaml.safe_load(TEXT)
    change(data)
    return load_template(data, "sign")


SIGN = loaded()


def priced(template: Template, *, fee_bps: int = 0, rush_bps: int = 0, **values: object) -> Price:
    configuration = configure(template, values)
    sheet = template.engineering.sheet({**configuration.values, **facts_of_nothing(tuple(template.options()))})
    return price(template, configuration, sheet, fee_bps=fee_bps, rush_bps=rush_bps)


@pytest.mark.req(45)
def test_ten_signs_by_hand() -> None:
    found = priced(SIGN, amount=10, fee_bps=200)
    assert found.trace is not None
    assert {line.code: line.amount_minor for line in (*found.trace.lines, *found.trace.taxes)} == {
        "setup": 1_040,  # 10 + 3 minutes
        "programming": 180,
        "run": 1_400,  # 10 · (85 + 30) s are 19.2 minutes, and the last one is begun
        "material": 465,  # 10 · 51.84 g of aluminium, 15 % lost
        "finishing": 720,
        "inspection": 120,
        "bought:cutting": 1_800,
        "freight": 420,
        "risk": 350,  # a quarter of 20 minutes
        "margin@1900": 1_169,
        "discount@1900": -307,  # 4 % of 76.64 is 3.0656, floored to the payer's side
        "tax@1900": 1_397,
    }
    assert (found.total_minor, found.platform_fee_minor) == (8_754, 175)
    assert recompute(found.trace) == ()
    assert explain(found.trace.lines[0], "EUR") == "Set-up: minutes 13 * minor_per_hour 4800 // 60 = € 10.40"


def test_a_scarce_date_costs_more_and_list_prices_know_no_rush() -> None:
    calm, scarce = priced(SIGN, amount=10), priced(SIGN, amount=10, rush_bps=2_500)
    assert calm.total_minor < scarce.total_minor
    assert "rush@1900" in {line.code for line in scarce.trace.lines} if scarce.trace else False
    sheet = SIGN.engineering.sheet({**configure(SIGN, {}).values, **facts_of_nothing(tuple(SIGN.options()))})
    assert (rush_ceiling_bps(SIGN, sheet), rush_ceiling_bps(MASK, {})) == (2_500, 0)


def test_it_is_advertised_from_what_one_costs() -> None:
    assert from_price_minor(SIGN) == priced(SIGN).total_minor > priced(SIGN, amount=50).total_minor // 50


def test_a_part_may_have_its_own_rate_of_tax() -> None:
    found = priced(loaded(lambda data: data["costing"]["bought"]["cutting"].update(tax_bps=700)))
    assert found.trace is not None
    assert [tax.code for tax in found.trace.taxes] == ["tax@700", "tax@1900"]
    assert recompute(found.trace) == ()


def test_a_line_without_a_rate_is_in_the_rest_of_the_costs() -> None:
    found = priced(loaded(lambda data: data["costing"].pop("bought")))
    assert found.trace is not None
    assert "bought:cutting" not in {line.code for line in found.trace.lines}


def test_the_trace_is_in_the_document_that_is_signed_over() -> None:
    order = place(PLACE, NOW).order
    found = priced(SIGN, amount=3)
    assert trace_from(quote_document(order, found)["trace"]) == found.trace
    assert "trace" not in quote_document(order, PRICE)  # as it was before: an order that runs keeps its digest


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "a list": (lambda data: data.update(costing=[]), "sign: costing", "object"),
    "misspelt": (lambda data: data["costing"]["run"].update(minor_per_our=1), "sign: costing.run.minor_per_our", "not"),
    "unknown part": (lambda data: data["costing"].update(polishing={}), "sign: costing.polishing", "not known"),
    "bad formula": (lambda data: data["costing"].update(margin_bps="colour"), "sign: costing.margin_bps", "undeclared"),
    "truth": (lambda data: data["costing"].update(margin_bps=True), "sign: costing.margin_bps", "number"),
    "no such line": (
        lambda data: data["costing"]["bought"].update(glue={"minor_per_piece": 1}),
        "sign: costing.bought.glue",
        "cutting",
    ),
    "no price of a line": (
        lambda data: data["costing"]["bought"].update(cutting={}),
        "sign: costing.bought.cutting.minor_per_piece",
        "missing",
    ),
    "both": (lambda data: data["modules"][0].update(price_minor=1), "sign: costing", "not both"),
    "costs nothing": (lambda data: data.update(costing={}), "sign: costing", "no price"),
    "two modules": (lambda data: data["modules"].append(data["modules"][0] | {"options": []}), "sign: modules", "same"),
}


@pytest.mark.parametrize(("spoil", "place", "words"), SPOILED.values(), ids=SPOILED)
def test_a_cost_sheet_that_is_wrong_stops_the_start(
    spoil: Callable[[dict[str, Any]], object], place: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        loaded(spoil)
    assert refused.value.field == place


def test_a_cost_that_cannot_be_worked_out_is_the_options_fault() -> None:
    template = loaded(lambda data: data["costing"]["freight"].update(minor="420 * (2 - amount)"))
    with pytest.raises(NotMakeable, match=r"freight\.minor of its costs") as refused:
        priced(template, amount=10)
    assert refused.value.field == "configuration.amount"


def test_more_than_money_can_count_is_refused_before_it_is_charged() -> None:
    template = loaded(lambda data: data["costing"]["freight"].update(minor="amount * 20000000"))
    with pytest.raises(InvalidInput, match=r"0 cents, which cannot be charged"):
        priced(loaded(lambda data: data["costing"].update(discount={"bps": "amount == 2 ? 10000 : 0"})), amount=2)
    assert priced(template, amount=50).total_minor > 1_000_000_000
