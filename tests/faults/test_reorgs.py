"""Forks of a real chain under a marketplace at work; hundreds of schedules at night, a handful in every run."""

import argparse
import json
import logging
from pathlib import Path

import pytest

from marketplace.application import chain_sync
from tests.faults.reorg_command import options, run_reorg
from tests.faults.reorgs import Outcome, run
from tests.support import require_server
from tests.tooling.foundry import ForgeError, binary

pytestmark = pytest.mark.integration

SEED = 2_026
DEPTH = 4


@pytest.fixture(autouse=True)
def _node(monkeypatch: pytest.MonkeyPatch) -> None:
    """There must be an Anvil. Its forks are told by the hundred: nobody reads that."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    monkeypatch.setattr(logging.getLogger("marketplace.application.chain_sync"), "disabled", True)


@pytest.mark.req(80)
async def test_forks_as_deep_as_the_policy_make_no_false_final(tmp_path: Path) -> None:
    found = await run(tmp_path, schedules=14, seed=SEED, depth=DEPTH)
    assert found.good(deeper=False), found.figures()
    assert (found.schedules, found.false_finals) == (14, 0)
    assert found.forks >= 14
    assert found.finals >= 14 * 5


async def test_deeper_forks_are_noticed_every_time(tmp_path: Path) -> None:
    found = await run(tmp_path, schedules=5, seed=SEED + 1, depth=2, deeper=6)
    assert found.good(deeper=True), found.figures()
    assert found.deep >= 5
    assert found.frozen >= 5
    assert found.thawed_alone + found.thawed_by_word == found.frozen


def test_the_command_tells_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the negative control too: it must be found, and that is no success."""
    parser = argparse.ArgumentParser()
    options(parser)
    common = {"db": "sqlite", "seed": SEED, "json": True, "keep": None, "resume": False}
    codes = []
    for arguments in (["--schedules", "1"], ["--schedules", "3", "--depth", "6", "--negative-control"]):
        codes.append(run_reorg(parser.parse_args(arguments, argparse.Namespace(**common))))
    good, bad = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert codes == [0, 1]
    assert (good["schedules"], good["false_finals"], good["good"]) == (1, 0, True)
    assert bad["false_finals"] > 0


async def test_a_reader_that_never_walks_back_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what was read is never looked at again."""

    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(chain_sync, "has_forked", never)
    found = await run(tmp_path, schedules=1, seed=SEED, depth=DEPTH)
    assert found.violations
    assert not found.good(deeper=False)


async def test_a_reader_that_freezes_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: deep forks pass in silence."""

    async def nothing(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(chain_sync, "freeze_orders", nothing)
    found = await run(tmp_path, schedules=1, seed=SEED + 1, depth=2, deeper=6)
    assert found.unnoticed > 0
    assert not found.good(deeper=True)


async def test_the_same_seed_gives_the_same_schedules(tmp_path: Path) -> None:
    def shape(found: Outcome) -> tuple[int, ...]:
        return found.forks, found.deepest, found.finals, found.deep

    first, second = [await run(tmp_path / name, schedules=1, seed=SEED, depth=DEPTH) for name in "ab"]
    assert shape(first) == shape(second)
    assert first.forks > 0


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("schedules", "depth", "deeper", "db"),
    [(500, 4, 0, "sqlite"), (60, 12, 0, "postgres"), (60, 2, 6, "sqlite"), (20, 2, 6, "postgres")],
)
async def test_many_schedules(tmp_path: Path, schedules: int, depth: int, deeper: int, db: str) -> None:
    found = await run(tmp_path, schedules=schedules, seed=SEED, depth=depth, deeper=deeper, db=db, say=print)
    print(found.figures())
    assert found.good(deeper=deeper > 0), found.figures()
