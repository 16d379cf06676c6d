"""From the shop floor to the phone: how long until an entry is there, with many phones; and does any phone miss one?

`python -m benchmarks.live [--json] [--phones N] [--db postgres]` starts real processes. A gateway records, signs and
uploads what its machine does, as the product's own does; phones follow orders of many customers by SSE in processes of
their own, one of them is a page in Chromium. Then the API is ended and started again, once told to and once killed,
while machines go on. Ends with 1 where an aim was missed.
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
from benchmarks.live_flow.run import Run, measure, percentile_ms
from benchmarks.order_flow.premises import Setup
from mobile_api.live import POLL_S

REQUIREMENTS = (88, 159)
SETUPS: Final = {
    "sqlite": Setup("sqlite_devchain", "sqlite", 1),
    "postgres": Setup("postgres_anvil_1_worker", "postgres", 1),
}
MOST_MS: Final = 1000.0
PHONES, ORDERS, EVENTS, ALONE = 200, 40, 240, 20


def result_of(run: Run) -> Result:
    """Milliseconds from the upload's first byte to the phone; `recorded_…` from the gateway's own record on."""
    figures = {
        "phones": float(run.phones),
        "orders": float(run.orders),
        "events": float(run.events),
        "heard": float(len(run.sent)),
        **_spread("", run.sent),
        **_spread("recorded_", run.recorded),
        **_spread("upload_", run.upload),
    }
    if run.page_sent:
        figures |= _spread("browser_", run.page_sent) | {"browser_entries": float(len(run.page_sent))}
    figures |= {
        "restarts": float(run.restarts),
        "events_around_restarts": float(run.events_around_restarts),
        "lost": float(run.lost),
        "twice": float(run.twice),
        "load_average": run.load_average,
    }
    beside = _spread("one_phone_", run.alone_sent) | _spread("one_phone_recorded_", run.alone_recorded)
    bounds = {"p95_ms_most": MOST_MS, "tailer_poll_ms": POLL_S * 1000}
    return Result(figures, beside, bounds, {"p95_to_one_phone": figures["p95_ms"] / beside["one_phone_p95_ms"]})


def _spread(name: str, values_s: Sequence[float]) -> dict[str, float]:
    return {f"{name}p{percent}_ms": percentile_ms(values_s, percent) for percent in (50, 95)}


def missed(result: Result) -> list[str]:
    """Which aims were missed, in words."""
    late = [
        f"{name} is {result.figures[name]:.0f}, and at most {MOST_MS:.0f} is wanted"
        for name in ("p95_ms", "browser_p95_ms", "recorded_p95_ms")
        if result.figures.get(name, 0.0) > MOST_MS
    ]
    return late + [
        f"{name} is {result.figures[name]:.0f}: phones must hear every entry once"
        for name in ("lost", "twice")
        if result.figures[name]
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; ends with 1 where an aim was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--phones", type=int, default=PHONES, help=f"that watch at once ({PHONES})")
    parser.add_argument("--orders", type=int, default=ORDERS, help=f"that they watch ({ORDERS})")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"of machines while all watch ({EVENTS})")
    parser.add_argument("--alone", type=int, default=ALONE, help=f"events that one phone hears alone ({ALONE})")
    parser.add_argument("--db", choices=SETUPS, default="sqlite", help="SQLite with the devchain, or PostgreSQL, Anvil")
    parser.add_argument("--data", type=Path, help="a new folder that keeps database and logs")
    options = parser.parse_args(arguments)
    setup = SETUPS[options.db]
    with tempfile.TemporaryDirectory(prefix="lso-live-", ignore_cleanup_errors=True) as scratch:
        run = asyncio.run(
            measure(
                (options.data or Path(scratch) / "run").resolve(),
                setup,
                phones=options.phones,
                orders=options.orders,
                events=options.events,
                alone=options.alone,
                say=_say,
            )
        )
    result = result_of(run)
    if not options.json:
        for kind, values in asdict(result).items():
            for key, value in values.items():
                print(f"{kind:<8} {key:<44} {value:>14,.1f}")
    told = missed(result)
    for line in told:
        _say(line)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    skipped = {"browser": run.no_page} if run.no_page else {}
    shown = {"benchmark": "live", **asdict(result), **result.figures, "setup": setup.name, "machine": machine}
    print(json.dumps(shown | {"skipped": skipped, "missed": told}))
    return 1 if told else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
