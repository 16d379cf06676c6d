"""Campaigns: houses one after the other, what they have shown, and the last line."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults import crash, pairs, postgres, upgrade
from tests.faults.controls import TEMPTATIONS, WEAKNESSES
from tests.faults.crash import Outcome
from tests.faults.kinds import kinds
from tests.faults.verdicts import Verdicts

RUNS_A_HOUSE = 1
"""Longer campaigns move to another house after each round: its chain stays short, and what was tried is remembered."""
PAIRS_A_HOUSE = 25
CONTROL_S = 60.0
CONTROL_KILLS = 8
CONTROL_PAIRS = 5
CONTROL_ORDERS = 3

Campaign = Callable[[Path], Awaitable[Outcome]]


def say(text: str) -> None:
    """To people; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


def run_crash(given: argparse.Namespace) -> int:
    """`crash`: the exit code."""
    if given.negative_control:
        return _controls(given, WEAKNESSES, _crash_control)
    plans = []
    for first in range(0, given.runs, RUNS_A_HOUSE):
        runs = min(RUNS_A_HOUSE, given.runs - first)
        plans.append(crash.Plan(given.db, given.seed + first, given.points, runs, most=given.most))
    total = _all(given, [(f"crash {plan}", partial(crash.crash, plan)) for plan in plans])
    return finish(given, total, 0 if total.good else 1)


def _crash_control(given: argparse.Namespace, name: str) -> Campaign:
    points = WEAKNESSES[name] if given.points == "all" else given.points
    runs = given.runs * CONTROL_KILLS
    return partial(crash.crash, crash.Plan(given.db, given.seed, points, runs, name, runs, CONTROL_S))


def run_pairs(given: argparse.Namespace) -> int:
    """`pairs`: the exit code."""
    if given.negative_control:
        return _controls(given, TEMPTATIONS, _pairs_control)
    runs = pairs.schedule(kinds(given.db, broker=bool(given.broker)), given.runs, given.seed)
    if given.schedule:
        print(pairs.as_words(runs))
        return 0
    plans = [pairs.Plan(given.db, given.seed, some, broker=given.broker) for some in _pieces(runs, PAIRS_A_HOUSE)]
    total = _all(given, [(f"pairs {plan}", partial(pairs.pairs, plan)) for plan in plans])
    return finish(given, total, 0 if total.good else 1)


def _pairs_control(given: argparse.Namespace, name: str) -> Campaign:
    """Without a depth: a fork that nobody notices must have had its effect."""
    runs = pairs.schedule(TEMPTATIONS[name], CONTROL_PAIRS, given.seed)
    return partial(pairs.pairs, pairs.Plan(given.db, given.seed, runs, name, 0, CONTROL_ORDERS))


def run_upgrade(given: argparse.Namespace) -> int:
    """`upgrade`: the exit code."""
    return _single(
        given,
        partial(upgrade.upgrade, upgrade.Plan(given.db, given.seed, given.orders, given.since, given.negative_control)),
    )


def run_postgres(given: argparse.Namespace) -> int:
    """`postgres`: the exit code."""
    return _single(given, partial(postgres.postgres, postgres.Plan(given.kills, given.seed, given.negative_control)))


def _single(given: argparse.Namespace, campaign: Callable[[Path], Awaitable[tuple[Outcome, dict[str, Any]]]]) -> int:
    """One house, and figures of its own."""
    told: dict[str, Any] = {}

    async def listening(folder: Path) -> Outcome:
        outcome, more = await campaign(folder)
        told.update(more)
        return outcome

    outcome = in_a_house(given, listening)
    tell(outcome)
    noticed = outcome.reckoning.lost or outcome.reckoning.double
    code = (1 if noticed else 3) if given.negative_control else (0 if outcome.good else 1)
    return finish(given, outcome, code, **told)


def _pieces(runs: Sequence[pairs.Run], size: int) -> Iterable[Sequence[pairs.Run]]:
    return [runs[first : first + size] for first in range(0, len(runs), size)]


def _all(given: argparse.Namespace, campaigns: Sequence[tuple[str, Campaign]]) -> Outcome:
    """Everything together; what is known already is not tried again."""
    total, verdicts = Outcome(), Verdicts(resume=given.resume)
    for name, campaign in campaigns:
        known = verdicts.get(name)
        outcome = Outcome.from_plain(known) if known else in_a_house(given, campaign)
        if outcome.good:
            verdicts.put(name, outcome.as_plain())
        total.add(outcome)
        tell(outcome)
    return total


def _controls(
    given: argparse.Namespace, all_names: Iterable[str], control: Callable[[argparse.Namespace, str], Campaign]
) -> int:
    """Every broken rule must be found: 1 says that they were, as for a broken marketplace; 3 that one was not."""
    names = list(all_names) if given.negative_control == "all" else [given.negative_control]
    total, unnoticed = Outcome(), []
    for name in names:
        outcome = in_a_house(given, control(given, name))
        say(f"{name}:")
        tell(outcome)
        if not (outcome.reckoning.lost or outcome.reckoning.double):
            unnoticed.append(name)
        total.add(outcome)
    return finish(given, total, 3 if unnoticed else 1, controls=names, unnoticed=unnoticed)


def in_a_house(given: argparse.Namespace, campaign: Campaign) -> Outcome:
    """Run a campaign in a folder that is gone afterwards, unless it is to be kept."""
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="lso-faults-", dir=given.keep))
    try:
        return asyncio.run(_awaited(campaign, folder))
    finally:
        if given.keep is None:
            with suppress(OSError):
                shutil.rmtree(folder)


async def _awaited(campaign: Campaign, folder: Path) -> Outcome:
    return await campaign(folder)


def tell(outcome: Outcome) -> None:
    """What one house has shown."""
    for line in (*outcome.reckoning.lines(), *(f"never passed again: {point}" for point in outcome.unreached))[:20]:
        say(f"  {line}")
    say("  " + ", ".join(f"{name} {value}" for name, value in outcome.figures().items()))


def finish(given: argparse.Namespace, total: Outcome, code: int, **more: object) -> int:
    """Print the last line; gives the exit code."""
    result = total.figures() | {"seed": given.seed, "db": given.db} | more
    print(json.dumps(result) if given.json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    return code
