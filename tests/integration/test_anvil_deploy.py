"""Deploying with an operator's own key on a chain that is not ours, killed at every transaction and repeated."""

import asyncio
import dataclasses
import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.deploy import Request, deploy_development, deploy_with_keystore
from bootstrap.settings import Settings, SettingsRefused
from contracts.artifacts import load
from contracts.bindings import factory
from contracts.bindings.call import read
from contracts.deployer import AddressBook, create_address, deploy
from contracts.rpc import HttpRpc
from contracts.signers import LocalSigner, encrypt_key
from tests.integration.playing import ROOT, command
from tests.support import require_server
from tests.tooling.foundry import ForgeError, anvil, binary

pytestmark = pytest.mark.integration

CHAIN_ID = 424_242
PASSWORD = "of no use elsewhere"
FEE_RECEIVER = "0x" + "fe" * 20
LONGEST_S = 60


@dataclass(frozen=True)
class Chain:
    """A chain that is not for development, and the address of money on it."""

    url: str
    money: str
    folder: Path

    def ask(self, method: str, *params: object) -> Any:
        """A JSON-RPC answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(self.url, json=body, trust_env=False, timeout=10).json()
        assert "error" not in answer, answer
        return answer["result"]

    def deployer(self, number: int) -> LocalSigner:
        """An account with ether and a keystore."""
        signer = LocalSigner(number.to_bytes(32, "big"))
        self.ask("anvil_setBalance", signer.address, hex(10**20))
        keystore = self.keystore(number)
        if not keystore.exists():
            keystore.write_text(json.dumps(encrypt_key(number.to_bytes(32, "big"), PASSWORD, iterations=2)))
            (self.folder / "password").write_text(PASSWORD + "\n")
        return signer

    def keystore(self, number: int) -> Path:
        """Its file."""
        return self.folder / f"deployer-{number}.json"

    def request(self, number: int, **changes: Any) -> Request:
        """The deployment of one deployer."""
        self.deployer(number)
        usual = Request(
            rpc=self.url,
            keystore=self.keystore(number),
            password=PASSWORD,
            fee_receiver=FEE_RECEIVER,
            tokens=(self.money,),
            address_book=self.folder / f"contracts-{number}.json",
        )
        return dataclasses.replace(usual, **changes)

    def options(self, number: int, rpc: str) -> list[str]:
        """The same for the command line."""
        request = self.request(number, rpc=rpc)
        given = {
            "--rpc": request.rpc,
            "--keystore": request.keystore,
            "--password-file": self.folder / "password",
            "--fee-receiver": request.fee_receiver,
            "--token": self.money,
            "--address-book": request.address_book,
            "--chain-id": CHAIN_ID,
        }
        return command("deploy", *(part for pair in given.items() for part in pair))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Anvil with some money on it; it mines each transaction at once."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    folder = tmp_path_factory.mktemp("anvil-deploy")
    with anvil(folder, chain_id=CHAIN_ID) as node:
        issuer = LocalSigner(b"\x01" * 32)
        bare = Chain(node.url, "", folder)
        bare.ask("anvil_setBalance", issuer.address, hex(10**20))
        asyncio.run(_issue(node.url, issuer))
        yield Chain(node.url, create_address(issuer.address, 0), folder)


async def _issue(url: str, issuer: LocalSigner) -> None:
    async with HttpRpc(url) as rpc:
        await deploy(rpc, issuer, fee_receiver=FEE_RECEIVER, minter=issuer.address)


@contextmanager
def counted(chain: Chain, at: int, then: Callable[[], None]) -> Iterator[str]:
    """The chain behind a door that passes transactions on, and calls `then` after number `at`, before the answer."""
    sent = 0

    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal sent
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = httpx.post(chain.url, content=body, headers={"content-type": "application/json"}, trust_env=False)
            if b"eth_sendRawTransaction" in body:
                sent += 1
                if sent == at:
                    then()
                    return
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.req(83)
@pytest.mark.parametrize(
    "at", [pytest.param(1, marks=pytest.mark.nightly), 2, pytest.param(3, marks=pytest.mark.nightly)]
)
def test_a_run_that_is_killed_is_finished_by_the_next(chain: Chain, at: int) -> None:
    number = 10 + at
    running: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        running[0].kill()

    with counted(chain, at, kill) as door:
        running.append(subprocess.Popen(chain.options(number, door), cwd=ROOT, stdout=subprocess.DEVNULL))
        assert running[0].wait(LONGEST_S) == -9
    request = chain.request(number)
    assert request.plan_file.exists()
    assert not request.address_book.exists()
    signer = chain.deployer(number)
    assert int(chain.ask("eth_getTransactionCount", signer.address, "latest"), 16) == at

    again = subprocess.run(
        chain.options(number, chain.url), cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=True
    )
    assert "going on with the deployment" in again.stderr
    book = AddressBook.from_json(request.address_book.read_text())
    assert AddressBook.from_json(again.stdout) == book
    assert not request.plan_file.exists()
    assert book.test_euro is None
    for contract, address in book.places.items():
        assert load(contract).matches(bytes.fromhex(chain.ask("eth_getCode", address, "latest")[2:]))
    assert int(chain.ask("eth_getTransactionCount", signer.address, "latest"), 16) == 3
    asyncio.run(_check_settings(chain, book))

    said: list[str] = []
    assert asyncio.run(deploy_with_keystore(request, said.append)) == book
    assert [words for words in said if words.startswith("already deployed on chain")] == said
    assert int(chain.ask("eth_getTransactionCount", signer.address, "latest"), 16) == 3


async def _check_settings(chain: Chain, book: AddressBook) -> None:
    async with HttpRpc(chain.url) as rpc:
        settings = await factory.settings(rpc, book.factory)
        assert (settings.fee_receiver.lower(), settings.self_attested_bps) == (FEE_RECEIVER, 3_000)
        assert await factory.is_listed(rpc, book.factory, chain.money)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": ()}, "name the money by --token"),
        ({"tokens": (FEE_RECEIVER,)}, "is no contract"),
        ({"tokens": ("0x12",)}, "token 0x12 is no address"),
        ({"chain_id": 1}, f"on chain {CHAIN_ID}, not on chain 1"),
        ({"fee_receiver": "0x" + "00" * 20}, "fee receiver"),
        ({"fee_receiver": "0x" + "fE" * 20}, "mistyped"),
        ({"arbiter": FEE_RECEIVER}, "the arbiter must not be the platform"),
        ({"password": "another"}, "does not open"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_what_makes_no_sense_is_refused_before_it_costs_anything(
    chain: Chain, changes: dict[str, Any], said: str
) -> None:
    request = chain.request(20, **changes)
    with pytest.raises(SettingsRefused, match=said):
        asyncio.run(deploy_with_keystore(request, lambda _: None))
    assert int(chain.ask("eth_getTransactionCount", chain.deployer(20).address, "latest"), 16) == 0
    assert not request.plan_file.exists()


def test_money_that_is_no_money_is_refused(chain: Chain) -> None:
    """A contract that answers, but not with decimals; and the same money twice."""
    book = asyncio.run(deploy_with_keystore(chain.request(21), lambda _: None))
    for tokens, said in (((book.factory,), "is no ERC-20"), ((chain.money, chain.money), "named twice")):
        with pytest.raises(SettingsRefused, match=said):
            asyncio.run(deploy_with_keystore(chain.request(20, tokens=tokens), lambda _: None))


def test_a_folder_of_the_demonstration_is_deployed_for(tmp_path: Path) -> None:
    """Its relayer makes the test money, and a later start takes the contracts for its own, on this chain only."""
    settings = Settings(data_dir=tmp_path / "data")
    with anvil(tmp_path) as node, anvil(tmp_path) as elsewhere:
        there = Chain(node.url, "", tmp_path)
        request = Request.for_folder(settings, there.request(30, tokens=(), fee_receiver=""))
        book = asyncio.run(deploy_with_keystore(request, lambda _: None))
        assert request.address_book == settings.address_book
        assert asyncio.run(_minter(node.url, book)) == (request.minter or "").lower()
        here, away = (Settings(data_dir=tmp_path / "data", chain_url=one.url) for one in (node, elsewhere))
        assert asyncio.run(deploy_development(here)) == book
        other = asyncio.run(deploy_development(away))
        assert other.factory != book.factory


async def _minter(url: str, book: AddressBook) -> str:
    async with HttpRpc(url) as rpc:
        return str(await read(rpc, "TestEuro", book.test_euro or "", "minter"))


def test_what_a_folder_is_deployed_for_is_asked_in_words(tmp_path: Path) -> None:
    """Negative: options that contradict one another cost nothing and end in one line."""
    for options, said in (
        (["--rpc", "http://127.0.0.1:1"], "name who earns the fees by --fee-receiver"),
        (["--fee-receiver", FEE_RECEIVER], "names the node by --rpc"),
        (["--rpc", "http://127.0.0.1:1", "--data", "d", "--address-book", "b"], "leave out --address-book"),
    ):
        (tmp_path / "password").write_text(PASSWORD)
        refused = CliRunner().invoke(
            app, ["deploy", "--keystore", "k", "--password-file", str(tmp_path / "password"), *options]
        )
        assert isinstance(refused.exception, ValueError)
        assert said in str(refused.exception)


def test_an_address_book_of_something_else_is_refused(chain: Chain) -> None:
    request = chain.request(22)
    asyncio.run(deploy_with_keystore(request, lambda _: None))
    for changes, said in (
        ({"fee_receiver": "0x" + "ff" * 20}, "was deployed with"),
        ({"fee_receiver": chain.deployer(22).address}, "was deployed with"),
    ):
        with pytest.raises(SettingsRefused, match=said):
            asyncio.run(deploy_with_keystore(dataclasses.replace(request, **changes), lambda _: None))  # type: ignore[arg-type]
    book = AddressBook.from_json(request.address_book.read_text())
    dataclasses.replace(book, chain_id=1).save(request.address_book)
    with pytest.raises(SettingsRefused, match="the address book is for chain 1"):
        asyncio.run(deploy_with_keystore(request, lambda _: None))


def test_a_plan_with_other_options_is_not_gone_on_with(chain: Chain) -> None:
    request = chain.request(23)

    async def only_planned() -> None:
        from bootstrap import deploy as deploying  # noqa: PLC0415 - its inside, for once

        async with HttpRpc(chain.url) as rpc:
            (await deploying._plan(rpc, chain.deployer(23), request)).save(request.plan_file)

    asyncio.run(only_planned())
    other = dataclasses.replace(request, fee_receiver=chain.deployer(20).address)
    with pytest.raises(SettingsRefused, match="began with another fee_receiver"):
        asyncio.run(deploy_with_keystore(other, lambda _: None))
    asyncio.run(deploy_with_keystore(request, lambda _: None))
