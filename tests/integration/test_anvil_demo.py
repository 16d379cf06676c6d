"""The story on a chain that is not ours: an operator's contracts on Anvil, the order played there, then verified.

What a stranger needs is the exported evidence and a node: the marketplace's folder is taken away before the questions.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bootstrap.verify import Question, as_words, judge
from contracts.deployer import AddressBook
from contracts.signers import LocalSigner, encrypt_key
from tests.contracts.verification.tampering import TAMPERINGS, File, tampered
from tests.integration.ledger import money_faults, node_at
from tests.integration.playing import LONGEST_S, ROOT, command
from tests.support import require_server
from tests.tooling.foundry import ForgeError, anvil, binary

pytestmark = [pytest.mark.integration, pytest.mark.nightly]

OPERATOR = LocalSigner(b"\x0e" * 32)
PASSWORD = "of no use elsewhere"


@dataclass(frozen=True)
class Left:
    """What is left when the marketplace is gone: a node, an address, and the evidence file."""

    rpc: str
    delivery: str
    evidence: Path

    @property
    def file(self) -> File:
        """The evidence."""
        return dict(json.loads(self.evidence.read_text("utf-8")))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Anvil with a block each second: time passes there as on a public chain."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    with anvil(tmp_path_factory.mktemp("anvil"), options=["--block-time", "1"]) as node:
        yield node.url


@pytest.fixture(scope="module")
def left(chain: str, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """The contracts deployed with a keystore, the demonstration played on them, its folder taken away."""
    folder = tmp_path_factory.mktemp("demo")
    data, evidence, outcome = folder / "data", folder / "evidence.json", folder / "outcome.json"
    (folder / "operator.json").write_text(json.dumps(encrypt_key(b"\x0e" * 32, PASSWORD, iterations=2)))
    (folder / "password").write_text(PASSWORD)
    ether = {"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [OPERATOR.address, hex(10**20)]}
    httpx.post(chain, json=ether, trust_env=False).raise_for_status()
    keystore = ["--keystore", folder / "operator.json", "--password-file", folder / "password"]
    book = AddressBook.from_json(_run("deploy", "--rpc", chain, "--data", data, *keystore).stdout)
    _run("demo", "--once", "--rpc", chain, "--data", data, "--json", outcome, "--evidence", evidence)
    assert AddressBook.from_json((data / "contracts.json").read_text("utf-8")) == book
    document = json.loads(outcome.read_text("utf-8"))
    assert document["status"] == "settled"
    with node_at(chain) as node:
        assert money_faults([document], node) == []
    data.rename(folder / "taken-away")
    delivery = next(one["address"] for one in document["agreements"] if one["kind"] == "delivery")
    found = Left(chain, delivery, evidence)
    assert found.file["factory"] == book.factory
    return found


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@pytest.mark.req(83)
def test_the_order_is_verified_by_evidence_and_node_alone(left: Left) -> None:
    order = left.file["order"]
    for question in ([left.evidence], [order, "--evidence", left.evidence], [left.delivery]):
        verified = _run("verify", *question, "--rpc", left.rpc)
        assert "Everything adds up" in verified.stdout


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_file_of_the_demonstration_is_named(left: Left, name: str, tmp_path: Path) -> None:
    changed = tmp_path / "evidence.json"
    changed.write_text(json.dumps(tampered(left.file, name)), "utf-8")
    verdict = asyncio.run(judge(Question.of(str(changed), evidence=None, factory=None), left.rpc))
    said, meant = "\n".join(as_words(verdict)), TAMPERINGS[name]
    assert verdict.exit_code == meant.check.value, said
    assert re.search(f"DOES NOT ADD UP: {meant.check.name}: .*{meant.says}", said), said
    print(f"{name}: {said.splitlines()[-2]}")
