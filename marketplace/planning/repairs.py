"""The nearest configurations that are valid, for one that is not.

A repair must change an option of every constraint that is broken. So the search takes the first broken one and tries
its options, breadth first: what needs fewer changes is found first, in the same order each time, within a budget that
counts configurations and no clock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from marketplace.domain.engineering import Engineering, envelopes, violation
from marketplace.domain.formula import Values
from marketplace.domain.product import ChoiceOption, FileOption, IntegerOption, Option, OptionValue, TextOption

MOST_CHANGES: Final = 3
MOST_TRIED: Final = 1_000
"""Configurations that one search may look at."""
NEARBY: Final = 8
"""Steps of a number that are tried one by one on each side, for rules such as "a multiple of five"."""
WHOLE: Final = 1_000
"""The size of a change from one end of an option to the other; another choice is such a change."""

Changes = Mapping[str, OptionValue]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A rule or a machine's limit, and the options that decide it."""

    options: frozenset[str]
    holds: Callable[[Values], bool]


@dataclass(frozen=True, slots=True)
class Repair:
    """Options to change and their new values; `distance` is the sum of the sizes of the changes, of 1000 each."""

    changes: Changes
    distance: int


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, all with the same least number of changes, and whether the budget sufficed to look everywhere."""

    repairs: tuple[Repair, ...]
    complete: bool
    tried: int


def constraints_of(engineering: Engineering) -> tuple[Constraint, ...]:
    """Rules first, then limits, in the template's order."""
    rules = [
        Constraint(rule.holds.options, lambda values, rule=rule: violation(rule, values) is None)  # type: ignore[misc]
        for rule in engineering.rules
    ]
    limits = [
        Constraint(one.options, lambda values, one=one: one.refusal(values) is None)  # type: ignore[misc]
        for one in envelopes(engineering)
    ]
    return (*rules, *limits)


def search(
    options: Sequence[Option],
    constraints: Sequence[Constraint],
    values: Mapping[str, OptionValue],
    sheet: Callable[[Mapping[str, OptionValue]], Values],
    *,
    most_tried: int = MOST_TRIED,
) -> Search:
    """Repairs of `values`, nearest first; none if they are valid already. `sheet` adds what follows from values."""
    return _Searching(options, constraints, values, sheet, most_tried).run()


class _Spent(Exception):
    """The budget is used up."""


