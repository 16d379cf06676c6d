"""The story on a chain that is not ours: contracts on Anvil, the order played there, then verified from the outside."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ledger import money_faults, node_at
from tests.integration.playing import LONGEST_S, ROOT, command
from tests.support import require_server
from tests.tooling.foundry import ForgeError, anvil, binary

pytestmark = [pytest.mark.integration, pytest.mark.nightly]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[str]:
    """Anvil with a block each second: time passes there as on a public chain."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    with anvil(tmp_path, options=["--block-time", "1"]) as node:
        yield node.url


def test_the_order_is_settled_and_verified_on_anvil(chain: str, tmp_path: Path) -> None:
    evidence, outcome = tmp_path / "evidence.json", tmp_path / "outcome.json"
    files = ["--data", tmp_path / "data", "--json", outcome, "--evidence", evidence]
    played = subprocess.run(
        command("demo", "--once", "--rpc", chain, *files),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    document = json.loads(outcome.read_text("utf-8"))
    assert document["status"] == "settled"
    with node_at(chain) as node:
        assert money_faults([document], node) == []
    verified = subprocess.run(
        command("verify", evidence, "--rpc", chain), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Everything adds up" in verified.stdout
