"""Whole orders a second, placed to settled, and POST /v1/orders beside a bare insert: every ratio from one run.

`python -m benchmarks.orders [--json] [--orders N] [--only SETUP …]` starts real processes, on a database, a broker and
a chain of its own: SQLite and the devchain; PostgreSQL, RabbitMQ and Anvil with one worker and with two.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.harness import Result
from benchmarks.order_flow import posting, whole
from benchmarks.order_flow.posting import Posting
from benchmarks.order_flow.premises import Setup
from benchmarks.order_flow.whole import Stuck, Whole

REQUIREMENTS = (158, 164, 176)
SETUPS: Final = (
    Setup("sqlite_devchain", "sqlite", 1),
    Setup("postgres_anvil_1_worker", "postgres", 1),
    Setup("postgres_anvil_2_workers", "postgres", 2),
)
TARGETS: Final = {"post_ratio": 0.6, "p99_ratio": 2.0, "confirmed_per_s": 20.0, "settled_per_s": 5.0}
"""What we aim at: at least, but for `p99_ratio`, which is at most."""
CORES: Final = os.cpu_count() or 1


def result_of(posts: dict[str, Posting], wholes: dict[str, Whole]) -> Result:
    """Everything under flat names, that of the set-up or of the database first."""
    result = Result({}, {}, {}, {})
    for name, post in posts.items():
        ours = {
            "post_per_s": post.per_s,
            "post_p50_ms": post.p50_ms,
            "post_p99_ms": post.p99_ms,
            "post_cpu_ms": post.cpu_ms,
        }
        bare = {"post_per_s": post.bare_per_s, "post_p50_ms": post.bare_p50_ms, "post_p99_ms": post.bare_p99_ms}
        bare["post_cpu_ms"] = post.bare_cpu_ms
        result.figures.update({f"{name}_{key}": value for key, value in ours.items()})
        result.beside.update({f"{name}_bare_{key}": value for key, value in bare.items()})
        result.ratios.update(
            {
                f"{name}_post": post.ratio,
                f"{name}_p99": post.p99_ratio,
                f"{name}_post_cpu": post.bare_cpu_ms / post.cpu_ms,
            }
        )
    for name, run in wholes.items():
        cpu = {f"cpu_ms_per_order_{process}": spent for process, spent in run.cpu_ms_per_order.items()}
        others = ("presigned_per_s", "cpu_ms_per_order")
        own = {key: float(value) for key, value in asdict(run).items() if key not in others} | cpu
        result.figures.update({f"{name}_{key}": value for key, value in own.items()})
        result.beside[f"{name}_presigned_per_s"] = run.presigned_per_s
        # What these cores could do if nobody else used them, nobody waited, and PostgreSQL cost nothing.
        result.bounds[f"{name}_orders_per_s"] = CORES * 1000 / sum(run.cpu_ms_per_order.values())
        result.ratios[f"{name}_chain"] = run.chain_ratio
    return result


def by_setup(posts: dict[str, Posting], wholes: dict[str, Whole]) -> dict[str, dict[str, float]]:
    """The four figures that people compare, by set-up. The number of workers does not matter to POST."""
    databases = {setup.name: setup.database for setup in SETUPS}
    return {
        name: {
            "orders_per_s": run.settled_per_s,
            "post_ratio": posts[databases[name]].ratio,
            "p99_ratio": posts[databases[name]].p99_ratio,
            "chain_ratio": run.chain_ratio,
        }
        for name, run in wholes.items()
        if databases[name] in posts
    }


async def measure(options: argparse.Namespace) -> tuple[dict[str, Posting], dict[str, Whole], dict[str, str]]:
    """First the POST, then whole orders, one set-up after the other; and where orders hung, in words."""
    setups = [setup for setup in SETUPS if not options.only or setup.name in options.only]
    posts: dict[str, Posting] = {}
    wholes: dict[str, Whole] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="lso-bench-", ignore_cleanup_errors=True) as scratch:
        folder = (options.data or Path(scratch)).resolve()
        for setup in setups:
            if setup.database not in posts and options.rounds:
                _say(f"POST /v1/orders on {setup.database}")
                posts[setup.database] = await posting.measure(
                    folder / f"post-{setup.database}",
                    setup,
                    rounds=options.rounds,
                    requests=options.requests,
                    connections=options.connections,
                )
        for setup in setups:
            number = options.orders or (40 if setup.database == "sqlite" else 100)
            if not options.post_only:
                _say(f"{number} whole orders on {setup.name}")
                try:
                    wholes[setup.name] = await whole.measure(
                        folder / setup.name, setup, orders=number, presigned=options.presigned, phones=options.phones
                    )
                except Stuck as stuck:  # the figures of the others are worth keeping
                    failed[setup.name] = str(stuck)
                    _say(f"{setup.name}: {stuck}")
    return posts, wholes, failed


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.orders", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--orders", type=int, default=0, help="whole orders of each set-up (40 on SQLite, else 100)")
    parser.add_argument("--only", action="append", choices=[setup.name for setup in SETUPS], help="only this set-up")
    parser.add_argument("--post-only", action="store_true", help="no whole orders")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of POST; 0 for none (7)")
    parser.add_argument("--requests", type=int, default=400, help="requests in a round (400)")
    parser.add_argument("--connections", type=int, default=16, help="customers who POST at once (16)")
    parser.add_argument("--presigned", type=int, default=200, help="transactions signed in advance (200)")
    parser.add_argument("--phones", action="store_true", help="customers' phones hear pushes")
    parser.add_argument("--data", type=Path, help="a new folder that keeps databases and logs")
    options = parser.parse_args(arguments)
    options.quiet = options.json
    load = os.getloadavg()[0]
    posts, wholes, failed = asyncio.run(measure(options))
    result = result_of(posts, wholes)
    if not options.json:
        for kind, values in asdict(result).items():
            for key, value in values.items():
                print(f"{kind:<8} {key:<56} {value:>14,.2f}")
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": CORES, "load_before": load}
    shown = {"benchmark": "orders", **asdict(result), "setups": by_setup(posts, wholes), "machine": machine}
    print(json.dumps(shown | {"failed": failed}))
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
