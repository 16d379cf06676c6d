"""An itemised price adds up to the cent, and a stranger can work every line out again."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.costing import LARGEST_INPUT, Bought, Costs, Material, Work, trace
from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import BPS, MAX_MINOR
from marketplace.domain.price_trace import LONGEST_FORMULA, MOST_LINES, PriceTrace, evaluate, explain, recompute

BRACKET = Costs(
    setup=Work(40, 6_000),
    programming=Work(25, 9_000),
    run_p50=90,
    run_p80=110,
    run_minor_per_hour=7_500,
    material=Material(1_250, 480, 1_500),
    finishing=Work(15, 4_500),
    inspection=Work(10, 6_000),
    freight_minor=1_890,
    margin_bps=1_200,
    rush_bps=800,
    discount_bps=500,
    tax_bps=2_100,
    fee_bps=100,
    bought=(Bought("bolt", "Bolts M6", 12, 33, 2_100), Bought("manual", "Manual, printed", 1, 950, 600)),
    discount_label="Framework contract",
)

PATIENT = settings(max_examples=60, deadline=None)
MINUTES, RATES, SHARES = st.integers(0, 20_000), st.integers(0, 30_000), st.integers(0, BPS)
WORK = st.builds(Work, MINUTES, RATES)
BOUGHT = st.builds(
    Bought, st.text("abc", min_size=1), st.just("Part"), MINUTES, RATES, st.sampled_from((0, 600, 2_100))
)
COSTS = st.builds(
    Costs,
    setup=WORK,
    programming=WORK,
    run_p50=st.integers(1, 10_000),
    run_p80=st.integers(10_000, 20_000),
    run_minor_per_hour=st.integers(60, 30_000),
    material=st.builds(Material, MINUTES, RATES, SHARES),
    finishing=WORK,
    inspection=WORK,
    freight_minor=RATES,
    margin_bps=SHARES,
    rush_bps=SHARES,
    discount_bps=st.integers(0, 9_000),
    tax_bps=st.sampled_from((0, 600, 2_100)),
    fee_bps=SHARES,
    bought=st.lists(BOUGHT, max_size=4, unique_by=lambda one: one.id).map(tuple),
)


@pytest.mark.req(31, 45)
def test_a_bracket_by_hand() -> None:
    found = trace(BRACKET, "EUR")
    assert {line.code: line.amount_minor for line in found.lines} == {
        "setup": 4_000,
        "programming": 3_750,
        "run": 11_250,
        "material": 690,  # 1.25 kg, 15 % more for scrap, at 4.80
        "finishing": 1_125,
        "inspection": 1_000,
        "bought:bolt": 396,
        "bought:manual": 950,
        "freight": 1_890,
        "risk": 2_500,
        "margin@600": 114,
        "margin@2100": 3_192,  # 12 % of 266.01 is 31.9212
        "rush@600": 85,
        "rush@2100": 2_383,  # 8 % of 297.93 is 23.8344
        "discount@600": -58,  # 5 % of 11.49 is 0.5745, floored to the payer's side
        "discount@2100": -1_609,  # 5 % of 321.76 is 16.088
    }
    assert {tax.code: tax.amount_minor for tax in found.taxes} == {"tax@600": 65, "tax@2100": 6_419}
    assert found.net_minor == 31_658
    assert found.total_minor == 38_142
    assert found.platform_fee.amount_minor == 381
    assert recompute(found) == ()


@pytest.mark.req(45)
@PATIENT
@given(COSTS)
def test_it_adds_up_and_holds_no_fraction(costs: Costs) -> None:
    found = trace(costs, "EUR")
    everything = (*found.lines, *found.taxes)
    assert found.total_minor == sum(line.amount_minor for line in everything)
    assert recompute(found) == ()
    for line in (*everything, found.platform_fee):
        assert all(type(number) is int for number in (line.amount_minor, *dict(line.inputs).values()))
        # Python's own arithmetic is the stranger's.
        assert eval(line.formula, {"__builtins__": {}}, dict(line.inputs)) == line.amount_minor  # noqa: S307
    assert 0 <= found.platform_fee.amount_minor <= found.total_minor


GROWN = st.sampled_from(
    (
        "run_p80",
        "run_minor_per_hour",
        "freight_minor",
        "margin_bps",
        "rush_bps",
        "tax_bps",
        "setup",
        "finishing",
        "scrap",
    )
)


@PATIENT
@given(COSTS, GROWN, st.integers(1, 500))
def test_more_cost_is_never_cheaper(costs: Costs, name: str, more: int) -> None:
    match name:
        case "setup" | "finishing":
            work: Work = getattr(costs, name)
            dearer = replace(costs, **{name: replace(work, minutes=work.minutes + more)})
        case "scrap":
            dearer = replace(costs, material=replace(costs.material, scrap_bps=costs.material.scrap_bps + more))
        case _:
            dearer = replace(costs, **{name: getattr(costs, name) + more})
    if name == "tax_bps":  # what is taxed alike is rounded together: only the rate itself may be compared
        costs, dearer = (replace(one, bought=(), margin_bps=0, rush_bps=0, discount_bps=0) for one in (costs, dearer))
    assert trace(dearer, "EUR").total_minor >= trace(costs, "EUR").total_minor


@PATIENT
@given(COSTS, st.integers(1, 500))
def test_more_discount_is_never_dearer(costs: Costs, more: int) -> None:
    cheaper = replace(costs, discount_bps=costs.discount_bps + more)
    assert trace(cheaper, "EUR").net_minor <= trace(costs, "EUR").net_minor


@PATIENT
@given(COSTS, st.data())
def test_a_cent_that_was_moved_is_found(costs: Costs, data: st.DataObject) -> None:
    found = trace(costs, "EUR")
    place = data.draw(st.integers(0, len(found.lines) - 1))
    line = replace(found.lines[place], amount_minor=found.lines[place].amount_minor + 1)
    assert recompute(replace(found, lines=(*found.lines[:place], line, *found.lines[place + 1 :])))


def _spoilt(found: PriceTrace) -> dict[str, PriceTrace]:
    first, *rest = found.lines
    tax = found.taxes[0]
    return {
        "two lines have one code": replace(found, lines=(first, *found.lines)),
        "fee: not a share of the total": replace(found, platform_fee=replace(found.platform_fee, over=("run",))),
        "tax: not every line": replace(found, taxes=found.taxes[1:]),
        "tax and fee: must be shares": replace(found, taxes=(replace(tax, formula="65"), *found.taxes[1:])),
        "setup: an input is no whole number": replace(
            found,
            lines=(replace(first, inputs=(("minutes", 40.0), ("minor_per_hour", 6_000))), *rest),  # type: ignore[arg-type]
        ),
        "setup: formula": replace(found, lines=(replace(first, formula="open('x')"), *rest)),
        "setup: minutes [*] minor_per_hour // 60 is 4000, not 1": replace(
            found, lines=(replace(first, amount_minor=1), *rest)
        ),
        "margin@600: its base is 0": replace(
            found, lines=tuple(replace(one, over=("x",)) if one.code == "margin@600" else one for one in found.lines)
        ),
        f"more than {MOST_LINES} lines": replace(found, lines=found.lines * MOST_LINES),
    }


@pytest.mark.parametrize("said", list(_spoilt(trace(BRACKET, "EUR"))))
def test_what_does_not_agree_is_named(said: str) -> None:
    assert any(re.match(said, wrong) for wrong in recompute(_spoilt(trace(BRACKET, "EUR"))[said]))


def test_a_line_explains_itself() -> None:
    lines = {line.code: line for line in trace(BRACKET, "EUR").lines}
    assert explain(lines["run"], "EUR") == "Machine time: minutes 90 * minor_per_hour 7500 // 60 = € 112.50"
    assert explain(lines["discount@600"], "EUR") == (
        "Framework contract (6.00 % tax): -base_minor 1149 * bps 500 // 10000 = -€ 0.58"
    )
    assert explain(replace(lines["freight"], formula="minor + gift"), "EUR") == (
        "Freight: minor 1890 + gift ? = € 18.90"
    )


@pytest.mark.parametrize(("formula", "value"), [("(a + 2) * 3 - -b // 2", 13), ("7", 7), ("-7 // 2", -4)])
def test_formulas_are_arithmetic(formula: str, value: int) -> None:
    assert evaluate(formula, {"a": 1, "b": 7}) == value


@pytest.mark.parametrize(
    "formula",
    ["a / 2", "a ** 9", "c", "f(a)", "a.b", "1.5", "True", "'x'", "a if a else b", "a //", "a // 0", "", "~a", "a; b",
     "(" * 150 + "a", "a" * (LONGEST_FORMULA + 1), "\0", "[a for a in b]", "lambda: a"],
)  # fmt: skip
def test_nothing_else_is_a_formula(formula: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        evaluate(formula, {"a": 1, "b": 7})
    assert refused.value.field == "formula"


@pytest.mark.parametrize(
    "wrong",
    [
        {"run_p50": -1},
        {"run_p80": 1.5},
        {"freight_minor": True},
        {"freight_minor": LARGEST_INPUT + 1},
        {"run_p80": 89},
        {"discount_bps": BPS + 1},
        {"margin_bps": 100 * BPS + 1},
        {"bought": (BRACKET.bought[0], BRACKET.bought[0])},
        {"setup": Work(LARGEST_INPUT, LARGEST_INPUT)},
        {"discount_bps": BPS, "fee_bps": BPS + 1},
        {"discount_bps": BPS},
    ],
)
def test_nonsense_costs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        trace(replace(BRACKET, **wrong), "EUR")  # type: ignore[arg-type]
    assert refused.value.field in {"costs", "price"}


def test_the_most_that_money_counts_can_be_priced() -> None:
    bare = Work(0, 0)
    nothing = dict.fromkeys(("margin_bps", "rush_bps", "discount_bps", "tax_bps", "run_p50", "run_p80"), 0)
    free = replace(BRACKET, setup=bare, programming=bare, finishing=bare, inspection=bare, bought=(), **nothing)  # type: ignore[arg-type]
    dear = replace(free, material=Material(0, 0), freight_minor=0, bought=(Bought("a", "A", 1, LARGEST_INPUT, 0),))
    assert trace(dear, "EUR").total_minor == LARGEST_INPUT <= MAX_MINOR
