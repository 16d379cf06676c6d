"""Ten registries of which half are not well: the answer is whole, in time, and names each that failed."""

import asyncio
import time
from dataclasses import replace

import pytest

from benchmarks.federated.sources import EXPECTED, expected_offers, gateways, ten_sources
from benchmarks.federation import DEADLINE_S, QUESTION, TO_OPEN, Wrong, _spread, judge
from matchmaking.efpf.answer import SearchAnswer
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.patience import Patience
from matchmaking.efpf.transport import open_http_client
from tests.matchmaking.integration.servers import wall_clock


async def answers(times: int) -> list[tuple[SearchAnswer, float]]:
    """Searches one after the other with one client, and how long each took."""
    found = []
    async with ten_sources() as addresses, open_http_client() as http:
        client = FederatedClient(FederationConfig(gateways(addresses)), http, clock=wall_clock)
        for _ in range(times):
            began = time.perf_counter()
            found.append((await client.search(QUESTION), time.perf_counter() - began))
    return found


@pytest.mark.integration
@pytest.mark.req(66, 75)
async def test_ten_registries_of_which_half_are_not_well() -> None:
    found = await answers(TO_OPEN + 1)
    for number, (answer, took_s) in enumerate(found):
        judge(answer, resting=number > 0)
        assert took_s <= DEADLINE_S
    first, last = found[0][0], found[-1][0]
    assert (first.sources.total, first.sources.ok, first.sources.failed, first.sources.timed_out) == (10, 6, 3, 1)
    assert {report.error for report in last.by_source if report.status == "skipped"} == {"resting"}
    assert last.sources.skipped == 4  # the liar is heard: what it gives is good, its count is not
    assert found[-1][1] < found[0][1]  # nobody waits for the slow one any more


@pytest.mark.integration
async def test_without_a_deadline_the_slow_one_would_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the deadline is what keeps the answer in time."""

    async def patient(_self: Patience, _source: str, work: object) -> object:
        return await work  # type: ignore[misc]

    monkeypatch.setattr(Patience, "within", patient)
    async with ten_sources() as addresses, open_http_client() as http:
        config = FederationConfig(gateways({"slow": addresses["slow"]}), deadline_s=60, source_deadline_s=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                await FederatedClient(config, http, clock=wall_clock).search(QUESTION)


@pytest.mark.integration
async def test_the_judge_sees_what_is_wrong() -> None:
    (answer, _), *_ = await answers(1)
    judge(answer, resting=False)
    silent = tuple(replace(report, error=None) for report in answer.by_source)
    with pytest.raises(Wrong, match="was told as None"):
        judge(replace(answer, by_source=silent), resting=False)
    with pytest.raises(Wrong, match="missing"):
        judge(replace(answer, offers=answer.offers[1:]), resting=False)
    with pytest.raises(Wrong, match="missing"):
        judge(replace(answer, offers=(*answer.offers, answer.offers[0])), resting=False)
    assert len(expected_offers()) == len(answer.offers) == 70
    assert len(EXPECTED) == 5


def test_the_spread_is_what_it_says() -> None:
    assert _spread("x", [float(n) for n in range(1, 101)]) == {"x_p50_ms": 50.5, "x_p95_ms": 95.0, "x_max_ms": 100.0}
