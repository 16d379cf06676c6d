"""Previews: whatever a text or a design says, the picture is a picture."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.formula import Table
from marketplace.domain.product import Drawing, Shape
from marketplace.planning.preview import ELEMENTS, LARGEST, draw
from marketplace.planning.sketch import Sketch

AT = {key: Table("o", {"a": 5}) for key in ("x", "y", "size", "width", "height")}


class Says:
    options = frozenset(("word",))

    def __call__(self, values: object) -> str:
        return str(values["word"])  # type: ignore[index]


WORDS = Shape("text", "ink", {**{key: AT[key] for key in ("x", "y", "size")}, "value": Says()})
OWN = Shape("design", "ink", {key: AT[key] for key in ("x", "y", "width", "height")}, option="logo")
PATH = Shape("path", "line", {"d": Says()})
ALLOWED = {"svg", "title", "g", *ELEMENTS}


def parts(text: str) -> list[tuple[str, set[str]]]:
    root = ET.fromstring(text)  # noqa: S314
    found = [(one.tag.removeprefix("{http://www.w3.org/2000/svg}"), set(one.attrib)) for one in root.iter()]
    assert {tag for tag, _ in found} <= ALLOWED
    assert not any(
        name.lower().startswith("on") or "href" in name or name == "style" for _, names in found for name in names
    )
    return found


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_no_text_becomes_anything_but_text(word: str) -> None:
    found = draw(Drawing(10, 10, (WORDS, PATH)), {"o": "a", "word": word}, {}, word)
    assert len(parts(found)) <= 4


@pytest.mark.parametrize(
    "word", ["</text><script>alert(1)</script>", '" onload="alert(1)', "&xxe;", "]]>", "\x00\ud800\ufffe"]
)
def test_markup_is_escaped(word: str) -> None:
    parts(draw(Drawing(10, 10, (WORDS, PATH)), {"o": "a", "word": word}, {}, word))


def test_a_design_is_fitted_and_only_its_plain_paths_are_drawn() -> None:
    sketch = Sketch(10.0, 5.0, (("M0 0L1 1Z", 0), ('M0"/><script/>', 0), ("M0 0L2 2Z", 300)))
    found = draw(Drawing(10, 10, (OWN,)), {"o": "a"}, {"logo": sketch}, "x")
    assert [tag for tag, _ in parts(found)].count("path") == 2
    assert "scale(0.500000)" in found
    assert len(parts(draw(Drawing(10, 10, (OWN,)), {"o": "a"}, {}, "x"))) == 2


def test_what_cannot_be_worked_out_is_left_out_and_a_picture_has_an_end() -> None:
    assert len(parts(draw(Drawing(10, 10, (WORDS,)), {"o": "b", "word": "x"}, {}, "x"))) == 2
    huge = Sketch(1.0, 1.0, tuple(("M0 0" + "L1 1" * 4_000, 0) for _ in range(100)))
    assert len(draw(Drawing(10, 10, (WORDS, OWN)), {"o": "a", "word": "x"}, {"logo": huge}, "x")) <= LARGEST
