"""`python -m tests.faults reorg`: hundreds of random forks of a real chain, and what was taken for final."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.faults.reorgs import A_HOUSE, Outcome, run
from tests.faults.verdicts import Verdicts

EXAMPLES = """Examples:
  python -m tests.faults reorg --schedules 500 --seed 1 --db sqlite --json
  python -m tests.faults reorg --schedules 60 --depth 2 --deeper 6 --db postgres --json
  python -m tests.faults reorg --schedules 4 --negative-control --json"""
CONTROL_POLICY = 1
"""Blocks that the marketplace of the negative control waits for, whatever the forks' depth."""


def options(command: argparse.ArgumentParser) -> None:
    """What this command understands beside --db, --seed, --json, --keep and --resume."""
    command.add_argument("--schedules", type=int, default=20, help="random schedules (default: 20)")
    command.add_argument("--depth", type=int, default=4, help="confirmations, and the deepest fork (default: 4)")
    command.add_argument("--deeper", type=int, default=0, help="forks reach so much deeper, and must all be noticed")
    command.add_argument(
        "--negative-control",
        action="store_true",
        help=f"a marketplace that waits for {CONTROL_POLICY} block: must be found, so the exit code must not be 0",
    )


def run_reorg(given: argparse.Namespace) -> int:
    """0: everything as it must be. 1: something false was final, or unseen. 3: the control was not found."""
    total, verdicts = Outcome(), Verdicts(resume=given.resume)
    policy = CONTROL_POLICY if given.negative_control else None
    for first in range(0, given.schedules, A_HOUSE):
        count = min(A_HOUSE, given.schedules - first)
        name = f"reorg {given.db} {given.seed + first} {count} {given.depth} {given.deeper} {policy}"
        known = verdicts.get(name)
        outcome = Outcome(**known) if known else _campaign(given, given.seed + first, count, policy)
        if outcome.good(deeper=given.deeper > 0) and policy is None:
            verdicts.put(name, vars(outcome))
        total.add(outcome)
        _say(f"{total.schedules} schedules, {total.forks} forks, {total.false_finals} false, {total.deep} deep")
    for words in total.violations[:20]:
        _say(words)
    good = total.good(deeper=given.deeper > 0)
    result = total.figures() | {"seed": given.seed, "db": given.db, "depth": given.depth, "good": good}
    print(json.dumps(result) if given.json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    if given.negative_control:
        return 1 if total.false_finals else 3
    return 0 if good else 1


def _campaign(given: argparse.Namespace, seed: int, count: int, policy: int | None) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="lso-reorgs-")) if given.keep is None else given.keep
    try:
        campaign = partial(run, schedules=count, seed=seed, depth=given.depth, deeper=given.deeper, db=given.db)
        return asyncio.run(campaign(folder, policy=policy, keep=given.keep is not None))
    finally:
        if given.keep is None:
            with suppress(OSError):
                shutil.rmtree(folder)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
