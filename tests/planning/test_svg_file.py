"""Drawings from strangers: what is kept are paths, and whatever else a file brings is refused or left behind."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.planning.path_data import BadPath, bounds, parse, written
from marketplace.planning.svg_file import MOST_ELEMENTS, BadDrawing, read_drawing

NS = 'xmlns="http://www.w3.org/2000/svg"'
SQUARE = '<path d="M10 10h20v20h-20z"/>'


def svg(inner: str, more: str = 'width="100mm" height="100mm" viewBox="0 0 100 100"') -> bytes:
    return f"<svg {NS} {more}>{inner}</svg>".encode()


def test_a_square_is_kept_at_the_origin_with_its_size() -> None:
    found = read_drawing(svg(SQUARE))
    assert (found.width_um, found.height_um, found.paths) == (20_000, 20_000, 1)
    assert found.sketch.paths == (("M0 0L20 0L20 20L0 20Z", 0),)
    again = read_drawing(found.data)
    assert (again.width_um, again.height_um, again.data) == (found.width_um, found.height_um, found.data)


@pytest.mark.parametrize(
    ("inner", "size"),
    [
        ('<rect x="1" y="2" width="30" height="10" rx="3"/>', (30_000, 10_000)),
        ('<circle cx="50" cy="50" r="5"/>', (10_000, 10_000)),
        ('<ellipse cx="50" cy="50" rx="5" ry="2"/>', (10_000, 4_000)),
        ('<line x1="0" y1="0" x2="3" y2="4"/>', (3_000, 4_000)),
        ('<polygon points="0,0 10,0 5,8"/>', (10_000, 8_000)),
        ('<polyline points="0 0 10 0 5 8"/>', (10_000, 8_000)),
        (f'<g transform="translate(3 4) scale(2)">{SQUARE}</g>', (40_000, 40_000)),
        (f'<g transform="rotate(90)"><g transform="scale(1 2)">{SQUARE}</g></g>', (40_000, 20_000)),
        (f'<g transform="matrix(0 1 1 0 0 0)">{SQUARE}</g>', (20_000, 20_000)),
        ('<path d="M0 0 C 0 10 10 10 10 0"/>', (10_000, 7_500)),  # a curve is measured, not its controls
        ('<path d="M0 0 q 5 10 10 0 t 10 0"/>', (20_000, 10_000)),
        ('<path d="M0 0 a5 5 0 0110 0"/>', (10_000, 5_000)),  # flags without a space
        ('<path d="M0 0s5 10 10 0H20V5L21,6.5-3-4"/>', (24_000, 10_500)),
        (f"<title>x</title><metadata><a href='javascript:x'/></metadata>{SQUARE}", (20_000, 20_000)),
        (f"<defs><script>x</script></defs><style>*{{}}</style>{SQUARE}", (20_000, 20_000)),
    ],
)
def test_shapes_become_paths(inner: str, size: tuple[int, int]) -> None:
    found = read_drawing(svg(inner))
    assert found.width_um == pytest.approx(size[0], abs=30)
    assert found.height_um == pytest.approx(size[1], abs=30)


def test_a_drawing_without_a_unit_is_in_css_pixels() -> None:
    assert read_drawing(svg(SQUARE, "")).width_um == round(20 * 25_400 / 96)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]><svg {NS}>&l9;</svg>'.encode(),
    "external entity": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg {NS}>&x;</svg>'.encode(),
    "document type": f'<!DOCTYPE svg SYSTEM "http://a.example/x.dtd"><svg {NS}/>'.encode(),
    "style sheet": f'<?xml-stylesheet href="http://a.example/x.css"?><svg {NS}>{SQUARE}</svg>'.encode(),
    "script": svg(f"<script>alert(1)</script>{SQUARE}"),
    "handler": svg('<path d="M0 0h1v1z" onload="alert(1)"/>'),
    "handler in capitals": svg('<path d="M0 0h1v1z" OnClick="alert(1)"/>'),
    "picture": svg('<image href="http://a.example/x.png"/>'),
    "use": svg('<use href="#x"/>'),
    "link": svg(f'<a href="javascript:alert(1)">{SQUARE}</a>'),
    "xlink": svg('<path xmlns:x="http://www.w3.org/1999/xlink" x:href="http://a.example" d="M0 0h1v1z"/>'),
    "foreign object": svg("<foreignObject><b>x</b></foreignObject>"),
    "text": svg("<text>hello</text>"),
    "animation": svg(f'<animate attributeName="d"/>{SQUARE}'),
    "unknown entity": svg("&nbsp;" + SQUARE),
    "cut short": svg(SQUARE)[:-9],
    "two roots": svg(SQUARE) + svg(SQUARE),
    "not XML": b"\x89PNG\r\n\x1a\n",
    "nothing": b"",
    "no SVG": b"<html><path d='M0 0h1v1z'/></html>",
    "too many": svg("<g/>" * (MOST_ELEMENTS + 1)),
    "too deep": svg("<g>" * 200 + "</g>" * 200),
    "too deep unseen": svg("<defs>" * 5_000 + "</defs>" * 5_000),
    "endless path": svg(f'<path d="M0 0{"h1" * 30_000}"/>'),
    "not a number": svg('<path d="M0 0 LNaN 1"/>'),
    "infinite": svg('<path d="M0 0 L1e999 1"/>'),
    "far away": svg('<path d="M0 0 L9e9 1"/>'),
    "infinite transform": svg(f'<g transform="scale(1e200) scale(1e200)">{SQUARE}</g>'),
    "strange transform": svg(f'<g transform="url(#x)">{SQUARE}</g>'),
    "no path": svg('<path d="h1v1z"/>'),
    "half a command": svg('<path d="M0 0 L1"/>'),
    "nothing drawn": svg("<g/>"),
    "a line of no width": svg('<path d="M0 0h9"/>'),
    "no size": svg(SQUARE, 'width="0mm" viewBox="0 0 0 0"'),
    "lone surrogate": b"<svg>\xed\xa0\x80</svg>",
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?><svg/>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_plain_drawing_is_refused_in_words(name: str) -> None:
    with pytest.raises(BadDrawing) as refused:
        read_drawing(HOSTILE[name])
    assert 0 < len(str(refused.value)) < 200
    assert str(refused.value).isprintable()


def test_the_refusals_above_are_for_what_they_name() -> None:
    """The control: the same file without the trick is taken."""
    assert read_drawing(svg(SQUARE)).paths == 1
    assert read_drawing(f'<?xml version="1.0"?><svg {NS}>{SQUARE}<!-- <script/> --></svg>'.encode()).paths == 1


def test_what_is_kept_holds_paths_and_nothing_else() -> None:
    kept = read_drawing(
        svg('<title>&lt;script&gt;</title><path id="x" class="y" style="fill:url(http://a)" d="M0 0h9v9z"/>')
    )
    root = ET.fromstring(kept.data)  # noqa: S314 - our own words
    assert [child.tag for child in root] == ["{http://www.w3.org/2000/svg}path"]
    assert [set(child.attrib) for child in root] == [{"d"}]
    assert b"http://a" not in kept.data
    assert b"script" not in kept.data


@settings(max_examples=200, deadline=None)
@given(st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+e \n", max_size=60))
def test_any_path_data_is_read_or_refused_and_what_is_written_reads_the_same(data: str) -> None:
    try:
        segments = parse(data, 1_000)
    except (BadPath, OverflowError):
        return
    if all(abs(part) < 1e6 for _, points in segments for point in points for part in point):
        text = written(segments)
        assert re.fullmatch(r"[MLCZ0-9.\- ]*", text)
        assert len(parse(text, 1_000)) == len(segments)
        assert (bounds(segments) is None) == (not segments)
