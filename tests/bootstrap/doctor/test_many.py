"""Many orders: the time grows with them, the memory does not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.bootstrap.doctor.many import TOPICS, prepare
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.views import TrueNode

LONGEST_S = 600


def looked_at(folder: Path, situation: Situation, node: TrueNode, count: int) -> dict[str, Any]:
    """The figures of an examination in a process of its own."""
    logs = node.answer("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest", "topics": [sorted(TOPICS)]}])
    described = prepare(folder, situation, logs, count)
    told = subprocess.run(
        [sys.executable, "-m", "tests.bootstrap.doctor.many", str(described)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=True,
    )
    figures: dict[str, Any] = json.loads(told.stdout)
    return figures


def test_a_hundred_orders_are_sound(tmp_path: Path, situation: Situation, node: TrueNode) -> None:
    figures = looked_at(tmp_path, situation, node, 100)
    assert (figures["exit"], figures["orders"], figures["findings"]) == (0, 100, [])
    assert figures["events"] > 2_000


@pytest.mark.nightly
def test_memory_does_not_grow_with_the_orders(tmp_path: Path, situation: Situation, node: TrueNode) -> None:
    few, many = (looked_at(tmp_path, situation, node, count) for count in (1_000, 4_000))
    assert few["exit"] == many["exit"] == 0
    # The temporary file has a cache of 32 MB, which the smaller one may not have filled yet.
    assert many["peak_mb"] < few["peak_mb"] + 50, (few, many)
    assert many["seconds"] < 8 * few["seconds"], (few, many)
