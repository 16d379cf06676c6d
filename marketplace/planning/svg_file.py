"""A customer's drawing: an SVG file from a stranger, of which only paths are kept.

Read by expat, which fetches nothing; a document type, and so every entity, is refused before it can expand. What is
kept is written anew from numbers: no script, style, link or text of the file survives.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Final
from xml.parsers import expat

from marketplace.planning.path_data import (
    IDENTITY,
    BadPath,
    Matrix,
    Segment,
    bounds,
    moved,
    parse,
    times,
    written,
)
from marketplace.planning.sketch import Sketch

MOST_ELEMENTS: Final = 2_000
MOST_SEGMENTS: Final = 20_000
DEEPEST: Final = 32
UM_PER_PX: Final = 25_400 / 96
"""A CSS pixel is 1/96 inch."""
_UNITS: Final = {"mm": 1_000.0, "cm": 10_000.0, "in": 25_400.0, "px": UM_PER_PX, "pt": 25_400 / 72, "": UM_PER_PX}
_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_SILENT: Final = frozenset(("title", "desc", "metadata", "defs", "style", "clipPath", "mask", "pattern"))
"""Elements that draw nothing by themselves: they and what is in them are left out."""
_LENGTH: Final = re.compile(r"\s*([0-9]{1,7}(?:\.[0-9]{1,6})?)\s*(mm|cm|in|px|pt|)\s*\Z")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_TRANSFORM: Final = re.compile(r"[\s,]*(matrix|translate|scale|rotate|skewX|skewY)\s*\(([^()]{0,200})\)")


class BadDrawing(ValueError):
    """A file that is not taken, and why, in words for the person who made it."""


@dataclass(frozen=True, slots=True)
class DrawingFile:
    """What was understood. `data` is the file as it is kept; sizes are those of the drawn paths."""

    data: bytes
    width_um: int
    height_um: int
    paths: int
    sketch: Sketch


def read_drawing(data: bytes) -> DrawingFile:
    """The drawing in an SVG file. Raises BadDrawing."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as wrong:
        raise BadDrawing(f"is no well-formed XML: {expat.ErrorString(wrong.code)}, line {wrong.lineno}") from wrong
    except BadDrawing:
        raise
    except BadPath as wrong:
        raise BadDrawing(str(wrong)) from wrong
    except (ValueError, LookupError, OverflowError) as wrong:  # a number too large, an encoding that nobody uses
        raise BadDrawing("cannot be read: save it as plain SVG in UTF-8") from wrong
    drawn = [path for path in reader.paths if path]
    box = bounds(segment for path in drawn for segment in path)
    if box is None:
        raise BadDrawing("draws nothing: convert texts and pictures to paths first")
    left, top, right, bottom = box
    if right - left <= 0 or bottom - top <= 0:
        raise BadDrawing("has no extent")
    home = (1.0, 0.0, 0.0, 1.0, -left, -top)
    texts = tuple(written(moved(path, home)) for path in drawn)
    um = reader.um_per_unit
    return DrawingFile(
        data=_document(texts, right - left, bottom - top, um),
        width_um=round((right - left) * um),
        height_um=round((bottom - top) * um),
        paths=len(texts),
        sketch=Sketch(round(right - left, 3), round(bottom - top, 3), tuple((text, 0) for text in texts)),
    )


def _document(paths: tuple[str, ...], width: float, height: float, um: float) -> bytes:
    size = f'width="{width * um / 1000:.3f}mm" height="{height * um / 1000:.3f}mm"'
    drawn = "".join(f'<path d="{path}"/>' for path in paths)
    return f'<svg xmlns="{_NAMESPACE}" {size} viewBox="0 0 {width:.3f} {height:.3f}">{drawn}</svg>'.encode()


