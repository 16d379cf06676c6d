"""Formulas in CEL, the Common Expression Language of https://cel.dev, as templates write them.

An expression costs no more than its length: macros that repeat (`all`, `map` …) are refused, patterns are RE2, and a
text has a largest length and depth before the library sees it. So nothing here needs a clock.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from cel_expr_python import cel

from marketplace.domain.engineering import Feature
from marketplace.domain.formula import FormulaFailed, Scalar, Values
from marketplace.domain.product import FileFormat, FileOption, IntegerOption, Option

LONGEST: Final = 500
"""Characters of an expression: a rule that needs more is two rules."""
DEEPEST: Final = 12
"""Brackets within brackets; the library itself stops at 32 levels of its grammar."""
FUNCTIONS: Final = frozenset(
    ("size", "int", "double", "string", "startsWith", "endsWith", "contains", "matches", "in", "bool")
)
"""What may stand before a bracket. None of them repeats anything, so time is linear in the text and its values."""
FACTS: Final[Mapping[FileFormat, Mapping[str, Literal["int", "bool"]]]] = {
    FileFormat.SVG: {"given": "bool", "width_um": "int", "height_um": "int", "paths": "int"},
    FileFormat.STL: {
        "given": "bool",
        "x_um": "int",
        "y_um": "int",
        "z_um": "int",
        "volume_mm3": "int",
        "triangles": "int",
        "watertight": "bool",
    },
}
"""What formulas may ask of a customer's file: `logo.width_um`."""

Kind = Literal["bool", "int", "string"]
_TYPES: Final = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "string": cel.Type.STRING}
_PYTHON: Final[Mapping[Kind, type]] = {"bool": bool, "int": int, "string": str}
_TOKEN: Final = re.compile(
    r"""\s+|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|[0-9]+(?:\.[0-9]+)?|(?P<open>[(\[])|(?P<close>[)\]])|&&|\|\||[=!<>]=|/(?!/)|[-+*%<>!?:.,]"""
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class BadExpression(ValueError):
    """An expression that no template may hold. The text says why."""


class Language:
    """The names that a template's formulas may use, with their types: its options, and features as they are added."""

    def __init__(self, options: Sequence[Option]) -> None:
        self._types = dict(_declared(options))
        self._origins: dict[str, frozenset[str]] = {name: frozenset((name.split(".")[0],)) for name in self._types}
        self._features: list[Feature] = []
        self._env = self._made()

    def formula(self, text: str, kind: Kind) -> "CelFormula":
        """The formula of `text`, which gives a `kind`. Raises BadExpression."""
        names = frozenset(_checked(text))
        program = self.compiled(text)
        if program.return_type() != _TYPES[kind]:
            raise BadExpression(f"gives {program.return_type().name().lower()}, not {kind}")
        options = frozenset[str]().union(*(self._origins.get(name, frozenset()) for name in names))
        return CelFormula(text, kind, options, names & self._types.keys(), program, self)

    def compiled(self, text: str) -> cel.Expression:
        """What the library makes of a text. Raises BadExpression."""
        try:
            return self._env.compile(text)
        except (RuntimeError, TypeError, ValueError) as wrong:
            raise BadExpression(_first_line(str(wrong))) from wrong

    def add(self, feature: Feature, kind: Kind) -> None:
        """Let formulas that follow use a feature. Raises BadExpression for a name that is taken."""
        if feature.id in self._types or not _NAME.match(feature.id):
            raise BadExpression(f"{feature.id} is taken, or not a name such as bore_um")
        self._types[feature.id] = kind
        self._origins[feature.id] = feature.value.options
        self._features.append(feature)
        self._env = self._made()

    def sheet(self, values: Values) -> "Sheet":
        """`values` of the options and of the files' facts, with every feature that can be worked out from them."""
        found = dict(values)
        for feature in self._features:
            try:
                found[feature.id] = feature.value(found)
            except FormulaFailed:
                continue  # whoever reads it fails in turn, and says so
        return Sheet(self, found)

    def activation(self, values: Values) -> cel.Activation:
        """What the library reads `values` from."""
        return self._env.Activation(values if type(values) is dict else dict(values))

    def _made(self) -> cel.Env:
        return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in self._types.items()})


