"""The nearest valid configurations: small worlds against brute force, large ones against the rules themselves."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rules import drawn, template
from marketplace.domain.engineering import check_makeable
from marketplace.domain.formula import Values
from marketplace.domain.product import (
    Choice,
    ChoiceOption,
    FileFormat,
    FileOption,
    IntegerOption,
    Option,
    OptionValue,
    TextOption,
)
from marketplace.planning.repairs import MOST_CHANGES, Constraint, constraints_of, search

COLOUR = ChoiceOption("colour", "Colour", tuple(Choice(value, value) for value in ("red", "green", "blue")), "red")
WIDTH = IntegerOption("width", "Width", 0, 1000, 5, "mm", 100)
DEPTH = IntegerOption("depth", "Depth", 0, 20, 1, "mm", 5)
WORD = TextOption("word", "Word", 16, "abc ", "ab")
LOGO = FileOption("logo", "Logo", FileFormat.SVG)
STAND = FileOption("stand", "Stand", FileFormat.STL, required=True)
START: dict[str, OptionValue] = {
    "colour": "red",
    "width": 100,
    "depth": 5,
    "word": "abc abc",
    "logo": "0x1",
    "stand": "0x2",
}
OPTIONS: tuple[Option, ...] = (COLOUR, WIDTH, DEPTH, WORD, LOGO, STAND)


def rule(options: str, holds: Callable[[Any], bool]) -> Constraint:
    return Constraint(frozenset(options.split()), holds)


def changes(*rules: Constraint, **values: OptionValue) -> list[dict[str, OptionValue]]:
    found = search(OPTIONS, rules, START | values, dict)
    assert found.complete
    return [dict(repair.changes) for repair in found.repairs]


def test_what_is_valid_needs_no_repair() -> None:
    assert changes(rule("colour", lambda v: v["colour"] == "red")) == []


def test_a_number_moves_to_the_nearest_that_holds_on_each_side() -> None:
    assert changes(rule("width", lambda v: v["width"] <= 40))[0] == {"width": 40}
    assert changes(rule("width", lambda v: v["width"] >= 735))[0] == {"width": 735}
    assert [one["width"] for one in changes(rule("width", lambda v: v["width"] % 35 == 0))][:1] == [105]


def test_two_limits_on_one_number_are_one_change() -> None:
    found = changes(rule("width", lambda v: v["width"] <= 90), rule("width depth", lambda v: v["width"] <= 60))
    assert {"width": 60} in found
    assert all(len(one) == 1 for one in found)


def test_fewer_changes_come_first_and_smaller_ones_before_larger() -> None:
    found = changes(rule("colour width", lambda v: v["colour"] == "blue" or v["width"] <= 90))
    assert found == [{"width": 90}, {"width": 0}, {"colour": "blue"}]


def test_a_text_is_shortened_and_a_file_is_left_out() -> None:
    assert changes(rule("word", lambda v: len(v["word"]) <= 4))[0] == {"word": "abc"}
    assert changes(rule("logo", lambda v: not v["logo"])) == [{"logo": ""}]
    assert changes(rule("stand", lambda v: not v["stand"])) == []  # a product needs it: nothing can mend this


def test_a_mended_rule_that_breaks_another_is_followed() -> None:
    found = changes(
        rule("colour", lambda v: v["colour"] == "blue"),
        rule("colour depth", lambda v: v["colour"] != "blue" or v["depth"] == 9),
    )
    assert found == [{"colour": "blue", "depth": 9}]


def test_what_cannot_be_mended_ends_with_nothing() -> None:
    assert changes(rule("colour width depth", lambda v: False)) == []


def test_the_budget_ends_a_search_and_says_so() -> None:
    found = search(OPTIONS, [rule("colour width depth", lambda v: False)], START, dict, most_tried=20)
    assert (found.repairs, found.complete, found.tried) == ((), False, 20)


def test_the_same_question_has_the_same_answer() -> None:
    made = template()
    values = drawn(made, 30, 5)[7]
    asked = [
        search(tuple(made.options()), constraints_of(made.engineering), values, made.engineering.sheet) for _ in (1, 2)
    ]
    assert asked[0] == asked[1]


# A world small enough to try everything: choices only, and forbidden pairs.
SMALL = tuple(ChoiceOption(f"o{n}", "", tuple(Choice(value, value) for value in "abc"), "a") for n in range(4))
PAIRS = st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.integers(0, 3), st.sampled_from("abc")).filter(
    lambda pair: pair[0] != pair[2]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=12), st.lists(st.sampled_from("abc"), min_size=4, max_size=4))
def test_among_choices_no_repair_is_missed(pairs: list[tuple[int, str, int, str]], start: list[str]) -> None:
    rules = [
        rule(f"o{a} o{b}", lambda v, a=a, x=x, b=b, y=y: not (v[f"o{a}"] == x and v[f"o{b}"] == y))  # type: ignore[misc]
        for a, x, b, y in pairs
    ]
    values: Mapping[str, OptionValue] = {f"o{n}": value for n, value in enumerate(start)}

    def valid(one: Values) -> bool:
        return all(constraint.holds(one) for constraint in rules)

    everything = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product("abc", repeat=4)]
    sizes = [sum(one[name] != values[name] for name in values) for one in everything if valid(one)]
    least = min(sizes, default=99)
    found = search(SMALL, rules, values, dict)
    assert found.complete
    if valid(values) or least > MOST_CHANGES:
        assert found.repairs == ()
    else:
        assert found.repairs
        assert {len(repair.changes) for repair in found.repairs} == {least}
        assert all(valid({**values, **repair.changes}) for repair in found.repairs)


@pytest.mark.parametrize("seed", range(12))
def test_in_a_large_template_every_repair_is_valid(seed: int) -> None:
    made = template()
    for values in drawn(made, 3, 100 + seed):
        found = search(tuple(made.options()), constraints_of(made.engineering), values, made.engineering.sheet)
        assert found.tried <= 1_000
        for repair in found.repairs:
            check_makeable(made.engineering, made.engineering.sheet({**values, **repair.changes}))