class _Reader:
    """Collects paths from expat's events."""

    def __init__(self) -> None:
        self.paths: list[list[Segment]] = []
        self.um_per_unit = UM_PER_PX
        self._elements = 0
        self._segments = 0
        self._matrices: list[Matrix] = []
        self._silent = 0
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse_type
        parser.ProcessingInstructionHandler = self._refuse_instruction

    def _refuse_type(self, *_: object) -> None:
        raise BadDrawing("declares a document type: save it as plain SVG")

    def _refuse_instruction(self, *_: object) -> None:
        raise BadDrawing("holds a processing instruction: save it as plain SVG")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._matrices) + self._silent >= DEEPEST:
            raise BadDrawing(f"has more than {MOST_ELEMENTS} elements, or nests deeper than {DEEPEST}")
        space, _, tag = name.rpartition(" ")
        if self._silent or tag in _SILENT or (space not in ("", _NAMESPACE) and self._matrices):
            self._silent += 1  # editors keep their own elements in other namespaces
            return
        if not self._matrices:
            self._root(tag, attributes)
        elif tag not in ("g", "svg") and tag not in _SHAPES:
            raise BadDrawing(f"holds <{_shown(tag)}>: convert everything to paths")
        for attribute in attributes:
            if attribute.rpartition(" ")[2].lower().startswith("on") or attribute.rpartition(" ")[2] == "href":
                raise BadDrawing(f"holds {_shown(attribute)}, which a drawing does not need")
        matrix = times(self._matrices[-1] if self._matrices else IDENTITY, _transform(attributes.get("transform", "")))
        self._matrices.append(matrix)
        if tag in _SHAPES and attributes.get("display") != "none":
            drawn = parse(_SHAPES[tag](attributes), MOST_SEGMENTS - self._segments)
            self._segments += len(drawn)
            self.paths.append(moved(drawn, matrix))

    def _end(self, _name: str) -> None:
        if self._silent:
            self._silent -= 1
        else:
            self._matrices.pop()

    def _root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "svg":
            raise BadDrawing("is no SVG")
        width = _LENGTH.match(attributes.get("width", ""))
        box = [float(number) for number in _NUMBER.findall(attributes.get("viewBox", "")[:200])]
        if width is not None:
            um = float(width[1]) * _UNITS[width[2]]
            units = box[2] if len(box) == 4 else float(width[1]) * _UNITS[width[2]] / UM_PER_PX
            if not (0 < units < 1e6 and um > 0):
                raise BadDrawing("has no sensible size")
            self.um_per_unit = um / units


def _shown(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9:_-]", "?", name.rpartition(" ")[2])[:30]


def _number(attributes: dict[str, str], key: str) -> float:
    found = re.fullmatch(rf"\s*({_NUMBER.pattern})\s*(?:px)?\s*", attributes.get(key, "0"))
    if found is None:
        raise BadDrawing(f"has a {key} that is no plain number")
    return float(found[1])


def _rect(given: dict[str, str]) -> str:
    """Round corners are drawn sharp: what is engraved is the outline."""
    x, y, width, height = (_number(given, key) for key in ("x", "y", "width", "height"))
    return f"M{x} {y}h{width}v{height}h{-width}z"


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> str:
    return f"M{cx - rx} {cy}a{rx} {ry} 0 1 0 {2 * rx} 0a{rx} {ry} 0 1 0 {-2 * rx} 0z"


def _poly(given: dict[str, str], end: str) -> str:
    numbers = _NUMBER.findall(given.get("points", ""))
    return "M" + " ".join(numbers) + end if len(numbers) >= 4 else ""


_SHAPES: Final[Mapping[str, Callable[[dict[str, str]], str]]] = {
    "path": lambda given: given.get("d", ""),
    "rect": _rect,
    "circle": lambda given: _ellipse(*(_number(given, key) for key in ("cx", "cy", "r", "r"))),
    "ellipse": lambda given: _ellipse(*(_number(given, key) for key in ("cx", "cy", "rx", "ry"))),
    "line": lambda given: "M{} {}L{} {}".format(*(_number(given, key) for key in ("x1", "y1", "x2", "y2"))),
    "polyline": lambda given: _poly(given, ""),
    "polygon": lambda given: _poly(given, "z"),
}


def _transform(text: str) -> Matrix:
    """The product of a transform list. Raises BadDrawing."""
    matrix, place = IDENTITY, 0
    while place < len(text.rstrip(" ,\t\r\n")):
        found = _TRANSFORM.match(text, place)
        if found is None or place > 2_000:
            raise BadDrawing("has a transform that cannot be read")
        place = found.end()
        matrix = times(matrix, _one_transform(found[1], [float(one) for one in _NUMBER.findall(found[2])]))
    return matrix


def _one_transform(kind: str, numbers: list[float]) -> Matrix:
    match kind, numbers:
        case "matrix", [a, b, c, d, e, f]:
            return (a, b, c, d, e, f)
        case "translate", [x, *rest] if len(rest) <= 1:
            return (1.0, 0.0, 0.0, 1.0, x, rest[0] if rest else 0.0)
        case "scale", [x, *rest] if len(rest) <= 1:
            return (x, 0.0, 0.0, rest[0] if rest else x, 0.0, 0.0)
        case "rotate", [angle, *rest] if len(rest) in (0, 2):
            return _rotation(angle, *rest)
    raise BadDrawing(f"has a transform {kind} that is not supported: apply transforms first")


def _rotation(angle: float, x: float = 0.0, y: float = 0.0) -> Matrix:
    turn = radians(angle)
    about = (cos(turn), sin(turn), -sin(turn), cos(turn), 0.0, 0.0)
    return times(times((1.0, 0.0, 0.0, 1.0, x, y), about), (1.0, 0.0, 0.0, 1.0, -x, -y))
