"""Rules, machines' limits, the routing: what they say of a configuration, and that they name it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.configuration import configure, required_lines, spell_out
from marketplace.domain.engineering import (
    Engineering,
    Envelope,
    Feature,
    Limit,
    Machine,
    Operation,
    Rule,
    check_makeable,
    counted,
    envelopes,
    refusals,
    routed,
    violations,
)
from marketplace.domain.errors import Finding, InvalidInput, NotMakeable
from marketplace.domain.formula import Formula, FormulaFailed, Scalar, Table, Values
from marketplace.domain.pricing import from_price_minor, price
from marketplace.domain.product import BoughtLine, FileFormat, FileOption, Module, ModuleKind, Template
from tests.domain.products import CYLINDER, MASK, PRODUCTS, values_of

ENGINEERING = CYLINDER.engineering


class Fixed:
    """A formula with an answer, or without one."""

    def __init__(self, answer: Scalar | None, *options: str) -> None:
        self.answer = answer
        self.options = frozenset(options)

    def __call__(self, values: Values) -> Scalar:
        if self.answer is None:
            raise FormulaFailed("no answer")
        return self.answer


def sheet(**values: object) -> Values:
    return ENGINEERING.sheet(configure(CYLINDER, values).values)


@pytest.mark.req(21, 30)
def test_a_broken_rule_is_told_in_its_words_with_the_options_it_names() -> None:
    (found,) = violations(ENGINEERING, sheet(cover="sealed"))
    assert found.rule == "sealed-cover-needs-cleaning"
    assert "cleaned cylinders" in found.message
    assert found.values == (("cover", "sealed"), ("cleaning", "without"))
    assert violations(ENGINEERING, sheet(cover="sealed", cleaning="with")) == ()


@pytest.mark.req(28)
def test_a_machine_that_cannot_make_it_names_feature_limit_and_value() -> None:
    (found,) = refusals(ENGINEERING, sheet(base="base-20mm", drilling_s=7))
    assert (found.operation, found.machine, found.feature) == ("drilling", "drill", "floor_mm")
    assert (found.limit, found.value) == ("at least 4 mm", 0)
    assert dict(found.values) == {"base": "base-20mm", "drilling_s": 7}
    assert (
        found.message == "The drilling cell takes at least 4 mm for the floor left under the drilling, and this is 0 mm"
    )
    assert refusals(ENGINEERING, sheet(base="base-20mm", drilling_s=6)) == ()


@pytest.mark.req(28)
def test_what_breaks_is_refused_with_every_finding() -> None:
    with pytest.raises(NotMakeable) as refused:
        check_makeable(ENGINEERING, sheet(base="base-20mm", drilling_s=7, cover="sealed"))
    rule, limit = refused.value.findings
    assert (rule.field, rule.limit) == ("configuration.cover", None)
    assert (limit.field, limit.limit, limit.value) == ("configuration.base", "at least 4 mm", 0)
    assert refused.value.field == "configuration.cover"
    check_makeable(ENGINEERING, sheet())


@pytest.mark.req(30, 189)
def test_the_routing_follows_from_the_options() -> None:
    plain = routed(ENGINEERING, sheet())
    assert [step.operation for step in plain] == ["drilling", "assembly", "inspection"]
    full = routed(ENGINEERING, sheet(engraving="AB", cleaning="with", pressing="with", drilling_s=9))
    assert [step.operation for step in full] == [
        "drilling",
        "cleaning",
        "engraving",
        "assembly",
        "pressing",
        "inspection",
    ]
    assert [(step.setup_minutes, step.run_seconds) for step in full][:3] == [(12, 29), (2, 12), (4, 20)]


@pytest.mark.parametrize("template", PRODUCTS, ids=lambda template: template.id)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_configuration_is_makeable_or_is_told_why_not(template: Template, data: st.DataObject) -> None:
    values = template.engineering.sheet(configure(template, data.draw(values_of(template))).values)
    told = [*violations(template.engineering, values), *refusals(template.engineering, values)]
    if told:
        with pytest.raises(NotMakeable) as refused:
            check_makeable(template.engineering, values)
        assert len(refused.value.findings) == len(told)
        for finding in refused.value.findings:
            assert template.option(finding.field.removeprefix("configuration."))
    else:
        check_makeable(template.engineering, values)
        assert all(step.run_seconds >= 0 for step in routed(template.engineering, values))
        assert all(line.quantity == values[template.amount_option] for line in required_lines(template, values))


def test_a_template_that_says_nothing_takes_everything() -> None:
    assert MASK.engineering.rules == MASK.engineering.routing == ()
    assert Engineering().sheet({"a": 1}) == {"a": 1}
    check_makeable(Engineering(), {})


@pytest.mark.parametrize(
    ("limit", "unit", "words", "good", "bad"),
    [
        (Limit("f", 2, 5), "mm", "at least 2 mm and at most 5 mm", (2, 5), (1, 6, "3")),
        (Limit("f", maximum=5), "", "at most 5", (5, -9), (6, "no number")),
        (Limit("f", one_of=("a", "b")), "", "one of a, b", ("a", "b"), ("c", 1)),
    ],
)
def test_a_limit_says_what_it_takes(
    limit: Limit, unit: str, words: str, good: tuple[Scalar, ...], bad: tuple[Scalar, ...]
) -> None:
    assert limit.words(unit) == words
    assert all(limit.allows(value) for value in good)
    assert not any(limit.allows(value) for value in bad)


def one_step(value: Formula, when: Formula | None = None, run: Formula | None = None) -> Engineering:
    return Engineering(
        features=(Feature("f", "the f", "mm", value),),
        machines=(Machine("m", "The m", (Limit("f", maximum=5),)),),
        routing=(Operation("o", "O", "m", Fixed(1), run or Fixed(2), when),),
    )


def test_what_cannot_be_worked_out_is_refused_and_never_let_through() -> None:
    (found,) = refusals(one_step(Fixed(None, "a")), {"a": 1})
    assert found.value == "cannot be worked out"
    # Whether the step is needed is unknown: then its machine's limits hold.
    assert len(refusals(one_step(Fixed(9, "a"), when=Fixed(None, "b")), {"a": 1, "b": 2})) == 1
    assert refusals(one_step(Fixed(9, "a"), when=Fixed(False, "b")), {"a": 1, "b": 2}) == ()
    (broken,) = violations(Engineering(rules=(Rule("r", "words", Fixed(None, "a")),)), {"a": 1})
    assert broken.values == (("a", 1),)
    (envelope,) = envelopes(one_step(Fixed(9, "a"), when=Fixed(True, "b")))
    assert isinstance(envelope, Envelope)
    assert envelope.options == {"a", "b"}


@pytest.mark.parametrize("answer", [None, -1, 10**9 + 1, True, "7", 1.5])
def test_a_quantity_is_a_sensible_whole_number(answer: Scalar | None) -> None:
    with pytest.raises(NotMakeable) as refused:
        counted(Fixed(answer, "b", "a"), {}, "the number of bolts")
    assert refused.value.findings[0].field == "configuration.a"
    assert "the number of bolts" in refused.value.message
    with pytest.raises(NotMakeable) as anywhere:
        routed(one_step(Fixed(1), run=Fixed(answer)), {})
    assert anywhere.value.field == "configuration"


def test_the_bill_follows_from_formulas() -> None:
    bolts = BoughtLine("bolts", "Bolts", "urn:bolts", {"length@mm": Fixed("12")}, Fixed(4))
    none = replace(bolts, id="none", quantity=Fixed(0))
    template = replace(MASK, bought=(bolts, none))
    (line,) = required_lines(template, {"pieces": 5})
    assert (line.quantity, dict(line.attributes)) == (4, {"length@mm": "12"})
    for wrong in (
        replace(bolts, quantity=Fixed(None, "filter")),
        replace(bolts, attributes={"x": Fixed(None, "filter")}),
    ):
        with pytest.raises(NotMakeable, match="filter"):
            required_lines(replace(MASK, bought=(wrong,)), {"pieces": 5})


def test_a_broken_table_is_found() -> None:
    with pytest.raises(FormulaFailed, match="no row for b"):
        Table("o", {"a": 1})({"o": "b"})


DIGEST = "0x" + "5e" * 32
LOGO = FileOption("logo", "Logo", FileFormat.SVG, price_minor=400)


def with_file(option: FileOption) -> Template:
    return replace(MASK, modules=(*MASK.modules, Module("own", ModuleKind.PERSONALISED, "Own", "", (option,))))


@pytest.mark.req(24)
def test_a_file_is_named_by_its_digest_and_has_its_price() -> None:
    template = with_file(LOGO)
    without, chosen = configure(template, {}), configure(template, {"logo": DIGEST})
    assert price(template, chosen, fee_bps=0).total_minor == price(template, without, fee_bps=0).total_minor + 5 * 400
    assert dict(spell_out(template, without))["Logo"] == "none"
    assert dict(spell_out(template, chosen))["Logo"] == "SVG 0x5e5e5e5e…"
    needed = with_file(replace(LOGO, required=True))
    assert from_price_minor(needed) == from_price_minor(template) + 400
    for values in ({}, {"logo": ""}):
        with pytest.raises(InvalidInput, match="uploaded svg file"):
            configure(needed, values)


@pytest.mark.parametrize("value", ["0x", DIGEST.upper(), DIGEST + "0", "x" + DIGEST, 5, None, DIGEST + "\n"])
def test_what_is_no_digest_is_no_file(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"configuration\.logo"):
        configure(with_file(LOGO), {"logo": value})


def test_a_finding_stands_for_itself() -> None:
    assert NotMakeable((Finding("a", "b"), Finding("c", "d"))).args == ("a: b",)
