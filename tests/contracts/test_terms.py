"""Terms, typed data, evidence trees and signatures, without a chain."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import evidence
from contracts.bindings import agreement, factory
from contracts.eip712 import FieldError, digest, from_json, members, typed
from contracts.signers import SignatureError, is_signed_by, recover_typed_data
from contracts.terms import (
    DOMAIN_NAME,
    DOMAIN_VERSION,
    Milestone,
    Terms,
    What,
    Witnessed,
    pack_milestones,
    part,
    terms_id,
    typed_data,
    unpack_milestones,
)
from tests.contracts import golden
from tests.contracts.world import CHAIN_ID, SIGNERS, World

VECTORS: dict[str, Any] = json.loads(golden.FILE.read_text("utf-8"))
FACTORY = VECTORS["factory"]
DELIVERY = Terms.from_message(VECTORS["agreements"][0]["terms"])


async def test_golden_file_is_what_the_code_gives() -> None:
    assert await golden.vectors() == VECTORS


async def test_chain_agrees_with_the_golden_file(world: World) -> None:
    assert world.book.factory == FACTORY
    for vector in VECTORS["agreements"]:
        terms = Terms.from_message(vector["terms"])
        assert "0x" + (await factory.id_of(world.rpc, FACTORY, terms)).hex() == vector["id"]
        assert await factory.address_of(world.rpc, FACTORY, terms) == vector["address"]


def _signature(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["signature"][2:])


def test_every_signature_of_the_golden_file_is_its_signers() -> None:
    found = 0
    for vector in VECTORS["agreements"]:
        message = typed_data(Terms.from_message(vector["terms"]), CHAIN_ID, FACTORY)
        for side in ("payer", "payee"):
            assert recover_typed_data(message, _signature(vector[side])) == vector[side]["signer"]
            assert vector[side]["signer"] == vector["terms"][side]
        for signed in (*vector["actions"], *vector["splits"]):
            found += 1
            given = typed(
                signed["primaryType"],
                {name: from_json(name, kind, signed["message"][name]) for name, kind in members(signed["primaryType"])},
                chain_id=CHAIN_ID,
                contract=FACTORY,
                name=DOMAIN_NAME,
                version=DOMAIN_VERSION,
            )
            assert "0x" + digest(given).hex() == signed["digest"]
            assert recover_typed_data(given, _signature(signed)) == signed["signer"]
    assert found == len(VECTORS["agreements"]) * (len(What) + 2)


async def test_chain_takes_the_golden_signatures(world: World) -> None:
    """Terms, a split by both and a replacement, signed as the file says and by nobody else."""
    delivery, supply, successor = (Terms.from_message(vector["terms"]) for vector in VECTORS["agreements"])
    await world.open([delivery, supply, world.batch()[2]])
    payer, payee = (
        agreement.Authorisation(golden.DEADLINE, _signature(signed)) for signed in VECTORS["agreements"][1]["splits"]
    )
    await world.act("stranger", agreement.split, supply, golden.SPLIT_BPS, payer, payee)
    vector = VECTORS["agreements"][2]
    entry = factory.Entry(successor, _signature(vector["payer"]), _signature(vector["payee"]))
    [consent] = [one for one in vector["actions"] if one["message"]["what"] == What.NOVATE]
    least = int(consent["message"]["data"][2:], 16)
    authorised = agreement.Authorisation(golden.DEADLINE, _signature(consent))
    await world.send("stranger", factory.novate(FACTORY, delivery, [entry], least, authorised))
    assert (await world.books(successor)).left == successor.amount
    assert (await world.paid(delivery))["successor"] == least


def test_digest_is_eth_accounts() -> None:
    message = typed_data(DELIVERY, CHAIN_ID, FACTORY)
    signable = encode_typed_data(full_message=message)
    assert digest(message) == keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert json.loads(json.dumps(message)) == message


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Terms)])
def test_every_member_is_part_of_the_id(field: str) -> None:
    value = getattr(DELIVERY, field)
    other: object
    if isinstance(value, bytes):
        other = b"\xee" * 32
    elif isinstance(value, str):
        other = "0x" + "ee" * 20
    else:
        other = 2 if field == "kind" else value + 1
    changed = dataclasses.replace(DELIVERY, **{field: other})
    assert terms_id(changed, CHAIN_ID, FACTORY) != terms_id(DELIVERY, CHAIN_ID, FACTORY)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": 3},
        {"amount": -1},
        {"amount": 2**96},
        {"amount": 1.0},
        {"amount": True},
        {"fund_by": 2**40},
        {"payer": "0x12"},
        {"payer": "0x" + "zz" * 20},
        {"payer": "0x\0" + "1" * 39},
        {"salt": b"\x01" * 31},
        {"salt": "0x" + "01" * 32},
    ],
)
def test_value_that_does_not_fit_its_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        dataclasses.replace(DELIVERY, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1e400"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"amount": "9" * 79},
        {"amount": "\u0661"},
        {"amount": None},
        {"salt": "0xzz"},
        {"salt": "\ud800"},
        {"salt": 5},
        {"more": 1},
    ],
)
def test_message_that_is_no_terms_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        Terms.from_message(DELIVERY.as_message() | changes)


def test_message_and_back() -> None:
    assert Terms.from_message(DELIVERY.as_message()) == DELIVERY
    assert Terms.from_tuple(DELIVERY.as_tuple()) == DELIVERY


milestones = st.builds(Milestone, st.integers(0, 1_250), st.integers(1, 2**16 - 1), st.sampled_from(Witnessed))


@given(st.lists(milestones, max_size=8))
def test_milestones_pack_and_unpack(lanes: list[Milestone]) -> None:
    unpacked = unpack_milestones(pack_milestones(lanes))
    assert unpacked == (*lanes, *[None] * (8 - len(lanes)))


def test_milestones_that_do_not_fit_are_refused() -> None:
    for bps, code in ((-1, 1), (10_001, 1), (1, 0), (1, 2**16)):
        with pytest.raises(FieldError):
            Milestone(bps, code)
    with pytest.raises(FieldError):
        pack_milestones([Milestone(1, 600)] * 9)
    with pytest.raises(FieldError):
        pack_milestones([Milestone(5_001, 600), Milestone(5_000, 601)])


@given(st.integers(0, 2**96 - 1), st.integers(0, 10_000), st.sampled_from([1, 10_000]))
def test_part_never_exceeds_and_counts_in_units(whole: int, bps: int, unit: int) -> None:
    share = part(whole, bps, unit)
    assert share % unit == 0
    assert 0 <= whole * bps - share * 10_000 < (unit + 1) * 10_000


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20), st.data())
def test_every_leaf_is_proved_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = evidence.merkle_root(leaves), evidence.merkle_proof(leaves, index)
    assert evidence.verify(root, leaves[index], proof)
    stranger = keccak(leaves[index])
    assert not evidence.verify(root, stranger, proof)


def test_empty_tree_and_absent_leaf_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        evidence.merkle_root([])
    with pytest.raises(IndexError):
        evidence.merkle_proof([bytes(32)], 1)


async def test_signature_that_the_contracts_refuse_is_refused_here() -> None:
    message = typed_data(DELIVERY, CHAIN_ID, FACTORY)
    good = await SIGNERS["customer"].sign_typed_data(message)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    twin = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([55 - good[64]])
    for bad in (twin, good[:64], good + b"\0", good[:64] + b"\x00", bytes(65), b""):
        with pytest.raises(SignatureError):
            recover_typed_data(message, bad)
        assert not is_signed_by(message, bad, SIGNERS["customer"].address)
    assert is_signed_by(message, good, SIGNERS["customer"].address.lower())
    assert not is_signed_by(message, good, SIGNERS["maker"].address)


def test_signing_loads_no_node_and_no_client() -> None:
    code = (
        "import sys, contracts.terms, contracts.signers, contracts.evidence;"
        "print([name for name in ('web3', 'eth', 'httpx', 'starlette', 'marketplace') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.strip() == "[]"
