"""`python -m tests.faults`: what the laboratory can do, from the command line.

The last line of `--json` is one object. The exit code is 0 only when everything was tried and nothing was found.
"""

import argparse
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults import campaigns, reorg_command, restoring
from tests.faults.controls import TEMPTATIONS, WEAKNESSES

EXAMPLES = """Examples:
  python -m tests.faults crash --points all --runs 10 --db sqlite --json
  python -m tests.faults pairs --runs 200 --seed 1 --db postgres --json
  python -m tests.faults reorg --schedules 500 --json
  python -m tests.faults crash --negative-control --json"""
OF_CRASH = """Examples:
  python -m tests.faults crash --points all --runs 10 --db postgres --json
  python -m tests.faults crash --points 'commit(chain_transactions' --runs 20
  python -m tests.faults crash --negative-control send-then-record --json"""
OF_PAIRS = """Examples:
  python -m tests.faults pairs --runs 200 --seed 1 --json
  python -m tests.faults pairs --runs 200 --seed 1 --schedule
  python -m tests.faults pairs --runs 40 --db postgres --broker amqp://guest:guest@127.0.0.1:5672/
  python -m tests.faults pairs --negative-control blind-to-forks --json"""

OF_UPGRADE = """Examples:
  python -m tests.faults upgrade --orders 2000 --json
  python -m tests.faults upgrade --orders 50 --db postgres --since v0.1.0"""
OF_POSTGRES = """Examples:
  python -m tests.faults postgres --kills 3 --json"""


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    given = _parser().parse_args(arguments)
    # Told to end, it still ends its processes and drops its databases.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    campaigns.say(f"seed {given.seed}")
    run: Callable[[argparse.Namespace], int] = given.run
    try:
        return run(given)
    except (ValueError, LookupError) as refused:
        campaigns.say(str(refused))
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Break the marketplace in every way we know, then compare database and chain.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    crash = _command(commands, "crash", "kill -9 the worker at every point that an order passes", OF_CRASH)
    crash.add_argument("--points", default="all", help="all, or a part of the names (default: all)")
    crash.add_argument("--runs", type=int, default=1, help="kills at each point (default: 1)")
    crash.add_argument("--most", type=int, default=0, help="no more kills than this")
    _control(crash, list(WEAKNESSES))
    crash.set_defaults(run=campaigns.run_crash)
    pairs = _command(commands, "pairs", "two faults at once, every pair of kinds", OF_PAIRS)
    pairs.add_argument("--runs", type=int, default=20, help="pairs of faults (default: 20)")
    pairs.add_argument("--schedule", action="store_true", help="only print what would happen")
    pairs.add_argument("--broker", default="", help="an AMQP address: with a broker, and with what happens to one")
    _control(pairs, list(TEMPTATIONS))
    pairs.set_defaults(run=campaigns.run_pairs)
    reorg = _command(
        commands, "reorg", "random forks of the chain, and what was taken for final", reorg_command.EXAMPLES
    )
    reorg_command.options(reorg)
    reorg.set_defaults(run=reorg_command.run_reorg)
    upgrade = _command(commands, "upgrade", "orders wait for a signature while the version changes", OF_UPGRADE)
    upgrade.add_argument("--orders", type=int, default=2000, help="orders that wait (default: 2000)")
    upgrade.add_argument("--since", default="", help="the old version (default: the last one with the first tables)")
    _broken(upgrade, "a migration that forgets some of those who were asked to sign")
    upgrade.set_defaults(run=campaigns.run_upgrade)
    postgres = _command(commands, "postgres", "kill -9 a PostgreSQL server of our own under load", OF_POSTGRES)
    postgres.add_argument("--kills", type=int, default=3, help="kills of the server (default: 3)")
    _broken(postgres, 'a server that says "committed" before it has written it down')
    postgres.set_defaults(run=campaigns.run_postgres, db="postgres")
    restore = _command(commands, "restore", "back from a backup, with payments made since", restoring.EXAMPLES)
    restoring.options(restore)
    restore.set_defaults(run=restoring.run_restore)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, what: str, examples: str
) -> argparse.ArgumentParser:
    """A command with what every one of them understands."""
    command = commands.add_parser(
        name, help=what, description=what, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=examples
    )
    command.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    command.add_argument("--seed", type=int, default=secrets.randbits(31), help="the same seed, the same schedule")
    command.add_argument("--json", action="store_true", help="one JSON object as the last line")
    command.add_argument("--keep", type=Path, help="keep logs and databases in this folder")
    command.add_argument("--resume", action="store_true", help="go on where an earlier run of this code ended")
    return command


def _broken(command: argparse.ArgumentParser, what: str) -> None:
    """A negative control that has no variants."""
    command.add_argument(
        "--negative-control", action="store_true", help=f"{what}: must be found, so the exit code must not be 0"
    )


def _control(command: argparse.ArgumentParser, names: list[str]) -> None:
    command.add_argument(
        "--negative-control",
        nargs="?",
        const="all",
        default="",
        choices=("all", *names),
        help="a worker with one rule of the house broken: must be found, so the exit code must not be 0",
    )


if __name__ == "__main__":
    sys.exit(main())
