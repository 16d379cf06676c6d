"""The benchmark of the way to the phone: its figures are what they say, each aim can be missed, and it runs small."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks import live
from benchmarks.live_flow.phones import Phones, follow
from benchmarks.live_flow.run import Run, mark_of, percentile_ms

RUN = Run(
    phones=3,
    orders=2,
    events=4,
    sent=[0.1, 0.2, 0.3, 0.4],
    recorded=[0.6, 0.7, 0.8, 0.9],
    upload=[0.01, 0.02],
    alone_sent=[0.1, 0.2],
    alone_recorded=[0.6, 0.7],
    page_sent=[0.5],
    restarts=2,
    events_around_restarts=8,
)


def test_the_figures_are_what_they_say() -> None:
    result = live.result_of(RUN)
    figures = {name: round(value, 6) for name, value in result.figures.items()}
    assert (figures["p50_ms"], figures["p95_ms"], figures["phones"]) == (200, 400, 3)
    assert (figures["recorded_p95_ms"], figures["upload_p95_ms"], figures["browser_p95_ms"]) == (900, 20, 500)
    assert result.ratios == {"p95_to_one_phone": 2.0}
    assert live.missed(result) == []


def test_without_a_page_its_figure_is_left_out() -> None:
    assert "browser_p95_ms" not in live.result_of(replace(RUN, page_sent=[], no_page="none here")).figures


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sent": [1.1] * 4}, "p95_ms"),
        ({"recorded": [1.1] * 4}, "recorded_p95_ms"),
        ({"page_sent": [1.1]}, "browser_p95_ms"),
        ({"lost": 1}, "lost"),
        ({"twice": 1}, "twice"),
    ],
)
def test_each_aim_can_be_missed(change: dict[str, object], named: str) -> None:
    (told,) = live.missed(live.result_of(replace(RUN, **change)))  # type: ignore[arg-type]
    assert told.startswith(named)


def test_a_percentile_is_one_that_was_measured() -> None:
    assert percentile_ms([0.004, 0.001, 0.003, 0.002], 50) == 2.0
    with pytest.raises(ValueError, match="nothing was heard"):
        percentile_ms([], 50)


def test_a_mark_is_the_step_in_an_entry() -> None:
    assert mark_of("Bases: s17") == "s17"


async def test_a_phone_comes_back_with_what_it_heard_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.live_flow.phones.COME_BACK_S", 0.01)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["Last-Event-ID"])
        if len(asked) == 2:
            return httpx.Response(503)
        return httpx.Response(200, text=f'id: 1\ndata: {{"id": {len(asked) + 6}, "title": "Bases: s1"}}\n\n')

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://api") as http:
        task = asyncio.create_task(follow(http, "ord_1", "token", 5, 3))
        async with asyncio.timeout(5):
            while len(asked) < 4:  # noqa: ASYNC110 - the phone tells nobody
                await asyncio.sleep(0.01)
        task.cancel()
    assert asked[:4] == ["5", "7", "7", "9"]
    held = Phones()
    for line in capsys.readouterr().out.splitlines()[:4]:
        held.take(line.encode())
    assert [(item.phone, item.id) for item in held.heard] == [(3, 7), (3, 9)]
    assert held.opened == {3: 2}


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.req(88, 159)
def test_few_phones_hear_few_events_and_lose_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = live.main(
        ["--json", "--phones", "6", "--orders", "2", "--events", "12", "--alone", "3", "--data", str(tmp_path / "run")]
    )
    shown = json.loads(capsys.readouterr().out)
    assert (shown["lost"], shown["twice"], shown["restarts"]) == (0, 0, 2)
    assert shown["heard"] > 0
    assert code == bool(shown["missed"])
