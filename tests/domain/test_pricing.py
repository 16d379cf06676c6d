"""Prices add up by construction, and money is counted in whole cents."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.configuration import Configuration, configure
from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import BPS, MAX_MINOR, Money, share, spell
from marketplace.domain.price_trace import recompute
from marketplace.domain.pricing import Price, PriceLine, from_price_minor, price
from marketplace.domain.product import Choice, ChoiceOption, Template
from tests.domain.products import CYLINDER, MASK, PRODUCTS, label, values_of

ANCHOR = {"amount": 40, "base": "base-40mm", "drilling_s": 3, "inspection": "complete", "engraving": "Ana 2026"}


def priced(template: Template, configuration: Configuration, fee_bps: int = 0) -> Price:
    return price(template, configuration, template.engineering.sheet(configuration.values), fee_bps=fee_bps)


def cylinders(**values: object) -> int:
    return priced(CYLINDER, configure(CYLINDER, values)).total_minor


@pytest.mark.req(31, 45, 56)
def test_forty_engraved_cylinders_with_a_40_mm_base_cost_600_euros() -> None:
    quote = priced(CYLINDER, configure(CYLINDER, ANCHOR), 100)
    assert quote.total_minor == 60_000
    assert quote.lines == (
        PriceLine("Set-up", 1_440),  # 12 + 4 + 5 + 3 minutes
        PriceLine("Programming", 560),
        PriceLine("Machine time", 10_080),  # 40 · (23 + 20 + 100 + 45) s are 125.3 minutes, and the last one is begun
        PriceLine("Material", 14_256),  # 12 kg, 8 % lost
        PriceLine("Finishing", 1_680),
        PriceLine("Inspection", 910),
        PriceLine("Cylinder bases", 4_800),
        PriceLine("Cylinder covers", 2_800),
        PriceLine("Drilling of the bases", 3_200),
        PriceLine("Freight", 2_880),
        PriceLine("Risk: 80 % time over 50 % time", 2_000),
        PriceLine("Margin (5.00 % tax)", 640),
        PriceLine("Margin (19.00 % tax)", 8_281),
        PriceLine("More of the same (5.00 % tax)", -192),
        PriceLine("More of the same (19.00 % tax)", -2_485),
        PriceLine("Tax 5.00 %", 182),
        PriceLine("Tax 19.00 %", 8_968),
    )
    assert (quote.currency, quote.platform_fee_minor) == ("EUR", 600)
    assert quote.trace is not None
    assert recompute(quote.trace) == ()


@pytest.mark.parametrize("amount", [1, 40])
@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"base": "base-20mm"}, {"base": "base-40mm"}),
        ({"cleaning": "with"}, {"cleaning": "with", "cover": "sealed"}),
        ({"cleaning": "without"}, {"cleaning": "with"}),
        ({"pressing": "without"}, {"pressing": "with"}),
        ({"inspection": "without"}, {"inspection": "complete"}),
        ({"engraving": ""}, {"engraving": "A"}),
        *(({"drilling_s": seconds}, {"drilling_s": seconds + 1}) for seconds in range(1, 10)),
    ],
)
def test_who_asks_for_more_of_a_cylinder_pays_more(
    amount: int, less: dict[str, object], more: dict[str, object]
) -> None:
    assert cylinders(amount=amount, **less) < cylinders(amount=amount, **more)


def test_one_cylinder_costs_more_a_piece_and_no_amount_less_than_a_smaller_one() -> None:
    totals = [cylinders(amount=amount) for amount in range(1, 201)]
    assert totals == sorted(set(totals))
    assert totals[0] > 3 * totals[39] // 40


@pytest.mark.req(45)
@pytest.mark.parametrize("template", PRODUCTS, ids=lambda template: template.id)
@settings(deadline=None)
@given(data=st.data(), fee_bps=st.integers(0, BPS))
def test_the_lines_add_up_to_the_total_and_the_fee_is_inside(
    template: Template, data: st.DataObject, fee_bps: int
) -> None:
    configuration = configure(template, data.draw(values_of(template)))
    quote = priced(template, configuration, fee_bps)
    assert sum(line.amount_minor for line in quote.lines) == quote.total_minor
    assert all(line.amount_minor for line in quote.lines)
    assert quote.total_minor == priced(template, configuration).total_minor
    assert 0 <= quote.platform_fee_minor <= quote.total_minor


@pytest.mark.req(45)
@given(data=st.data())
def test_list_prices_are_by_the_piece(data: st.DataObject) -> None:
    configuration = configure(MASK, data.draw(values_of(MASK)))
    quote = price(MASK, configuration, fee_bps=0)
    assert all(line.amount_minor % configuration.amount == 0 for line in quote.lines)
    assert quote.total_minor >= from_price_minor(MASK) * configuration.amount


@pytest.mark.req(192)
def test_a_mask_has_list_prices() -> None:
    quote = price(MASK, configure(MASK, {"pieces": 10, "filter": "ffp3", "word": "abba"}), fee_bps=250)
    assert quote.lines == (
        PriceLine("Shell", 1_200),
        PriceLine("Filter: FFP3", 1_400),
        PriceLine("Layers: 3 layers", 300),
        PriceLine("Word: “abba”", 300),
    )
    assert (quote.total_minor, quote.platform_fee_minor) == (3_200, 80)


def test_the_price_from_which_a_product_is_advertised() -> None:
    assert from_price_minor(CYLINDER) == cylinders(amount=1)
    assert from_price_minor(MASK) == 120 + 80 + 2 * 10


def _priced(template: Template, minor: int) -> Template:
    first, *rest = template.modules
    return replace(template, modules=(replace(first, price_minor=minor), *rest))


def test_an_order_that_costs_nothing_or_too_much_cannot_be_priced() -> None:
    bare = replace(MASK, modules=MASK.modules[:1], bought=())
    for minor in (0, MAX_MINOR // 5 + 1):
        template = _priced(bare, minor)
        with pytest.raises(InvalidInput, match=r"configuration: this order would cost \d+ cents"):
            price(template, configure(template, {}), fee_bps=0)
    most = _priced(bare, MAX_MINOR // 5)
    assert price(most, configure(most, {}), fee_bps=0).total_minor <= MAX_MINOR


def test_a_choice_that_the_template_lost_costs_nothing_rather_than_something_else() -> None:
    configuration = configure(MASK, {})
    option = ChoiceOption("filter", "Filter", (Choice("ffp3", "FFP3", 140),), "ffp3")
    newer = replace(MASK, modules=(MASK.modules[0], replace(MASK.modules[1], options=(option,))))
    assert price(newer, configuration, fee_bps=0).lines == (PriceLine("Shell", 600),)


@pytest.mark.parametrize("minor", [0, 1, MAX_MINOR])
def test_money_is_whole_cents_from_nothing_to_the_bound(minor: int) -> None:
    assert Money(minor, "EUR").minor == minor


@pytest.mark.parametrize(
    "minor",
    [-1, MAX_MINOR + 1, 10**5_000, True, 1.0, float("nan"), float("inf"), "1", None, [1]],
    ids=label,
)
def test_money_that_is_not_whole_cents_is_refused(minor: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        Money(minor, "EUR")  # type: ignore[arg-type]
    assert refused.value.field == "amount_minor"


@given(amount=st.integers(0, MAX_MINOR), parts=st.lists(st.integers(0, BPS), max_size=8))
def test_shares_are_floored_and_never_add_up_to_more_than_the_amount(amount: int, parts: list[int]) -> None:
    fitting = [bps for index, bps in enumerate(parts) if sum(parts[: index + 1]) <= BPS]
    assert sum(share(amount, bps) for bps in fitting) <= amount
    assert share(amount, BPS) == amount
    assert share(amount, 0) == 0


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (60_000, "EUR", "€ 600.00"),
        (5, "EUR", "€ 0.05"),
        (123_456_789, "EUR", "€ 1,234,567.89"),
        (-250, "EUR", "-€ 2.50"),
        (100, "CHF", "CHF 1.00"),
    ],
)
def test_money_is_written_as_people_write_it(minor: int, currency: str, written: str) -> None:
    assert spell(minor, currency) == written
