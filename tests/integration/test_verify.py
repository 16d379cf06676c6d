"""`lotsizeone verify` where something is wrong with the question, the file or the node: one clear line, no trace."""

import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli import main
from bootstrap.verify import as_words
from contracts.verification.verdict import Check, Fact, Voucher
from contracts.verification.verify import Verdict
from tests.integration.playing import ROOT, command

pytestmark = pytest.mark.integration

ADDRESS = "0x" + "11" * 20
USAGE = 2
FILE = {
    "format": "lotsizeone-evidence",
    "version": 1,
    "chain_id": 31337,
    "factory": ADDRESS,
    "order": "ord_1",
    "agreements": [{"id": "0x" + "22" * 32, "address": ADDRESS, "kind": "delivery"}],
    "events": [],
}
BLOCK = {"number": "0x10", "timestamp": "0x10", "hash": "0x" + "33" * 32}
ANSWERS = {"eth_chainId": "0x7a69", "eth_getBlockByNumber": BLOCK, "eth_getCode": "0x"}
"""A node on chain 31337 that knows no contract."""


class Node(http.server.ThreadingHTTPServer):
    """Says what it is told to say, whatever it is asked."""

    says: Callable[[dict[str, Any]], bytes]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def results(self, **answers: Any) -> None:
        """JSON-RPC results by method."""
        known = ANSWERS | answers
        self.says = lambda asked: json.dumps(
            {"jsonrpc": "2.0", "id": asked["id"], "result": known.get(asked["method"])}
        ).encode()


class _Door(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Node)
        body = self.server.says(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def node() -> Iterator[Node]:
    """A chain without us."""
    server = Node(("127.0.0.1", 0), _Door)
    server.results()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command in this process: its exit code, and all that it says."""

    def verify(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["lotsizeone", "verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = "".join(capsys.readouterr())
        assert "Traceback" not in said
        assert isinstance(ended.value.code, int)
        return ended.value.code, said

    return verify


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An evidence file in good form."""
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(FILE), "utf-8")
    return path


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer as a node does"),
        ("127.0.0.1:8545", "is no address of a node: http:// or https://"),
        ("file:///etc/passwd", "is no address of a node"),
        ("http://", "is no address of a node"),
        ("http://127.0.0.1:eth", "is no address of a node"),
        ("http://[", "is no address of a node"),
    ],
)
def test_a_node_that_is_not_there(run: Run, url: str, says: str) -> None:
    code, said = run(ADDRESS, "--rpc", url)
    assert (code, len(said.splitlines())) == (USAGE, 1)
    assert says in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["0x12"], "0x12 is no address: 0x and 40 hex digits"),
        ([ADDRESS, "--factory", "here"], "here is no address"),
        (["ord_1"], "ord_1 is neither an address nor a file; an order is found by --evidence FILE"),
        (["missing.json"], "missing.json is neither an address nor a file"),
        (["ord_1", "--evidence", "missing.json"], "'missing.json' does not exist"),
        ([str(ROOT)], "is neither an address nor a file"),
        ([ADDRESS, "--evidence", str(ROOT)], "is a directory"),
    ],
    ids=lambda value: "" if isinstance(value, list) else value[:30],
)
def test_a_question_that_makes_no_sense(run: Run, node: Node, arguments: list[str], says: str) -> None:
    code, said = run(*arguments, "--rpc", node.url)
    assert code == USAGE
    assert says in said


def test_a_file_about_another_order(run: Run, node: Node, file: Path) -> None:
    code, said = run("ord_2", "--evidence", file, "--rpc", node.url)
    assert code == USAGE
    assert "is about order ord_1, not ord_2" in said


def test_a_file_without_agreements(run: Run, node: Node, file: Path) -> None:
    file.write_text(json.dumps(FILE | {"agreements": []}))
    code, said = run(file, "--rpc", node.url)
    assert code == USAGE
    assert "name an agreement's address" in said


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "NaN", "1e400", "\0", '{"format": "\\ud800"}', '{"a": 1, "a": 2}', "[" * 100_000, "9" * 5_000],
    ids=lambda text: repr(text[:10]),
)
def test_a_file_that_is_none(run: Run, node: Node, file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
    code, said = run(file, "--rpc", node.url)
    assert code == Check.EVIDENCE_FILE.value
    assert said.startswith("DOES NOT ADD UP: EVIDENCE_FILE: this is no evidence file: ")


def test_a_node_on_another_chain(run: Run, node: Node, file: Path) -> None:
    node.results(eth_chainId="0x1")
    code, said = run(file, "--rpc", node.url)
    assert code == Check.CHAIN_ID.value
    assert "CHAIN_ID: the evidence is of chain 31337, the node on 1" in said


@pytest.mark.parametrize("what", [ADDRESS, "file"])
def test_an_address_without_code(run: Run, node: Node, file: Path, what: str) -> None:
    code, said = run(file if what == "file" else what, "--rpc", node.url)
    assert code == Check.CLONE_CODE.value
    assert f"CLONE_CODE: at {ADDRESS} there is no agreement" in said


def test_a_failure_as_json(run: Run, node: Node) -> None:
    code, said = run(ADDRESS, "--rpc", node.url, "--json")
    document = json.loads(said)
    assert (document["verified"], document["failure"]["check"]) == (False, "CLONE_CODE")
    assert document["failure"]["exit_code"] == code == Check.CLONE_CODE.value


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"", b"null", b"[]", b'{"result": NaN}', b'{"result": "0xzz"}', b'{"result": 1e400}', b"\xff"],
    ids=repr,
)
def test_a_server_that_is_no_node(run: Run, node: Node, answer: bytes) -> None:
    node.says = lambda _: answer
    code, said = run(ADDRESS, "--rpc", node.url)
    assert (code, len(said.splitlines())) == (USAGE, 1)
    assert "does not answer as a node does" in said


def test_an_answer_that_only_nests_ends_in_words(node: Node) -> None:
    """In a process of its own: without the bound it is the process that ends."""
    node.says = lambda _: b'{"result":' + b"[" * 100_000
    finished = subprocess.run(
        command("verify", ADDRESS, "--rpc", node.url), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == USAGE, finished.stderr
    assert "does not answer as a node does" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_what_a_machine_said_cannot_move_the_cursor() -> None:
    """Nor write from right to left: a file's words are shown as words."""
    fact = Fact(Check.EVIDENCE_HASH, "finished\x1b[2J\u202egood\r\n", Voucher.GATEWAY)
    said = "\n".join(as_words(Verdict(1, 2, "0x3", facts=[fact])))
    assert "finished\ufffd[2J\ufffdgood\ufffd\ufffd" in said


def test_every_exit_code_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "operating.md").read_text("utf-8")
    assert [check.name for check in Check if f"{check.value} `{check.name}`" not in manual] == []