class Sheet(Mapping[str, Scalar]):
    """Values that do not change, and what follows from them: one conversion for all formulas that read them, and one
    answer of each formula, however many ask."""

    __slots__ = ("_activation", "_answers", "_values", "language")

    def __init__(self, language: Language, values: Values) -> None:
        self.language = language
        self._values = dict(values)
        self._activation: cel.Activation | None = None
        self._answers: dict[CelFormula, Scalar | FormulaFailed] = {}

    def __getitem__(self, name: str) -> Scalar:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def activation(self) -> cel.Activation:
        """Made once."""
        if self._activation is None:
            self._activation = self.language.activation(self._values)
        return self._activation

    def answer(self, formula: "CelFormula") -> Scalar:
        """What a formula gives for these values. Raises FormulaFailed."""
        found = self._answers.get(formula)
        if found is None:
            try:
                found = formula.worked_out(self.activation)
            except FormulaFailed as failed:
                found = failed
            self._answers[formula] = found
        if isinstance(found, FormulaFailed):
            raise FormulaFailed(str(found))
        return found


class CelFormula:
    """A compiled expression."""

    __slots__ = ("_language", "_names", "_program", "kind", "options", "text")

    def __init__(
        self,
        text: str,
        kind: Kind,
        options: frozenset[str],
        names: frozenset[str],
        program: cel.Expression,
        language: Language,
    ) -> None:
        self.text = text
        self.kind = kind
        self.options = options
        self._names = names
        self._program = program
        self._language = language

    def __call__(self, values: Values) -> Scalar:
        """The answer. Raises FormulaFailed."""
        if isinstance(values, Sheet):
            return values.answer(self)
        return self.worked_out({name: values[name] for name in self._names if name in values})

    def worked_out(self, values: Mapping[str, Scalar] | cel.Activation) -> Scalar:
        """The answer for plain values, or for what the library made of some. Raises FormulaFailed."""
        try:
            activation = self._language.activation(values) if isinstance(values, Mapping) else values
            answer = self._program.eval(activation)
        except (RuntimeError, TypeError, ValueError, OverflowError) as wrong:
            raise FormulaFailed(_first_line(str(wrong))) from wrong
        found: object = answer.value()
        # The library gives an error as a value, whose text would pass for a string.
        if type(found) is not _PYTHON[self.kind] or answer.type() != _TYPES[self.kind]:
            raise FormulaFailed(_first_line(str(found)))
        assert isinstance(found, str | int)  # noqa: S101 - the kinds above, for the type checker
        return found


def _declared(options: Sequence[Option]) -> Iterator[tuple[str, str]]:
    for option in options:
        if not _NAME.match(option.id):
            continue  # an id such as "drill-depth" cannot be said in CEL
        match option:
            case FileOption():
                for fact, kind in FACTS[option.format].items():
                    yield f"{option.id}.{fact}", kind
            case IntegerOption():
                yield option.id, "int"
            case _:
                yield option.id, "string"


def _checked(text: str) -> Iterator[str]:
    """The names in an expression, dotted ones whole. Raises BadExpression for what no template may hold."""
    if len(text) > LONGEST:
        raise BadExpression(f"has {len(text)} characters; at most {LONGEST}")
    depth, place, dotted = 0, 0, ""
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise BadExpression(f"cannot hold what stands at character {place + 1}")
        place = token.end()
        depth += bool(token["open"]) - bool(token["close"])
        if depth > DEEPEST:
            raise BadExpression(f"nests more than {DEEPEST} brackets")
        if token["name"]:
            if re.match(r"\s*\(", text[place:]) and token["name"] not in FUNCTIONS:
                raise BadExpression(f"may not call {token['name'][:40]}")
            dotted = dotted + token["name"] if dotted.endswith(".") else token["name"]
            yield dotted
        elif token[0] == ".":
            dotted += "."
        elif not token[0].isspace():
            dotted = ""


def _first_line(text: str) -> str:
    """The library's complaint without its prefix and its picture of the place."""
    line = text.strip().splitlines()[0] if text.strip() else "cannot be worked out"
    line = re.sub(r"^(?:[A-Z_]+: )*(?:ERROR: )?(?:<input>:[-0-9]+:[-0-9]+: )?", "", line)
    return re.sub(r"\s*\[[A-Z_]+\]$", "", line)[:200]
