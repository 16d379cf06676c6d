"""Our thin ABI layer against web3's codec: the reference for every fragment of every contract."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from eth_utils.abi import abi_to_signature
from web3 import Web3
from web3.utils.address import get_create2_address, get_create_address

from contracts import abi, artifacts
from contracts.deployer import create_address
from contracts.events import decode, topics
from contracts.terms import agreement_address
from tests.contracts.world import ADDRESS, SIGNERS, World

WEB3 = Web3()
SAMPLES: dict[str, Any] = {"address": ADDRESS["maker"], "bool": True, "string": "Euro €", "bytes": b"\x01\x02\x03"}


def _sample(item: dict[str, Any]) -> Any:
    kind = item["type"]
    if kind.endswith("]"):
        size = kind.rpartition("[")[2][:-1]
        return [_sample(item | {"type": kind.rpartition("[")[0]})] * int(size or 2)
    if kind == "tuple":
        return tuple(_sample(part) for part in item["components"])
    if kind.startswith("uint"):
        return 2 ** (int(kind[4:] or 256) - 1) + 1
    if kind.startswith("bytes") and kind != "bytes":
        return b"\xa5" * int(kind[5:])
    return SAMPLES[kind]


@pytest.mark.parametrize("name", artifacts.CONTRACTS)
def test_calldata_is_web3s(name: str) -> None:
    entries = artifacts.load(name).abi
    contract = WEB3.eth.contract(abi=list(entries))
    functions = [entry for entry in entries if entry["type"] == "function"]
    assert functions
    for entry in functions:
        arguments = [_sample(item) for item in entry["inputs"]]
        ours = abi.function(name, entry["name"])
        assert "0x" + ours.encode(arguments).hex() == contract.encode_abi(entry["name"], args=arguments)
        decoded = contract.decode_function_input(ours.encode(arguments))[1]
        assert len(decoded) == len(arguments)


@pytest.mark.parametrize("name", artifacts.CONTRACTS)
def test_creation_code_is_web3s(name: str) -> None:
    artifact = artifacts.load(name)
    inputs = next((entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), [])
    arguments = [_sample(item) for item in inputs]
    contract = WEB3.eth.contract(abi=list(artifact.abi), bytecode=artifact.creation)
    assert "0x" + abi.encode_constructor(name, arguments).hex() == contract.constructor(*arguments).data_in_transaction


@pytest.mark.parametrize("name", artifacts.CONTRACTS)
def test_names_on_the_wire_are_web3s(name: str) -> None:
    contract = WEB3.eth.contract(abi=list(artifacts.load(name).abi))
    for fragment in abi.fragments(name, "event"):
        assert "0x" + fragment.hash.hex() == contract.events[fragment.name]().topic
    errors = [entry for entry in artifacts.load(name).abi if entry["type"] == "error"]
    found = {fragment.name: fragment.selector for fragment in abi.fragments(name, "error")}
    assert found == {entry["name"]: bytes(WEB3.keccak(text=abi_to_signature(entry))[:4]) for entry in errors}


async def test_logs_decode_as_web3_decodes_them(world: World) -> None:
    receipt = await world.open(world.batch())
    compared = 0
    for name in ("AgreementFactory", "DeliveryAgreement"):
        contract = WEB3.eth.contract(abi=list(artifacts.load(name).abi))
        known = {"0x" + one.hash.hex(): one for one in abi.fragments(name, "event")}
        for log in receipt["logs"]:
            fragment = known.get(log["topics"][0])
            if fragment is None:
                continue
            theirs = contract.events[fragment.name]().process_log(_for_web3(log))["args"]
            words = [bytes.fromhex(topic[2:]) for topic in log["topics"][1:]]
            ours = fragment.decode_log(words, bytes.fromhex(log["data"][2:]))
            assert {key: _plain(value) for key, value in ours.items()} == {
                key: _plain(value) for key, value in theirs.items()
            }
            compared += 1
            assert (decode(log) is not None) == (log["topics"][0] in topics())
    assert compared >= 6


def _for_web3(log: dict[str, Any]) -> Any:
    numbers = {key: int(log[key], 16) for key in ("blockNumber", "logIndex", "transactionIndex")}
    return log | numbers | {"topics": [bytes.fromhex(topic[2:]) for topic in log["topics"]]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_plain(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part) for part in value)
    return value.lower() if isinstance(value, str) else value


def test_addresses_are_those_that_web3_computes() -> None:
    for nonce in (0, 1, 0x7F, 0x80, 0xFF, 0x100, 2**32):
        assert create_address(ADDRESS["deployer"], nonce) == get_create_address(ADDRESS["deployer"], nonce)
    identity, implementation = b"\x42" * 32, ADDRESS["maker"]
    # EIP-1167 with one immutable word: 45 bytes of proxy, the id behind them.
    runtime = "363d3d373d3d3d363d73" + implementation[2:].lower() + "5af43d82803e903d91602b57fd5bf3" + identity.hex()
    creation = "0x61004d3d81600a3d39f3" + runtime
    expected = get_create2_address(ADDRESS["stranger"], "0x" + identity.hex(), creation)
    assert agreement_address(identity, factory=ADDRESS["stranger"], implementation=implementation) == expected


def test_signed_transaction_is_one_that_web3_reads() -> None:
    transaction = {"type": 2, "chainId": 1, "nonce": 7, "gas": 21_000, "maxFeePerGas": 2, "maxPriorityFeePerGas": 1}
    raw = asyncio.run(
        SIGNERS["maker"].sign_transaction(transaction | {"to": ADDRESS["fees"], "value": 5, "data": "0x"})
    )
    assert WEB3.eth.account.recover_transaction(raw) == ADDRESS["maker"]


def test_who_only_decodes_or_signs_loads_no_web3() -> None:
    code = (
        "import sys, contracts.adapter, contracts.deployer, contracts.events;"
        "print([name for name in ('web3', 'aiohttp', 'eth', 'eth_tester') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.strip() == "[]"
