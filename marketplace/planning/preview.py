"""The picture of a configuration: an SVG made of known elements, numbers and escaped text, and of nothing else.

No script, no style sheet, no reference to anything outside can be in it, whatever a template, a text or an uploaded
design says: elements and styles are those of this file, numbers are printed by us, text is escaped.
"""

import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from marketplace.domain.formula import Formula, FormulaFailed, Values
from marketplace.domain.product import Drawing, Shape
from marketplace.planning.sketch import Sketch

ELEMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "rect": ("x", "y", "width", "height", "rx"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "line": ("x1", "y1", "x2", "y2"),
    "path": ("d",),
    "text": ("x", "y", "size", "value"),
    "design": ("x", "y", "width", "height"),
}
STYLES: Final[Mapping[str, str]] = {
    "metal": 'fill="#c3cbc8" stroke="#7c8783"',
    "light": 'fill="#e3e8e6" stroke="#7c8783"',
    "dark": 'fill="#6b7672" stroke="#39423e"',
    "hole": 'fill="#39423e"',
    "seal": 'fill="#e0a43a"',
    "wood": 'fill="#9a6b45" stroke="#6b472c"',
    "accent": 'fill="#1f7a5c"',
    "line": 'fill="none" stroke="#39423e" stroke-width="1.5"',
    "gloss": 'fill="none" stroke="#ffffff" stroke-width="3" opacity="0.6"',
    "shadow": 'fill="#39423e" opacity="0.08"',
    "ink": 'fill="#1d2925" font-weight="600"',
    "label": 'fill="#5d6964" font-weight="600"',
}
LARGEST: Final = 256 * 1024
"""Bytes of a preview: what a phone redraws at each tap."""
LONGEST_TEXT: Final = 120
_PATH: Final = re.compile(r"[MLHVCSQTAZmlhvcsqtaz0-9eE.,+\- ]{0,20000}\Z")
_FONT: Final = 'font-family="system-ui, sans-serif" text-anchor="middle"'
_FARTHEST: Final = 100_000
_UNSAYABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def draw(drawing: Drawing, values: Values, designs: Mapping[str, Sketch], title: str) -> str:
    """The preview as a document. A shape that cannot be worked out, or is too much, is left out."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {drawing.height}" role="img">'
        f"<title>{_text(title)}</title>"
    )
    parts, size = [head], len(head)
    for shape in drawing.shapes:
        part = _part(shape, values, designs)
        size += len(part.encode())
        if size > LARGEST:
            break
        parts.append(part)
    return "".join((*parts, "</svg>"))


def _part(shape: Shape, values: Values, designs: Mapping[str, Sketch]) -> str:
    try:
        if shape.when is not None and shape.when(values) is not True:
            return ""
        if shape.element == "design":
            sketch = designs.get(shape.option)
            return _design(shape, values, sketch) if sketch else ""
        return _element(shape, values)
    except FormulaFailed:
        return ""


def _element(shape: Shape, values: Values) -> str:
    style = STYLES[shape.style]
    match shape.element:
        case "text":
            x, y, size = (_number(shape.attributes[key], values) for key in ("x", "y", "size"))
            words = _text(str(shape.attributes["value"](values))[:LONGEST_TEXT])
            return f'<text x="{x}" y="{y}" font-size="{size}" {_FONT} {style}>{words}</text>' if words else ""
        case "path":
            data = str(shape.attributes["d"](values))
            return f'<path d="{data}" {style}/>' if _PATH.match(data) else ""
        case element:
            numbers = " ".join(f'{key}="{_number(formula, values)}"' for key, formula in shape.attributes.items())
            return f"<{element} {numbers} {style}/>"


def _design(shape: Shape, values: Values, sketch: Sketch) -> str:
    """The customer's design, as large as the rectangle allows and in its middle."""
    x, y, width, height = (_number(shape.attributes[key], values) for key in ELEMENTS["design"])
    scale = min(width / sketch.width, height / sketch.height)
    left, top = x + (width - sketch.width * scale) / 2, y + (height - sketch.height * scale) / 2
    paths = "".join(f'<path d="{data}" fill="{_shade(shade)}"/>' for data, shade in sketch.paths if _PATH.match(data))
    return f'<g transform="translate({left:.3f} {top:.3f}) scale({scale:.6f})">{paths}</g>'


def _shade(percent: int) -> str:
    dark, light = (29, 41, 37), (215, 222, 219)
    mixed = (low + (high - low) * min(max(percent, 0), 100) // 100 for low, high in zip(dark, light, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _number(formula: Formula, values: Values) -> int:
    found = formula(values)
    if not isinstance(found, int):
        raise FormulaFailed("is no number")
    return max(-_FARTHEST, min(found, _FARTHEST))


def _text(words: str) -> str:
    return escape(_UNSAYABLE.sub("", words), {'"': "&quot;"})
