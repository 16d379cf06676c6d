"""Reads what a template file says of the making: formulas, rules, features, machines, the routing, the preview.

Each formula is compiled here, when the marketplace starts: a wrong one is refused with its place in the file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.domain.configuration import configure, required_lines
from marketplace.domain.engineering import (
    Engineering,
    Feature,
    Limit,
    Machine,
    Operation,
    Rule,
    check_makeable,
    envelopes,
    routed,
)
from marketplace.domain.errors import InvalidInput
from marketplace.domain.formula import Formula, FormulaFailed, Table
from marketplace.domain.product import ChoiceOption, Drawing, FileOption, Option, Shape, Template
from marketplace.planning.calendar import Shifts
from marketplace.planning.expressions import FACTS, BadExpression, Kind, Language
from marketplace.planning.preview import ELEMENTS, STYLES
from marketplace.planning.schedule import MOST_ALTERNATIVES

MOST = {"rules": 500, "features": 60, "machines": 50, "routing": 60, "shapes": 200, "shifts": 50}
"""A template is data from outside: what it may hold is bounded."""


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def whole_number(value: object, key: str) -> int:
    """`value` as a whole number from 0 to 2^53 - 1. Raises ValueError naming the key."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise ValueError(f"{key} must be a whole number, not below 0")
    return value


