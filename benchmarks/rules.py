"""A template of 50 options and 200 rules: the rules and their explanation, and apart from them the search for repairs.

Configurations are drawn with a fixed seed; most break some rules, as a customer's do on the way. The times are of one
configuration, everything that follows from its values included: the least of five on the wall's clock, as whoever else
uses the machine is not measured here, and in `_cpu_` keys the least that the same work took of a processor. Beside them
stands the same work in the library alone: the same 200 expressions on values that are converted already.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness import Result, main
from marketplace.application.catalogue import load_template
from marketplace.domain.engineering import check_makeable, refusals, violations
from marketplace.domain.errors import NotMakeable
from marketplace.domain.product import ChoiceOption, OptionValue, Template
from marketplace.planning.expressions import CelFormula, Language
from marketplace.planning.repairs import constraints_of, search

OPTIONS, RULES, ROUNDS, REPAIRED = 50, 200, 200, 20
TRIES = 5
LETTERS = "abcdefgh"


def document(seed: int = 1) -> dict[str, Any]:
    """Half of the options are choices, half numbers; a rule joins two or three of them and holds for the defaults."""
    draw = random.Random(seed)
    options = [_option(number) for number in range(OPTIONS)]
    rules = [{"id": f"r{number}", "message": f"rule {number}", "require": _rule(draw)} for number in range(RULES)]
    return {
        "id": "bench",
        "version": 1,
        "name": "Bench",
        "summary": "",
        "currency": "EUR",
        "manufacturer": "Bench",
        "amount_option": "n1",
        "lead_time_days": 1,
        "own_operation": "work",
        "modules": [{"id": "m", "kind": "customised", "title": "", "description": "", "options": options}],
        "bill_of_materials": [],
        "features": [{"id": "size", "label": "size", "unit": "mm", "value": "n1 * 2 + n3"}],
        "rules": rules,
        "machines": [{"id": "mill", "label": "The mill", "limits": [{"feature": "size", "maximum": 290}]}],
        "routing": [{"id": "cut", "label": "Cut", "machine": "mill", "setup_minutes": 1, "run_seconds": "size"}],
    }


def template(seed: int = 1) -> Template:
    """The document as it is loaded."""
    return load_template(document(seed), "bench")


def _option(number: int) -> dict[str, Any]:
    if number % 2:
        return {
            "id": f"n{number}",
            "type": "integer",
            "label": f"Number {number}",
            "unit": "mm",
            "minimum": 0,
            "maximum": 100,
            "step": 1,
            "default": 10,
            "price_minor": 1,
        }
    choices = [{"value": letter, "label": letter} for letter in LETTERS]
    return {"id": f"c{number}", "type": "choice", "label": f"Choice {number}", "choices": choices, "default": "a"}


def _rule(draw: random.Random) -> str:
    """Choices other than the default forbid, and numbers above the default need room: few hold by chance alone."""
    one, other = draw.sample(range(0, OPTIONS, 2), 2)
    first, second = draw.sample(range(1, OPTIONS, 2), 2)
    letter, limit = draw.choice(LETTERS[1:]), draw.randint(30, 90)
    return draw.choice(
        (
            f"c{one} != '{letter}' || c{other} in ['a', 'b', '{draw.choice(LETTERS)}']",
            f"c{one} != '{letter}' || n{first} <= {limit}",
            f"n{first} + n{second} <= {limit + 100}",
            f"c{one} == 'a' || n{first} >= 5 || c{other} != '{letter}'",
        )
    )


def drawn(made: Template, count: int, seed: int) -> Sequence[Mapping[str, OptionValue]]:
    """Random configurations, of which each option is at its default as often as not."""
    draw = random.Random(seed)
    return [
        {
            option.id: option.default
            if draw.random() < 0.5
            else draw.choice([choice.value for choice in option.choices])
            if isinstance(option, ChoiceOption)
            else draw.randint(0, 100)
            for option in made.options()
        }
        for _ in range(count)
    ]


def run() -> Result:
    """The figures."""
    made = template()
    values = drawn(made, ROUNDS, 2)
    broken: list[int] = []

    def explain(one: Mapping[str, OptionValue]) -> None:
        sheet = made.engineering.sheet(one)
        broken.append(len(violations(made.engineering, sheet)) + len(refusals(made.engineering, sheet)))

    rules = _times(explain, values)
    nearly = [one for one in drawn(made, 40 * REPAIRED, 3) if _broken(made, one) in (1, 2, 3)][:REPAIRED]
    found: list[int] = []

    def mend(one: Mapping[str, OptionValue]) -> None:
        answer = search(tuple(made.options()), constraints_of(made.engineering), one, made.engineering.sheet)
        found.append(len(answer.repairs))
        for repair in answer.repairs:
            try:
                check_makeable(made.engineering, made.engineering.sheet({**one, **repair.changes}))
            except NotMakeable as wrong:
                raise SystemExit(f"a repair is not valid: {wrong}") from wrong

    repairs = _times(mend, nearly)
    bare = _times(_bare(made), values)
    return Result(
        figures={
            "rules_p50_ms": _share(rules, 0, 0.5),
            "rules_p95_ms": _share(rules, 0, 0.95),
            "rules_cpu_p95_ms": _share(rules, 1, 0.95),
            "broken_mean": sum(broken) / len(broken),
            "repairs_p50_ms": _share(repairs, 0, 0.5),
            "repairs_p95_ms": _share(repairs, 0, 0.95),
            "repairs_cpu_p95_ms": _share(repairs, 1, 0.95),
            "repairs_searches": float(len(nearly)),
            "repairs_found_share": sum(1 for count in found if count) / max(len(found), 1),
        },
        beside={"library_p95_ms": _share(bare, 0, 0.95), "library_cpu_p95_ms": _share(bare, 1, 0.95)},
        bounds={"rules_p95_ms_wanted": 20.0},
        ratios={"rules_to_library_cpu": _share(rules, 1, 0.5) / max(_share(bare, 1, 0.5), 1e-6)},
    )


def _broken(made: Template, one: Mapping[str, OptionValue]) -> int:
    sheet = made.engineering.sheet(one)
    return len(violations(made.engineering, sheet)) + len(refusals(made.engineering, sheet))


def _bare(made: Template) -> Callable[[Mapping[str, OptionValue]], None]:
    """The same expressions, without anything of ours around them."""
    language = Language(tuple(made.options()))
    formulas = [rule.holds for rule in made.engineering.rules]
    programs = [language.compiled(formula.text) for formula in formulas if isinstance(formula, CelFormula)]

    def evaluate(one: Mapping[str, OptionValue]) -> None:
        activation = language.activation(one)
        for program in programs:
            program.eval(activation).value()

    return evaluate


def _times(
    work: Callable[[Mapping[str, OptionValue]], None], values: Sequence[Mapping[str, OptionValue]]
) -> list[tuple[float, float]]:
    """(wall, processor) milliseconds of each."""
    work(values[0])  # the first one pays for what is made once
    times = []
    for one in values:
        tries = [_time(work, one) for _ in range(TRIES)]
        times.append((min(wall for wall, _ in tries), min(cpu for _, cpu in tries)))
    return times


def _time(work: Callable[[Mapping[str, OptionValue]], None], one: Mapping[str, OptionValue]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work(one)
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def _share(times: Sequence[tuple[float, float]], which: int, share: float) -> float:
    ordered = sorted(one[which] for one in times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    main("rules", run)
