"""A question as a file: the example is taken; everything else is refused by the name of its field."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from matchmaking.selection import document, select
from matchmaking.selection.document import problem_of

EXAMPLE = (Path(__file__).parents[3] / "examples" / "selection.json").read_text("utf-8")


def test_the_example_has_an_answer() -> None:
    chosen = select(problem_of(EXAMPLE))
    assert chosen.proved
    assert len(chosen.choices) == 3


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["lines"], None, "lines must be a list"),
        (["lines"], [], "lines must be a list"),
        (["lines"], [7], r"lines\[0\] must be an object"),
        (["lines", 0, "id"], 7, r"lines\[0\].id must be a printable text"),
        (["lines", 0, "id"], "", r"lines\[0\].id"),
        (["lines", 0, "id"], "a\nb", r"lines\[0\].id"),
        (["lines", 0, "quantity"], 0, r"lines\[0\].quantity must be a whole number"),
        (["lines", 0, "quantity"], True, r"lines\[0\].quantity"),
        (["lines", 1, "id"], "bases", r"lines\[1\].id.*twice"),
        (["offers", 2, "price_minor"], 1.5, r"offers\[2\].price_minor"),
        (["offers", 2, "price_minor"], -1, r"offers\[2\].price_minor"),
        (["offers", 2, "price_minor"], 10**12, r"offers\[2\].price_minor"),
        (["offers", 2, "price_minor"], "12", r"offers\[2\].price_minor"),
        (["offers", 0, "reliability_ppm"], 0, r"offers\[0\].reliability_ppm"),
        (["offers", 0, "certificates"], "ISO", r"offers\[0\].certificates must be a list"),
        (["offers", 0, "certificates"], ["ISO", 9], r"offers\[0\].certificates.1"),
        (["offers", 0, "line"], "lids", r"offers\[0\].line: 'lids' is not among the lines"),
        (["offers", 0, "prize"], 1, r"offers\[0\].prize is not known"),
        (["suppliers", 0, "bundle_bps"], 10_000, r"suppliers\[0\].bundle_bps"),
        (["suppliers", 1, "id"], "amp", r"suppliers\[1\].id.*twice"),
        (["limits", "max_risk"], 1, "limits.max_risk is not known"),
        (["limits", "max_lead_time_h"], "soon", "limits.max_lead_time_h"),
        (["limits"], [], "limits must be an object"),
        (["surplus"], 1, "surplus is not known"),
    ],
)
def test_what_does_not_fit_is_named(path: list[Any], value: object, named: str) -> None:
    changed = json.loads(EXAMPLE)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=named):
        problem_of(json.dumps(changed))


@pytest.mark.parametrize("field", ["line", "id", "supplier", "price_minor", "lead_time_h"])
def test_what_is_missing_is_named(field: str) -> None:
    changed = copy.deepcopy(json.loads(EXAMPLE))
    del changed["offers"][1][field]
    with pytest.raises(ValueError, match=rf"offers\[1\].{field} is missing"):
        problem_of(json.dumps(changed))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ("[" * 100_000, "recursion limit"),
        ('{"lines": NaN}', "NaN is no number"),
        ('{"lines": 1, "lines": 2}', "twice"),
        ('{"lines": ' + "9" * 5_000 + "}", "number out of range"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        problem_of(text)


def test_a_file_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="larger than 10"):
        problem_of(EXAMPLE)
    monkeypatch.undo()
    monkeypatch.setattr(document, "MOST_OFFERS", 3)
    with pytest.raises(ValueError, match="offers must be a list of 1 to 3"):
        problem_of(EXAMPLE)
