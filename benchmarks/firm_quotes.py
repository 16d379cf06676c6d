"""Firm quotes to their end: do they open on chain at the price and the day that were signed, whoever says no?

`python -m benchmarks.firm_quotes [--json] [--orders N] [--db postgres]` sends orders through real processes; a fifth of
the suppliers that are asked decline or are silent, some want more, all others answer through signers of their own. What
was opened is read from the chain and compared with what was signed; the projection is not asked.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.firm_flow.market import Run, Say, open_market
from benchmarks.firm_flow.opened import is_as_signed, supplies_units
from benchmarks.firm_flow.suppliers import Mood
from benchmarks.harness import Result
from benchmarks.order_flow.premises import Setup

REQUIREMENTS = (47, 71, 78)
SETUPS: Final = {
    "sqlite": Setup("sqlite_devchain", "sqlite", 1),
    "postgres": Setup("postgres_anvil_1_worker", "postgres", 1),
}
LEAST_RATIO: Final = 0.98
MOST_TO_OPEN_S: Final = 60.0
MINUTES: Final = 20.0
"""No order is placed later: a busy machine ends too, with fewer of them."""


def result_of(run: Run, wrong: dict[str, str]) -> Result:
    """The figures; amounts are cents of all opened orders together."""
    opened = [quote for quote in run.quotes if quote.order not in wrong]
    unit = int(next(iter(run.found.values())).terms["unit"]) if run.found else 1
    firm = len(run.quotes)
    asked = sum(run.moods.values())
    figures = {
        "orders": float(run.orders),
        "firm_quotes": float(firm),
        "opened_at_signed": float(len(opened)),
        "confirm_to_open_p50_s": percentile(run.to_open_s, 50),
        "confirm_to_open_p95_s": percentile(run.to_open_s, 95),
        "placed_to_firm_p50_s": percentile(run.to_firm_s, 50),
        "placed_to_firm_p95_s": percentile(run.to_firm_s, 95),
        "own_money_locked_with_advance_minor": run.own_units / unit,
        "own_money_locked_without_advance_minor": supplies_units(run.found, opened) / unit,
        "suppliers_asked": float(asked),
        "declined": float(run.moods[Mood.DECLINED]),
        "silent": float(run.moods[Mood.SILENT]),
        "countered": float(run.moods[Mood.COUNTERED] + run.moods[Mood.COUNTERED_TOO_MUCH]),
        "countered_too_much": float(run.moods[Mood.COUNTERED_TOO_MUCH]),
        "orders_per_s": run.orders / run.seconds if run.seconds else 0.0,
        "load_average": run.load_average,
    }
    ratios = {
        "opened_ratio": len(opened) / firm if firm else 0.0,
        "firm_ratio": firm / run.orders if run.orders else 0.0,
        "declined_or_silent": (run.moods[Mood.DECLINED] + run.moods[Mood.SILENT]) / asked if asked else 0.0,
    }
    bounds = {"opened_ratio_least": LEAST_RATIO, "confirm_to_open_p95_s_most": MOST_TO_OPEN_S}
    # Without a next in rank, an order would be lost with the first no of one of its two suppliers.
    no = ratios["declined_or_silent"]
    return Result(figures, {"firm_ratio_without_a_bench": (1 - no) ** 2}, bounds, ratios)


def missed(result: Result) -> list[str]:
    """Which aims were missed, in words."""
    found = [
        f"{name} is {result.ratios[name]:.3f}, and at least {LEAST_RATIO} are wanted"
        for name in ("opened_ratio", "firm_ratio")
        if result.ratios[name] < LEAST_RATIO
    ]
    p95 = result.figures["confirm_to_open_p95_s"]
    return found if p95 <= MOST_TO_OPEN_S else [*found, f"confirm to open takes {p95:.1f} s at p95"]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many of a hundred stay under; 0 where there is none, which no aim is missed by."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else 0.0


async def measure(
    setup: Setup,
    folder: Path,
    *,
    orders: int,
    seed: int,
    minutes: float,
    say: Say,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """One run; `environment` is what every process of the platform finds beside its own."""
    async with open_market(folder, setup, orders=orders, seed=seed, environment=environment) as market:
        say(f"{len(market.signers)} signers and {len(market.customers)} customers are there")
        return await market.take(orders, asyncio.get_running_loop().time() + minutes * 60, say)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; ends with 1 where an aim was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.firm_quotes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--orders", type=int, default=500, help="how many (500)")
    parser.add_argument("--db", choices=SETUPS, default="sqlite", help="SQLite with the devchain, or PostgreSQL, Anvil")
    parser.add_argument("--seed", type=int, default=7, help="who is in which mood (7)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"no order is placed later ({MINUTES:g})")
    parser.add_argument("--data", type=Path, help="a new folder that keeps database, logs and what signers signed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lso-firm-", ignore_cleanup_errors=True) as scratch:
        folder = (options.data or Path(scratch) / "run").resolve()
        setup = SETUPS[options.db]
        run = asyncio.run(
            measure(setup, folder, orders=options.orders, seed=options.seed, minutes=options.minutes, say=_say)
        )
        wrong = judged(run)
        result = result_of(run, wrong)
    if not options.json:
        for kind, values in asdict(result).items():
            for key, value in values.items():
                print(f"{kind:<8} {key:<44} {value:>14,.3f}")
    told = missed(result)
    for line in [*told, *(f"{order}: {why}" for order, why in list(wrong.items())[:10])]:
        _say(line)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    flat = result.figures | result.ratios
    shown = {"benchmark": "firm_quotes", **asdict(result), **flat, "setup": setup.name, "machine": machine}
    print(json.dumps(shown | {"given_up": dict(run.given_up), "missed": told}))
    return 1 if told else 0


def judged(run: Run) -> dict[str, str]:
    """Order → what is wrong with its opening."""
    verdicts = {quote.order: is_as_signed(quote, run.found, run.promised) for quote in run.quotes}
    return {order: why for order, why in verdicts.items() if why is not None}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
