"""One search over ten registries of which half are not well: how long it takes, before breakers open and after.

`python -m benchmarks.federation [--json] [--runs N]`. The registries live in another process, on loopback. Ends with 1
if an answer came after its deadline, missed an offer of a healthy registry, or did not name what failed.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

from benchmarks.federated.sources import EXPECTED, HEALTHY, expected_offers, gateways
from benchmarks.harness import Result
from matchmaking.efpf.answer import SearchAnswer
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.transport import open_http_client

REQUIREMENTS = (66, 75)
RUNS = 200
DEADLINE_S = 3.0
SHOWN = 5
TO_OPEN = 6
"""Searches after which every breaker of a failing source is open: five failures do it."""
QUESTION = SearchQuery(("urn:bench:base",))


class Wrong(Exception):
    """An answer was incomplete, or silent about a failure."""


def judge(answer: SearchAnswer, *, resting: bool) -> None:
    """Raises Wrong."""
    found = {offer.item_id for offer in answer.offers}
    if found != expected_offers() or len(found) != len(answer.offers):
        raise Wrong(f"{len(expected_offers() - found)} offers are missing: {answer.by_source}")
    told = {report.source_id.partition("/")[0]: report.error for report in answer.by_source}
    for name, error in EXPECTED.items():
        allowed = {error, "resting"} if resting else {error}
        if told.get(name) not in allowed:
            raise Wrong(f"{name} was told as {told.get(name)}, not as {error}")
    if any(told[name] for name in HEALTHY) or not answer.partial:
        raise Wrong(f"the healthy ones were told as {told}")


async def _timed(client: FederatedClient, wrong: list[str], *, resting: bool) -> float:
    """Milliseconds; what is wrong with the answer is added to `wrong`."""
    began = time.perf_counter()
    answer = await client.search(QUESTION)
    took_s = time.perf_counter() - began
    try:
        judge(answer, resting=resting)
    except Wrong as found:
        wrong.append(str(found))
    if took_s > DEADLINE_S:
        wrong.append(f"an answer took {took_s:.2f} s")
    return took_s * 1000


def _now() -> datetime:
    return datetime.now(UTC)


async def measure(ways: tuple[GatewayConfig, ...], runs: int, wrong: list[str]) -> Result:
    """Cold: a client that knows nothing, no breaker open. Open: one client, every breaker of the sick open.

    Whatever is not as it should be is added to `wrong`.
    """
    config = FederationConfig(ways)
    async with open_http_client() as http:
        alone = FederatedClient(FederationConfig(ways[:1]), http, clock=_now)
        await alone.search(QUESTION)
        one = [await _alone(alone) for _ in range(runs)]
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cold = [await _timed(FederatedClient(config, http, clock=_now), wrong, resting=False) for _ in range(runs)]
        client = FederatedClient(config, http, clock=_now)
        for _ in range(TO_OPEN):
            await _timed(client, wrong, resting=True)
        warm = [await _timed(client, wrong, resting=True) for _ in range(runs)]
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    figures = {"runs": float(runs), "rss_grown_mb": grown_kb / 1024, "load_average": os.getloadavg()[0]}
    figures["wrong_or_late"] = float(len(wrong))
    figures |= _spread("cold", cold) | _spread("open", warm)
    beside = _spread("one_healthy_source", one)
    return Result(
        figures,
        beside,
        {"deadline_ms": DEADLINE_S * 1000, "source_deadline_ms": 1500.0},
        {"open_p95_to_one_source_p95": figures["open_p95_ms"] / beside["one_healthy_source_p95_ms"]},
    )


async def _alone(client: FederatedClient) -> float:
    began = time.perf_counter()
    await client.search(QUESTION)
    return (time.perf_counter() - began) * 1000


def _spread(name: str, times_ms: list[float]) -> dict[str, float]:
    ordered = sorted(times_ms)
    p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    return {f"{name}_p50_ms": statistics.median(ordered), f"{name}_p95_ms": p95, f"{name}_max_ms": ordered[-1]}


@contextmanager
def _elsewhere() -> Iterator[dict[str, str]]:
    """The ten, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.federated.sources"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdin is not None
        assert serving.stdout is not None
        try:
            yield json.loads(serving.stdout.readline())
        finally:
            serving.stdin.close()


def main() -> int:
    """Print the figures; 1 where an answer was wrong or late."""
    parser = argparse.ArgumentParser(prog="benchmarks.federation")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--runs", type=int, default=RUNS, help="searches of each kind")
    options = parser.parse_args()
    wrong: list[str] = []
    with _elsewhere() as addresses:
        result = asyncio.run(measure(gateways(addresses), options.runs, wrong))
    for words in wrong[:SHOWN]:
        sys.stderr.write(f"benchmarks.federation: {words[:300]}\n")
    if not options.json:
        for kind, values in asdict(result).items():
            for key, value in values.items():
                print(f"{kind:<8} {key:<36} {value:>14,.2f}")
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    print(json.dumps({"benchmark": "federation", **asdict(result), "machine": machine}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