@dataclass(frozen=True, slots=True)
class FormulaReader:
    """Reads the formulas of one file. All of it raises InvalidInput, whose field is the file and the place in it."""

    name: str
    options: Sequence[Option]
    language: Language

    def formula(self, given: object, kind: Kind, place: str) -> Formula:
        """A number, an expression, or a table of a choice option's values."""
        if isinstance(given, Mapping):
            return self._table(given, kind, place)
        if isinstance(given, bool) or not isinstance(given, str | int):
            raise self._wrong(place, "must be an expression, a number or a table")
        try:
            return self.language.formula(str(given), kind)
        except BadExpression as bad:
            raise self._wrong(place, str(bad)) from bad

    def engineering(self, data: Mapping[str, Any]) -> Engineering:
        """Everything that is said of the making; nothing for a template that says nothing."""
        features = tuple(self._feature(one) for one in self._listed(data, "features"))
        rules = tuple(self._rule(one) for one in self._listed(data, "rules"))
        machines = tuple(self._machine(one, features) for one in self._listed(data, "machines"))
        routing = tuple(self._operation(one, machines) for one in self._listed(data, "routing"))
        return Engineering(rules, features, machines, routing, self.language.sheet)

    def drawing(self, data: Mapping[str, Any]) -> Drawing | None:
        """The preview, if there is one."""
        given = data.get("preview")
        if given is None:
            return None
        shapes = tuple(self._shape(one, number) for number, one in enumerate(self._listed(given, "shapes")))
        width, height = (whole_number(given[side], f"preview.{side}") for side in ("width", "height"))
        if not (0 < width <= 2_000 and 0 < height <= 2_000):
            raise self._wrong("preview", "must be from 1 to 2000 units wide and high")
        return Drawing(width, height, shapes)

    def _listed(self, data: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
        found = data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise self._wrong(key, "must be a list")
        if len(found) > MOST[key]:
            raise self._wrong(key, f"may hold {MOST[key]}")
        ids = [one.get("id") for one in found if key != "shapes"]
        if len(ids) != len(set(map(str, ids))):
            raise self._wrong(key, "two of them have the same id")
        return found

    def _table(self, given: Mapping[str, Any], kind: Kind, place: str) -> Formula:
        option = next((one for one in self.options if one.id == given.get("option")), None)
        rows = given.get("values")
        if not isinstance(option, ChoiceOption) or not isinstance(rows, Mapping):
            raise self._wrong(place, "must give a value for every choice of one choice option")
        if {choice.value for choice in option.choices} - {str(key) for key in rows}:
            raise self._wrong(place, "must give a value for every choice of one choice option")
        read = str if kind == "string" else lambda value: whole_number(value, place)
        return Table(option.id, {str(key): read(value) for key, value in rows.items()})

    def _feature(self, data: Mapping[str, Any]) -> Feature:
        place = f"features.{data['id']}"
        kind: Kind = "string" if data.get("unit") is None else "int"
        formula = self.formula(data["value"], kind, place)
        feature = Feature(str(data["id"]), str(data["label"]), str(data.get("unit", "")), formula)
        try:
            self.language.add(feature, kind)
        except BadExpression as bad:
            raise self._wrong(place, str(bad)) from bad
        return feature

    def _rule(self, data: Mapping[str, Any]) -> Rule:
        place = f"rules.{data['id']}"
        formula = self.formula(data["require"], "bool", place)
        if not formula.options:
            raise self._wrong(place, "names no option, so nobody could mend it")
        return Rule(str(data["id"]), str(data["message"]), formula)

    def _machine(self, data: Mapping[str, Any], features: Sequence[Feature]) -> Machine:
        place = f"machines.{data['id']}"
        known = {feature.id for feature in features}
        limits = []
        for given in data["limits"]:
            limit = Limit(
                str(given["feature"]),
                None if "minimum" not in given else whole_number(given["minimum"], f"{place}.minimum"),
                None if "maximum" not in given else whole_number(given["maximum"], f"{place}.maximum"),
                tuple(str(one) for one in given.get("one_of", ())),
            )
            if limit.feature not in known:
                raise self._wrong(f"{place}.{limit.feature}", "is no feature of this product")
            if limit.minimum is None and limit.maximum is None and not limit.one_of:
                raise self._wrong(f"{place}.{limit.feature}", "must have a minimum, a maximum or one_of")
            limits.append(limit)
        count = whole_number(data.get("count", 1), f"{place}.count")
        if not 0 < count <= MOST_ALTERNATIVES:
            raise self._wrong(f"{place}.count", f"must be from 1 to {MOST_ALTERNATIVES}")
        return Machine(str(data["id"]), str(data["label"]), tuple(limits), count, self._windows(data, place))

    def _windows(self, data: Mapping[str, Any], place: str) -> tuple[tuple[int, int], ...]:
        """Shifts as minutes of the week: `{days: [mon, tue], from: "06:00", to: "14:00"}`, in UTC."""
        given = data.get("shifts", [])
        if not isinstance(given, list) or len(given) > MOST["shifts"]:
            raise self._wrong(f"{place}.shifts", f"must be a list of at most {MOST['shifts']}")
        found = []
        for number, shift in enumerate(given):
            here = f"{place}.shifts.{number}"
            if not isinstance(shift, Mapping) or set(shift) != {"days", "from", "to"}:
                raise self._wrong(here, "has days, from and to")
            begin, end = (self._minute(shift[edge], f"{here}.{edge}") for edge in ("from", "to"))
            if not isinstance(shift["days"], list) or not set(map(str, shift["days"])) <= set(DAYS):
                raise self._wrong(f"{here}.days", f"must be a list of {', '.join(DAYS)}")
            found += [(DAYS.index(day) * 1_440 + begin, DAYS.index(day) * 1_440 + end) for day in shift["days"]]
        windows = tuple(sorted(found))
        try:
            return Shifts(windows).windows if windows else ()
        except ValueError as wrong:
            raise self._wrong(f"{place}.shifts", str(wrong)) from wrong

    def _minute(self, given: object, place: str) -> int:
        parts = re.fullmatch("([01][0-9]|2[0-4]):([0-5][0-9])", str(given))
        minute = int(parts[1]) * 60 + int(parts[2]) if parts else 1_441
        if minute > 1_440:
            raise self._wrong(place, "must be a time such as 06:00, at most 24:00")
        return minute

    def _operation(self, data: Mapping[str, Any], machines: Sequence[Machine]) -> Operation:
        place = f"routing.{data['id']}"
        if data["machine"] not in {machine.id for machine in machines}:
            raise self._wrong(f"{place}.machine", "is no machine of this file")
        return Operation(
            str(data["id"]),
            str(data["label"]),
            str(data["machine"]),
            self.formula(data["setup_minutes"], "int", f"{place}.setup_minutes"),
            self.formula(data["run_seconds"], "int", f"{place}.run_seconds"),
            None if "when" not in data else self.formula(data["when"], "bool", f"{place}.when"),
        )

    def _shape(self, data: Mapping[str, Any], number: int) -> Shape:
        place = f"preview.shapes.{number}"
        element = next((key for key in data if key in ELEMENTS), None)
        style = str(data.get("style", "metal"))
        if element is None or style not in STYLES or not isinstance(data[element], Mapping):
            raise self._wrong(place, f"must be one of {', '.join(ELEMENTS)} in a style of {', '.join(STYLES)}")
        given = dict(data[element])
        option = str(given.pop("option", ""))
        if set(given) != set(ELEMENTS[element]):
            raise self._wrong(place, f"{element} has {', '.join(ELEMENTS[element])}")
        if element == "design" and not any(isinstance(one, FileOption) and one.id == option for one in self.options):
            raise self._wrong(place, "must name a file option")
        formulas = {
            key: self.formula(value, "string" if key in ("value", "d") else "int", f"{place}.{key}")
            for key, value in given.items()
        }
        when = None if "when" not in data else self.formula(data["when"], "bool", f"{place}.when")
        return Shape(element, style, formulas, when, option)

    def _wrong(self, place: str, message: str) -> InvalidInput:
        return InvalidInput(f"{self.name}: {place}", message)


def facts_of_nothing(options: Sequence[Option]) -> dict[str, str | int | bool]:
    """What formulas read of files that nobody has handed in."""
    return {
        f"{option.id}.{fact}": kind == "int" and 0
        for option in options
        if isinstance(option, FileOption)
        for fact, kind in FACTS[option.format].items()
    }


def check_defaults(template: Template, name: str) -> None:
    """Raises InvalidInput if what is offered first breaks the template's own rules, or cannot be worked out.

    A product that needs a file has no such default.
    """
    options = tuple(template.options())
    if any(isinstance(option, FileOption) and option.required for option in options):
        return
    values = {**configure(template, {}).values, **facts_of_nothing(options)}
    sheet = template.engineering.sheet(values)
    try:
        for envelope in envelopes(template.engineering):
            envelope.feature.value(sheet)
        check_makeable(template.engineering, sheet)
        required_lines(template, sheet)
        routed(template.engineering, sheet)
    except FormulaFailed as failed:
        raise InvalidInput(f"{name}: the defaults", f"cannot be worked out: {failed}") from failed
    except InvalidInput as wrong:
        raise InvalidInput(f"{name}: the defaults", f"break the template's own rules: {wrong}") from wrong
