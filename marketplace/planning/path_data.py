"""SVG path data (SVG 1.1, 8.3): read, made absolute, moved by a transform, measured and written again.

Everything becomes moves, lines and cubic curves, so that what is written is what was understood and nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import atan2, ceil, cos, isfinite, pi, radians, sin, sqrt, tan
from typing import Final

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
"""a b c d e f of SVG: x' = a·x + c·y + e, y' = b·x + d·y + f."""
Segment = tuple[str, tuple[Point, ...]]
"""M and L with one point, C with two controls and its end, Z with none."""

IDENTITY: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
FARTHEST: Final = 1e6
"""Coordinates beyond are no drawing."""
_NUMBER: Final = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_TOKEN: Final = re.compile(rf"[\s,]*(?:(?P<command>[MmLlHhVvCcSsQqTtAaZz])|(?P<number>{_NUMBER}))")
_FLAG: Final = re.compile(r"[\s,]*([01])")
_ARGUMENTS: Final = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}


class BadPath(ValueError):
    """Path data that cannot be read. The text says why."""


def parse(data: str, most: int) -> list[Segment]:
    """The segments of path data, absolute. Raises BadPath, also for more than `most` segments."""
    pen = _Pen(most)
    for command, numbers in _commands(data):
        pen.do(command, numbers)
    return pen.segments


def moved(segments: Iterable[Segment], matrix: Matrix) -> list[Segment]:
    """The same under a transform. Raises BadPath for a coordinate that is no finite, sensible number."""
    a, b, c, d, e, f = matrix
    result = [(kind, tuple((a * x + c * y + e, b * x + d * y + f) for x, y in points)) for kind, points in segments]
    for _, points in result:
        if not all(isfinite(part) and abs(part) <= FARTHEST for point in points for part in point):
            raise BadPath(f"a coordinate lies beyond {FARTHEST:.0f} or is no number")
    return result


def times(outer: Matrix, inner: Matrix) -> Matrix:
    """`inner` first, then `outer`."""
    a, b, c, d, e, f = outer
    p, q, r, s, t, u = inner
    return (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f)


def bounds(segments: Iterable[Segment]) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of what is drawn, curves measured at their extremes; None for nothing."""
    points: list[Point] = []
    last = start = (0.0, 0.0)
    for kind, given in segments:
        if kind == "C":
            points += _extremes(last, *given)
        points += given[-1:]
        last = given[-1] if given else start
        start = last if kind == "M" else start
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def written(segments: Iterable[Segment]) -> str:
    """Path data with three decimals."""
    return "".join(kind + " ".join(f"{_short(x)} {_short(y)}" for x, y in points) for kind, points in segments)