class _Searching:
    def __init__(
        self,
        options: Sequence[Option],
        constraints: Sequence[Constraint],
        values: Mapping[str, OptionValue],
        sheet: Callable[[Mapping[str, OptionValue]], Values],
        most_tried: int,
    ) -> None:
        self._options = {option.id: option for option in options}
        self._constraints = constraints
        self._values = values
        self._sheet = sheet
        self._left = most_tried
        self._most = most_tried
        self._of = {
            option: tuple(n for n, one in enumerate(constraints) if option in one.options) for option in self._options
        }

    def run(self) -> Search:
        found: list[Repair] = []
        complete = True
        try:
            first = self._sheet(self._values)
            broken = frozenset(n for n, one in enumerate(self._constraints) if not one.holds(first))
            level: dict[frozenset[tuple[str, OptionValue]], frozenset[int]] = {frozenset(): broken} if broken else {}
            for _ in range(MOST_CHANGES):
                following: dict[frozenset[tuple[str, OptionValue]], frozenset[int]] = {}
                for changes, still in level.items():
                    for more, left in self._children(dict(changes), still, following):
                        if left:
                            following[frozenset(more.items())] = left
                        else:
                            found.append(Repair(more, self._distance(more)))
                if found:
                    break
                level = following
        except _Spent:
            complete = False
        unique = {frozenset(repair.changes.items()): repair for repair in found}
        ordered = sorted(unique.values(), key=lambda repair: (len(repair.changes), repair.distance))
        return Search(tuple(ordered), complete, self._most - self._left)

    def _children(
        self,
        changes: dict[str, OptionValue],
        broken: frozenset[int],
        seen: Mapping[frozenset[tuple[str, OptionValue]], object],
    ) -> Iterator[tuple[dict[str, OptionValue], frozenset[int]]]:
        target = self._constraints[min(broken)]
        for name, option in self._options.items():
            if name not in target.options or name in changes:
                continue
            for value in self._candidates(option, changes, broken):
                more = changes | {name: value}
                if frozenset(more.items()) not in seen:
                    yield more, self._broken(more, name, broken)

    def _broken(self, changes: Changes, changed: str, before: frozenset[int]) -> frozenset[int]:
        """What is broken after one more change: only the constraints that it touches are asked again."""
        values = self._tried(changes)
        touched = self._of[changed]
        return before.difference(touched) | {n for n in touched if not self._constraints[n].holds(values)}

    def _tried(self, changes: Changes) -> Values:
        if self._left <= 0:
            raise _Spent
        self._left -= 1
        return self._sheet({**self._values, **changes})

    def _candidates(self, option: Option, changes: Changes, broken: frozenset[int]) -> Sequence[OptionValue]:
        now = self._values[option.id]
        match option:
            case ChoiceOption():
                return [choice.value for choice in option.choices if choice.value != now]
            case FileOption():
                return [""] if now and not option.required else []
            case TextOption():
                text = str(now)
                shorter = [text[:length].rstrip() for length in range(len(text) - 1, -1, -1)]
                near = [self._first(option.id, [*shorter, option.default], changes, only) for only in (broken, None)]
            case IntegerOption():
                near = [
                    value
                    for only in (broken, None)
                    for ends in (option.maximum, option.minimum)
                    for value in self._numbers(option, int(now), ends, changes, only)
                ]
        return list(dict.fromkeys(value for value in near if value is not None and value != now))

    def _numbers(
        self, option: IntegerOption, now: int, end: int, changes: Changes, only: frozenset[int] | None
    ) -> Iterator[OptionValue | None]:
        """The nearest number towards `end` that helps, and `end` itself, which may help with another option's."""
        step = option.step if end >= now else -option.step
        count = (end - now) // step
        near = [now + step * n for n in range(1, min(count, NEARBY) + 1)]
        found = self._first(option.id, near, changes, only)
        if found is None and count > NEARBY:
            low, high = NEARBY, NEARBY
            while high < count and not self._helps(option.id, now + step * high, changes, only):
                low, high = high, min(high * 2, count)
            if self._helps(option.id, now + step * high, changes, only):
                while high - low > 1:
                    middle = (low + high) // 2
                    good = self._helps(option.id, now + step * middle, changes, only)
                    low, high = (low, middle) if good else (middle, high)
                found = now + step * high
        yield found
        if count > 0:
            yield now + step * count

    def _first(
        self, name: str, values: Sequence[OptionValue], changes: Changes, only: frozenset[int] | None
    ) -> OptionValue | None:
        return next((value for value in values if self._helps(name, value, changes, only)), None)

    def _helps(self, name: str, value: OptionValue, changes: Changes, only: frozenset[int] | None) -> bool:
        """Whether `value` mends the first broken constraint of `only`, or keeps all that this option decides."""
        values = self._tried({**changes, name: value})
        asked = self._of[name] if only is None else (min(only),)
        return all(self._constraints[n].holds(values) for n in asked)

    def _distance(self, changes: Changes) -> int:
        return sum(_size(self._options[name], self._values[name], value) for name, value in changes.items())


def _size(option: Option, before: OptionValue, after: OptionValue) -> int:
    match option:
        case IntegerOption():
            return -(-WHOLE * abs(int(after) - int(before)) // (option.maximum - option.minimum))
        case TextOption():
            kept = len(str(after)) if str(before).startswith(str(after)) else 0
            return -(-WHOLE * (len(str(before)) - kept) // option.max_length)
        case _:
            return WHOLE
