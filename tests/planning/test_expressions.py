"""Formulas in CEL: what they may say, what they may never cost, and how they refuse."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.engineering import Feature
from marketplace.domain.formula import FormulaFailed, Scalar, Table
from marketplace.domain.product import FileFormat, FileOption, IntegerOption, TextOption
from marketplace.planning.expressions import DEEPEST, LONGEST, BadExpression, Kind, Language

OPTIONS = (
    IntegerOption("width", "Width", 0, 100, 1, "mm", 10),
    IntegerOption("drill-depth", "Depth", 0, 100, 1, "mm", 10),
    TextOption("word", "Word", 64, "abc", ""),
    FileOption("logo", "Logo", FileFormat.SVG),
)
VALUES: dict[str, Scalar] = {"width": 12, "drill-depth": 3, "word": "abba", "logo.width_um": 500, "logo.given": True}


@pytest.fixture
def language() -> Language:
    return Language(OPTIONS)


@pytest.mark.parametrize(
    ("text", "kind", "answer"),
    [
        ("width * 2 + 1", "int", 25),
        ("-width + 5", "int", -7),
        ("width / 5", "int", 2),
        ("int(double(width) / 5.0 * 10.0)", "int", 24),
        ("size(word) <= 4 && word.startsWith('ab')", "bool", True),
        ("word in ['abba', 'baab']", "bool", True),
        ("word.matches('^a.*a$')", "bool", True),
        ("string(width) + \" mm (\" + word + ')'", "string", "12 mm (abba)"),
        ("logo.given && logo.width_um >= 500", "bool", True),
        ("width > 10 ? 'wide' : 'slim'", "string", "wide"),
        ("word.contains('.all(')", "bool", False),  # brackets and names within a text are text
    ],
)
def test_a_formula_says_what_cel_says(language: Language, text: str, kind: Kind, answer: Scalar) -> None:
    formula = language.formula(text, kind)
    assert formula(language.sheet(VALUES)) == answer
    assert formula(VALUES) == answer


def test_a_sheet_asks_each_formula_once_and_remembers_a_failure_as_well(language: Language) -> None:
    asked = []

    class Counting:
        def __init__(self, program: object) -> None:
            self.program = program

        def eval(self, activation: object) -> object:
            asked.append(activation)
            return self.program.eval(activation)  # type: ignore[attr-defined]

    good, bad = language.formula("width * 2", "int"), language.formula("width / (width - 12)", "int")
    good._program, bad._program = Counting(good._program), Counting(bad._program)
    sheet = language.sheet(VALUES)
    assert [good(sheet), good(sheet)] == [24, 24]
    for _ in range(2):
        with pytest.raises(FormulaFailed, match="zero"):
            bad(sheet)
    assert len(asked) == 2
    assert good(language.sheet({**VALUES, "width": 3})) == 6


def test_a_formula_knows_the_options_it_depends_on(language: Language) -> None:
    assert language.formula("logo.given || word == ''", "bool").options == {"logo", "word"}
    area = Feature("area", "area", "mm²", language.formula("width * logo.width_um", "int"))
    language.add(area, "int")
    assert language.formula("area > 3 && 'width' != ''", "bool").options == {"width", "logo"}
    assert dict(language.sheet(VALUES))["area"] == 6_000
    with pytest.raises(BadExpression, match="taken"):
        language.add(area, "int")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Syntax"),
        ("width +", "Syntax"),
        ("height > 3", "undeclared reference to 'height'"),
        ("word > 3", "no matching overload"),
        ("width", "gives int, not bool"),
        ("[1, 2].all(x, x > 0)", "may not call all"),
        ("[1, 2].exists (x, x > 0)", "may not call exists"),
        ("size([1].map(x, x)) > 0", "may not call map"),
        ("timestamp('2020-01-01T00:00:00Z') > timestamp(word)", "may not call timestamp"),
        ("{'a': 1}['a'] == 1", "character 1"),
        ("google.protobuf.Int64Value{value: 3} == 3", "character"),
        ("word == '\\\n'", "character"),
        ("word == 'open", "character"),
        ("word == `x`", "character"),
        ("width > 3 // note", "character 11"),
        ("drill-depth > 3", "undeclared"),
        ("\ud800 == 1", "character"),
        ("1 " + "+ 1" * LONGEST, "characters; at most"),
        ("(" * (DEEPEST + 1) + "true" + ")" * (DEEPEST + 1), "nests more than"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + " == []", "nests more than"),
    ],
)
def test_what_no_template_may_hold_is_refused_before_it_runs(language: Language, text: str, words: str) -> None:
    with pytest.raises(BadExpression, match=words):
        language.formula(text, "bool")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 / (width - 12)", "int"),
        ("width * 9223372036854775807", "int"),
        ("int(word)", "int"),
        ("string(1 / (width - 12))", "string"),  # the library gives the error's text as a value
        ("word.matches('(')", "bool"),
        ("word.matches('(a{1000}){1000}')", "bool"),
    ],
)
def test_a_formula_without_an_answer_fails_and_gives_nothing(language: Language, text: str, kind: Kind) -> None:
    with pytest.raises(FormulaFailed):
        language.formula(text, kind)(language.sheet(VALUES))


def test_a_missing_or_too_large_value_fails(language: Language) -> None:
    formula = language.formula("width > 3", "bool")
    for values in ({}, {"width": 2**70}, {"width": "wide"}):
        with pytest.raises(FormulaFailed):
            formula(values)
        with pytest.raises(FormulaFailed):
            formula(language.sheet(values))


def test_a_feature_that_cannot_be_worked_out_is_missing_and_its_readers_fail(language: Language) -> None:
    language.add(Feature("share", "share", "", language.formula("100 / width", "int")), "int")
    reader = language.formula("share > 3", "bool")
    assert reader(language.sheet(VALUES)) is True
    sheet = language.sheet(VALUES | {"width": 0})
    assert "share" not in sheet
    with pytest.raises(FormulaFailed):
        reader(sheet)


def test_a_pattern_that_explodes_elsewhere_takes_no_time_here(language: Language) -> None:
    """RE2: Python's own engine takes minutes for this one."""
    formula = language.formula("word.matches('^(a+)+$')", "bool")
    started = time.process_time()
    assert formula(language.sheet(VALUES | {"word": "a" * 60 + "!"})) is False
    assert time.process_time() - started < 1.0


def test_the_longest_chain_is_refused_or_answered_and_never_ends_the_process(language: Language) -> None:
    for text in (
        " || ".join(["true"] * 62),
        "!" * 490 + "true",
        "-" * 400 + "1 == 1",
        "true ? " * 40 + "true" + " : true" * 40,
    ):
        try:
            formula = language.formula(text, "bool")
            assert formula(language.sheet(VALUES)) in (True, False)
        except (BadExpression, FormulaFailed):
            continue


@settings(max_examples=200, deadline=None)
@given(st.text("width word<>=!&|()[].,'\"+-*/%?: 0123456789sizein_\\\n\x00é", max_size=80))
def test_any_text_is_a_formula_or_is_refused(text: str) -> None:
    language = Language(OPTIONS)
    with suppress(BadExpression, FormulaFailed):
        assert language.formula(text, "bool")(language.sheet(VALUES)) in (True, False)


def test_a_table_without_the_row_fails() -> None:
    table = Table("base", {"a": 1})
    assert (table({"base": "a"}), table.options) == (1, {"base"})
    with pytest.raises(FormulaFailed):
        table({"base": "b"})
