"""`lotsizeone select`: choose suppliers for a bill of materials in a file, with the proof and the reasons."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.options import AsJson
from bootstrap.processes import native_words_aside

if TYPE_CHECKING:
    from matchmaking.selection import NoFeasibleSelection, Problem, Selection
    from matchmaking.selection.front import Point

EXAMPLE = "Example: lotsizeone select examples/selection.json --seconds 5 --json"


def select(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json", help="Lines, offers, suppliers and limits.", dir_okay=False)
    ],
    seconds: Annotated[
        float | None,
        typer.Option(help="End the search near so many seconds of the processor; else it ends by counting steps."),
    ] = None,
    points: Annotated[
        int, typer.Option("--front", help="Also show so many ways to trade price, date and risk.", min=0, max=50)
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Choose one offer for each line so that the whole is cheapest: prices, freight, discounts.

    Prints the total, what no choice can undercut, and for each line why. Without --seconds the same file has the same
    answer on every machine. Ends with 1 where no choice keeps the limits, and says what would help.
    """
    from matchmaking.selection import NoFeasibleSelection  # noqa: PLC0415
    from matchmaking.selection import select as choose  # noqa: PLC0415
    from matchmaking.selection.document import MOST_BYTES, problem_of  # noqa: PLC0415
    from matchmaking.selection.front import front  # noqa: PLC0415
    from matchmaking.selection.solver import Effort, OutOfBudget  # noqa: PLC0415

    if seconds is not None and not 0 < seconds <= 3_600:
        raise ValueError("--seconds is above 0 and at most 3600")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file} is larger than {MOST_BYTES} bytes")
    try:
        problem = problem_of(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    started = time.process_time()
    effort = Effort() if seconds is None else Effort(seconds=seconds, cpu=lambda: time.process_time() - started)
    try:
        with native_words_aside():
            chosen = choose(problem, effort)
    except NoFeasibleSelection as none:
        typer.echo(json.dumps(_refusal(none), indent=1) if as_json else f"nothing can be chosen: {none}")
        raise typer.Exit(1) from none
    except OutOfBudget as ended:
        raise ValueError(str(ended)) from ended
    spent = time.process_time() - started
    with native_words_aside():
        others = front(problem, points) if points else ()
    if as_json:
        typer.echo(json.dumps(_document(chosen, others, spent), indent=1, ensure_ascii=False))
        return
    for line in [*_table(problem, chosen, spent), *_front_table(others)]:
        typer.echo(line)


def _refusal(none: "NoFeasibleSelection") -> dict[str, Any]:
    return {
        "feasible": False,
        "line": none.line_id,
        "why": none.counts,
        "relaxations": [asdict(one) for one in none.relaxations],
        "together": none.together,
    }


def _document(chosen: "Selection", others: "tuple[Point, ...]", spent: float) -> dict[str, Any]:
    return {
        "feasible": True,
        "total_minor": chosen.total_minor,
        "freight_minor": chosen.freight_minor,
        "discount_minor": chosen.discount_minor,
        "bound_minor": chosen.bound_minor,
        "gap": chosen.gap,
        "proved": chosen.proved,
        "lead_time_h": chosen.lead_time_h,
        "risk_micro": chosen.risk_micro,
        "cpu_seconds": round(spent, 3),
        "lines": [
            {
                "line": one.line_id,
                "offer": one.candidate.offer_id,
                "supplier": one.candidate.supplier_id,
                "price_minor": one.total_minor,
                "lead_time_h": one.candidate.lead_time_h,
                "reason": one.reason,
                "runner_up": None if one.runner_up is None else asdict(one.runner_up),
                "bound_by": one.bound_by,
            }
            for one in chosen.choices
        ],
        "front": [
            {
                "total_minor": one.total_minor,
                "bound_minor": one.bound_minor,
                "lead_time_h": one.lead_time_h,
                "risk_micro": one.risk_micro,
                "offers": {line: offer.offer_id for line, offer in sorted(one.plan.items())},
            }
            for one in others
        ],
    }


def _table(problem: "Problem", chosen: "Selection", spent: float) -> list[str]:
    currency = problem.constraints.currency
    lines = [f"{'line':<16} {'supplier':<16} {'offer':<20} {'price':>14} {'hours':>6}  why"]
    for one in chosen.choices:
        kept = "" if one.bound_by is None else f"; the cheapest is out: {one.bound_by}"
        lines.append(
            f"{one.line_id:<16} {one.candidate.supplier_id:<16} {one.candidate.offer_id:<20} "
            f"{_spell(one.total_minor):>14} {one.candidate.lead_time_h:>6}  {one.reason}{kept}"
        )
    proof = "the cheapest, proved" if chosen.proved else f"at most {chosen.gap:.3%} above the cheapest"
    return [
        *lines,
        f"freight {_spell(chosen.freight_minor)}, discounts {_spell(chosen.discount_minor)} {currency}",
        f"total {_spell(chosen.total_minor)} {currency}, ready in {chosen.lead_time_h} h, risk {chosen.risk_micro}; "
        f"{proof} (no choice below {_spell(chosen.bound_minor)}), {spent:.2f} s of the processor",
    ]


def _front_table(others: "tuple[Point, ...]") -> list[str]:
    if not others:
        return []
    rows = [f"{_spell(one.total_minor):>14} {one.lead_time_h:>6} {one.risk_micro:>10}" for one in others]
    return [f"{'total':>14} {'hours':>6} {'risk':>10}", *rows]


def _spell(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"