def _short(number: float) -> str:
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with one set of its numbers; repeated sets repeat the command."""
    place, command, numbers, sets = 0, "", list[float](), 0
    data = data.rstrip(" \t\r\n,")
    while place < len(data):
        flag = command.upper() == "A" and len(numbers) in (3, 4)  # two flags that may stand without a space
        token = (_FLAG if flag else _TOKEN).match(data, place)
        if token is None:
            raise BadPath(f"cannot read the path at character {place + 1}")
        place = token.end()
        if not flag and token["command"]:
            _complete(command, numbers, sets)
            command, sets = token["command"], 0
            if command in "Zz":
                yield command, []
            continue
        if command in ("", "Z", "z"):
            raise BadPath("a number stands where a command should")
        numbers.append(float(token[1] if flag else token["number"]))
        if len(numbers) == _ARGUMENTS[command.upper()]:
            yield command, numbers
            numbers, sets = [], sets + 1
            command = {"M": "L", "m": "l"}.get(command, command)
    _complete(command, numbers, sets)


def _complete(command: str, numbers: Sequence[float], sets: int) -> None:
    """Raises BadPath for a command that has not got its numbers."""
    if numbers or (command not in ("", "Z", "z") and not sets):
        raise BadPath(f"{command} lacks a number")


class _Pen:
    """Where the pen is, and what it has drawn."""

    def __init__(self, most: int) -> None:
        self.segments: list[Segment] = []
        self._most = most
        self._at: Point = (0.0, 0.0)
        self._start: Point = (0.0, 0.0)
        self._control: tuple[str, Point] | None = None

    def do(self, command: str, numbers: Sequence[float]) -> None:
        """One command. Raises BadPath."""
        kind = command.upper()
        if not self.segments and kind != "M":
            raise BadPath("a path begins with a move")
        if kind == "A":
            self._arc(numbers, relative=command.islower())
            return
        points = self._points(kind, numbers, relative=command.islower())
        control, self._control = self._control, None
        match kind:
            case "Z":
                self._draw("Z", ())
                self._at = self._start
            case "M":
                self._draw("M", points)
                self._start = points[0]
            case "C":
                self._curve(kind, *points)
            case "S":
                self._curve("C", self._mirrored("C", control), *points)
            case "Q":
                self._quadratic(*points)
            case "T":
                self._quadratic(self._mirrored("Q", control), *points)
            case _:
                self._draw("L", points)

    def _points(self, kind: str, numbers: Sequence[float], *, relative: bool) -> tuple[Point, ...]:
        x, y = self._at if relative else (0.0, 0.0)
        if kind == "H":
            return ((numbers[0] + x, self._at[1]),)
        if kind == "V":
            return ((self._at[0], numbers[0] + y),)
        return tuple((numbers[n] + x, numbers[n + 1] + y) for n in range(0, len(numbers), 2))

    def _draw(self, kind: str, points: tuple[Point, ...]) -> None:
        if len(self.segments) >= self._most:
            raise BadPath(f"more than {self._most} segments")
        self.segments.append((kind, points))
        self._at = points[-1] if points else self._at

    def _mirrored(self, kind: str, control: tuple[str, Point] | None) -> Point:
        if control is None or control[0] != kind:
            return self._at
        return 2 * self._at[0] - control[1][0], 2 * self._at[1] - control[1][1]

    def _curve(self, kind: str, first: Point, second: Point, end: Point) -> None:
        self._draw("C", (first, second, end))
        self._control = (kind, second)

    def _quadratic(self, control: Point, end: Point) -> None:
        """A cubic curve that is the same."""
        first, second = (
            (point[0] + (control[0] - point[0]) * 2 / 3, point[1] + (control[1] - point[1]) * 2 / 3)
            for point in (self._at, end)
        )
        self._draw("C", (first, second, end))
        self._control = ("Q", control)

    def _arc(self, numbers: Sequence[float], *, relative: bool) -> None:
        """An elliptical arc as cubic curves (SVG 1.1, F.6)."""
        rx, ry, turn, large, sweep, x, y = numbers
        end = (x + self._at[0], y + self._at[1]) if relative else (x, y)
        self._control = None
        if end == self._at:
            return
        if rx == 0 or ry == 0:
            self._draw("L", (end,))
            return
        for points in _arc_curves(self._at, end, abs(rx), abs(ry), radians(turn), large=large != 0, sweep=sweep != 0):
            self._draw("C", points)


def _arc_curves(
    start: Point, end: Point, rx: float, ry: float, turn: float, *, large: bool, sweep: bool
) -> Iterator[tuple[Point, ...]]:
    cosine, sine = cos(turn), sin(turn)
    dx, dy = (start[0] - end[0]) / 2, (start[1] - end[1]) / 2
    px, py = cosine * dx + sine * dy, -sine * dx + cosine * dy
    grow = sqrt(max(1.0, (px / rx) ** 2 + (py / ry) ** 2))
    rx, ry = rx * grow, ry * grow
    under = (rx * ry) ** 2 / ((rx * py) ** 2 + (ry * px) ** 2) - 1
    root = sqrt(max(0.0, under)) * (1 if large != sweep else -1)
    qx, qy = root * rx * py / ry, -root * ry * px / rx
    centre = cosine * qx - sine * qy + (start[0] + end[0]) / 2, sine * qx + cosine * qy + (start[1] + end[1]) / 2
    first = atan2((py - qy) / ry, (px - qx) / rx)
    sweeping = (atan2((-py - qy) / ry, (-px - qx) / rx) - first) % (2 * pi)
    sweeping -= 0 if sweep else 2 * pi
    parts = max(1, ceil(abs(sweeping) / (pi / 2) - 1e-9))
    step = sweeping / parts
    handle = 4 / 3 * tan(step / 4)

    def place(angle: float, ahead: float) -> Point:
        x, y = cos(angle) - ahead * sin(angle), sin(angle) + ahead * cos(angle)
        return centre[0] + cosine * rx * x - sine * ry * y, centre[1] + sine * rx * x + cosine * ry * y

    for part in range(parts):
        low, high = first + part * step, first + (part + 1) * step
        yield place(low, handle), place(high, -handle), end if part == parts - 1 else place(high, 0)


def _extremes(start: Point, first: Point, second: Point, end: Point) -> list[Point]:
    """The points of a cubic curve where x or y turns round."""
    found = []
    for axis in (0, 1):
        p, q, r, s = start[axis], first[axis], second[axis], end[axis]
        a, b, c = -p + 3 * q - 3 * r + s, 2 * (p - 2 * q + r), q - p
        for t in _roots(a, b, c):
            if 0 < t < 1:
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                curve = (start, first, second, end)
                found.append(
                    (
                        sum(w * point[0] for w, point in zip(weights, curve, strict=True)),
                        sum(w * point[1] for w, point in zip(weights, curve, strict=True)),
                    )
                )
    return found


def _roots(a: float, b: float, c: float) -> Iterator[float]:
    if abs(a) < 1e-12:
        if abs(b) > 1e-12:
            yield -c / b
        return
    under = b * b - 4 * a * c
    if under >= 0:
        yield (-b + sqrt(under)) / (2 * a)
        yield (-b - sqrt(under)) / (2 * a)
