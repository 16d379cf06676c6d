"""What a customer may set, and every way of setting it wrong."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.configuration import RequiredLine, configure, required_lines, spell_out
from marketplace.domain.errors import InvalidInput
from marketplace.domain.product import Choice, ChoiceOption, Module, ModuleKind, Template
from tests.domain.products import CYLINDER, MASK, PRODUCTS, label, values_of

NOT_WHOLE_NUMBERS = [
    True,
    False,
    None,
    "40",
    "1_000",
    "٤",
    "",
    4.0,
    0.5,
    float("nan"),
    float("inf"),
    float("-inf"),
    json.loads("1e400"),
    [40],
    {"amount": 40},
    b"40",
]
OUT_OF_RANGE = [0, -1, 501, 2**63, 10**5_000, -(10**5_000)]
NOT_TEXTS = [None, True, 7, 7.5, ["a"], b"a", {"a": "b"}]
BAD_TEXTS = [
    "A" * 17,
    "A" * 1_000_000,
    "\x00",
    "a\x00b",
    "\ud800",
    "A\udfff",
    "😀",
    "é",
    "a\nb",
    "a\u202eb",
    "<b>",
    "٤",
]
BAD_CHOICES = [None, True, 0, "", "base-30mm", "BASE-40MM", " base-40mm", "base-40mm\x00", "\ud800", ["base-40mm"]]
BAD_NAMES = ["colour", "Amount", "", "__class__", "amount ", "\ud800", "a\x00", "n" * 100_000, "😀"]


def _refused(values: Mapping[str, object]) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        configure(CYLINDER, values)
    # The refusal travels in an answer and a log line: short, and no lone surrogate in it.
    assert len(str(refused.value).encode("utf-8")) < 1_000
    return refused.value


@pytest.mark.req(20, 31)
def test_the_order_form_of_the_cylinder_has_these_options_and_defaults() -> None:
    configuration = configure(CYLINDER, {})
    assert dict(configuration.values) == {
        "amount": 1,
        "base": "base-40mm",
        "drilling_s": 3,
        "cover": "standard",
        "cleaning": "without",
        "pressing": "without",
        "inspection": "complete",
        "engraving": "",
    }
    assert (configuration.product_id, configuration.amount) == ("pneumatic-cylinder", 1)


@pytest.mark.req(22, 37)
def test_the_product_has_common_customised_and_personalised_modules() -> None:
    assert {module.kind for module in CYLINDER.modules} == set(ModuleKind)
    assert {module.kind for module in MASK.modules} == set(ModuleKind)


@pytest.mark.req(42, 135)
@pytest.mark.parametrize("value", [*NOT_WHOLE_NUMBERS, *OUT_OF_RANGE], ids=label)
@pytest.mark.parametrize("option", ["amount", "drilling_s"])
def test_a_bad_number_is_refused_by_name(option: str, value: object) -> None:
    assert _refused({option: value}).field == f"configuration.{option}"


@pytest.mark.req(42, 135)
@pytest.mark.parametrize("value", [*NOT_TEXTS, *BAD_TEXTS], ids=label)
def test_a_bad_text_is_refused_by_name(value: object) -> None:
    assert _refused({"engraving": value}).field == "configuration.engraving"


@pytest.mark.req(21, 42)
@pytest.mark.parametrize("value", BAD_CHOICES, ids=label)
def test_what_is_not_offered_is_refused_and_the_refusal_says_what_is(value: object) -> None:
    refused = _refused({"base": value})
    assert refused.field == "configuration.base"
    assert refused.message == "must be one of base-20mm, base-40mm"


@pytest.mark.req(42)
@pytest.mark.parametrize("name", BAD_NAMES, ids=label)
def test_an_unknown_option_is_refused_and_the_known_ones_are_named(name: str) -> None:
    refused = _refused({name: 1})
    assert refused.field.startswith("configuration.")
    assert "amount, base, drilling_s" in refused.message


@pytest.mark.parametrize(
    ("name", "shown"), [("colour", "colour"), ("\ud800", "\\ud800"), ("a\x00", "a\\x00"), ("n" * 70, "n" * 64)]
)
def test_a_strange_name_is_repeated_only_as_far_as_it_can_be_shown(name: str, shown: str) -> None:
    assert _refused({name: 1}).field == f"configuration.{shown}"


def test_steps_count_from_the_minimum() -> None:
    assert configure(MASK, {"pieces": 10}).amount == 10
    with pytest.raises(InvalidInput, match="from 5 to 1000 pieces in steps of 5"):
        configure(MASK, {"pieces": 7})


def test_pieces_must_be_counted_by_a_number() -> None:
    with pytest.raises(InvalidInput, match=r"configuration\.cover: must count pieces"):
        configure(replace(CYLINDER, amount_option="cover"), {})


@pytest.mark.req(30, 191)
@pytest.mark.parametrize("template", PRODUCTS, ids=lambda template: template.id)
@given(data=st.data())
def test_what_is_allowed_is_kept_and_the_rest_takes_its_default(template: Template, data: st.DataObject) -> None:
    values = data.draw(values_of(template))
    configuration = configure(template, values)
    for option in template.options():
        assert configuration.values[option.id] == values.get(option.id, option.default)
    assert list(configuration.values) == [option.id for option in template.options()]
    assert configuration.amount == configuration.values[template.amount_option]
    assert configure(template, configuration.values) == configuration


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers(), max_size=2)
)


@settings(max_examples=60)
@given(values=st.dictionaries(st.one_of(st.text(), st.sampled_from([x.id for x in CYLINDER.options()])), JUNK))
def test_junk_is_refused_or_is_a_configuration_and_never_anything_else(values: dict[str, object]) -> None:
    with suppress(InvalidInput):
        configuration = configure(CYLINDER, values)
        assert 1 <= configuration.amount <= 500
        assert set(values) <= set(configuration.values)


@pytest.mark.req(30, 141)
def test_what_must_be_bought_follows_from_the_configuration() -> None:
    lines = required_lines(CYLINDER, configure(CYLINDER, {"amount": 40, "base": "base-20mm"}).values)
    assert [line.quantity for line in lines] == [40, 40, 40]
    assert lines[0] == RequiredLine(
        "bases", "Cylinder bases", "urn:lso:category:cylinder-base", 40, {"diameter@mm": "20"}
    )
    assert lines[1].attributes == {}


@pytest.mark.req(192)
def test_another_sector_is_data_and_not_code() -> None:
    configuration = configure(MASK, {"pieces": 25, "filter": "ffp3", "word": "abba"})
    assert [(x.id, x.quantity, dict(x.attributes)) for x in required_lines(MASK, configuration.values)] == [
        ("fleece", 25, {"class": "3"}),
        ("bands", 25, {}),
    ]
    assert spell_out(MASK, configuration) == (
        ("Pieces", "25 pieces"),
        ("Filter", "FFP3"),
        ("Layers", "3 layers"),
        ("Word", "abba"),
    )


def test_a_configuration_is_spelled_out_as_people_read_it() -> None:
    spelled = dict(spell_out(CYLINDER, configure(CYLINDER, {"amount": 40})))
    assert spelled["Amount"] == "40 pieces"
    assert spelled["Base"] == "Base 40 mm"
    assert spelled["Drilling"] == "3 s"
    assert spelled["Engraved text"] == "none"


def test_a_choice_that_a_later_version_dropped_is_spelled_by_its_value() -> None:
    """Orders outlive templates: an old configuration must stay readable."""
    option = ChoiceOption("filter", "Filter", (Choice("ffp3", "FFP3"),), "ffp3")
    newer = replace(MASK, modules=(MASK.modules[0], Module("f", ModuleKind.CUSTOMISED, "Filter", "", (option,))))
    assert spell_out(newer, configure(MASK, {}))[1] == ("Filter", "ffp2")


def test_a_template_finds_its_options_by_id() -> None:
    option = CYLINDER.option("base")
    assert isinstance(option, ChoiceOption)
    assert option.choice("base-20mm") == Choice("base-20mm", "Base 20 mm")
    assert option.choice("base-30mm") is None
    assert CYLINDER.option("colour") is None


@pytest.mark.parametrize(
    ("stated", "enough"),
    [((" iso  9001 ", "CE"), True), (("ISO 9001",), False), ((), False)],
)
def test_each_certificate_must_be_stated_however_it_is_written(stated: tuple[str, ...], enough: bool) -> None:
    line = RequiredLine("base", "Base", "bases", 1, {}, ("ISO 9001", "ce"))
    assert line.certified(stated) is enough
