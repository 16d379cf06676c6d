"""Evidence: canonical bytes, chain, tree and signature, against eth-abi and eth-account as second opinion."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.gateway.batches import (
    NO_ROOT,
    BrokenChain,
    SignedBatch,
    UntrustedEvent,
    VerifiedBatch,
    WrongIdentity,
    WrongRoot,
    WrongSequence,
    WrongSigner,
    bury,
    parse_record,
    sign_batch,
    verify_batch,
)
from shopfloor.gateway.evidence import EVENT_CODES, EvidenceEvent, MalformedEvent, parse_event, place
from shopfloor.gateway.merkle import keccak256, leaf_hash, merkle_proofs, merkle_root, verify_proof
from shopfloor.gateway.signing import (
    Domain,
    GatewayKey,
    SignatureRefused,
    evidence_root_digest,
    recover,
)
from tests.shopfloor.worlds import AGREEMENT, CHAIN_ID, DOMAIN, FACTORY_ADDRESS, KEY, SPEC, draft

GOLDEN = Path(__file__).parent.parent / "golden" / "agreement_vectors.json"
EPOCH = "0badc0de"


def chain(count: int, **fields: object) -> list[EvidenceEvent]:
    """`count` linked events."""
    events: list[EvidenceEvent] = []
    for seq in range(1, count + 1):
        prev = "0x" + events[-1].payload_hash.hex() if events else SPEC
        salt = seq.to_bytes(32, "big")
        events.append(
            place(draft(**fields), gateway=KEY.address, epoch=EPOCH, lane="s", seq=seq, salt=salt, prev=prev)  # type: ignore[arg-type]
        )
    return events


def batch_of(events: list[EvidenceEvent], key: GatewayKey = KEY) -> SignedBatch:
    leaves = [e.leaf for e in events]
    return sign_batch(key, DOMAIN, first=events[0].seq, leaves=leaves, sequence=1, previous=NO_ROOT)


def texts(events: list[EvidenceEvent]) -> list[str]:
    return [e.canonical().decode() for e in events]


def verify(batch: SignedBatch, records: list[str], **changes: Any) -> VerifiedBatch:
    known: dict[str, Any] = {
        "attestor": KEY.address,
        "epoch": EPOCH,
        "lane": "s",
        "domain": DOMAIN,
        "expected_sequence": 1,
        "expected_previous": NO_ROOT,
        "heads": {},
        "modes": frozenset({"simulation"}),
    }
    return verify_batch(batch, records, **{**known, **changes})


def typed_root(root: bytes, sequence: int, previous: bytes) -> dict[str, Any]:
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "EvidenceRoot": [
                {"name": "root", "type": "bytes32"},
                {"name": "sequence", "type": "uint64"},
                {"name": "previous", "type": "bytes32"},
            ],
        },
        "primaryType": "EvidenceRoot",
        "domain": {"name": "LotSizeOne", "version": "1", "chainId": CHAIN_ID, "verifyingContract": FACTORY_ADDRESS},
        "message": {"root": root, "sequence": sequence, "previous": previous},
    }


def test_canonical_bytes_are_sorted_compact_json_without_floats() -> None:
    [event] = chain(1)
    raw = json.loads(event.canonical())
    assert event.canonical() == json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()
    assert raw["code"] == 300
    assert raw["v"] == 1
    assert parse_event(event.canonical()) == event


@pytest.mark.req(15)
def test_leaf_agrees_with_the_abi_encoding() -> None:
    [event] = chain(1)
    types = ["bytes32", "bytes32", "uint16", "uint64", "bytes32"]
    values = [
        bytes.fromhex(AGREEMENT[2:]),
        bytes.fromhex(SPEC[2:]),
        event.code,
        event.at,
        keccak(event.canonical()),
    ]
    assert event.leaf == keccak(keccak(abi_encode(types, values)))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70))
def test_every_leaf_has_a_proof_and_a_stranger_has_none(leaves: list[bytes]) -> None:
    root, proofs = merkle_root(leaves), merkle_proofs(leaves)
    assert all(verify_proof(leaf, proof, root) for leaf, proof in zip(leaves, proofs, strict=True))
    stranger = keccak256(b"".join(leaves))
    assert not verify_proof(stranger, proofs[0], root)


def test_the_odd_node_is_promoted_unchanged() -> None:
    a, b, c = (keccak256(bytes([i])) for i in range(3))
    pair = keccak256(min(a, b) + max(a, b))
    assert merkle_root([a, b, c]) == keccak256(min(pair, c) + max(pair, c))
    assert merkle_proofs([a, b, c])[2] == (pair,)


def test_signature_agrees_with_eth_account_byte_for_byte() -> None:
    root, previous = keccak256(b"root"), keccak256(b"previous")
    message = encode_typed_data(full_message=typed_root(root, 7, previous))
    theirs = Account.from_key(bytes(range(1, 33))).sign_message(message)
    ours = KEY.sign_root(DOMAIN, root, 7, previous)
    assert ours == bytes(theirs.signature)  # RFC 6979 both: the same bytes
    assert Account.recover_message(message, signature=ours).lower() == KEY.address
    assert recover(evidence_root_digest(DOMAIN, root, 7, previous), ours) == KEY.address


def test_the_high_s_twin_and_nonsense_are_refused() -> None:
    digest = keccak256(b"x")
    signature = KEY.sign_digest(digest)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    twin = signature[:32] + high + bytes([55 - signature[64]])
    assert recover(digest, signature) == KEY.address
    for bad in (twin, signature[:64], signature[:64] + b"\x00", b"\xff" * 64 + b"\x1b", b"\0" * 64 + b"\x1b"):
        with pytest.raises(SignatureRefused):
            recover(digest, bad)


def test_another_chain_or_factory_gives_another_signer() -> None:
    root, zero = keccak256(b"r"), bytes(32)
    signature = KEY.sign_root(DOMAIN, root, 1, zero)
    for other in (Domain(1, FACTORY_ADDRESS), Domain(CHAIN_ID, "0x" + "60" * 20)):
        assert recover(evidence_root_digest(other, root, 1, zero), signature) != KEY.address


def test_a_key_is_never_shown_and_never_weak(tmp_path: Path) -> None:
    assert bytes(range(1, 33)).hex() not in repr(KEY)
    assert GatewayKey.from_hex("0x" + bytes(range(1, 33)).hex()).address == KEY.address
    for weak in (bytes(32), b"\xff" * 32, b"1"):
        with pytest.raises(ValueError, match="32 bytes"):
            GatewayKey(weak)
    with pytest.raises(ValueError, match="64 hex digits"):
        GatewayKey.from_hex("secret!")
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(bytes(range(1, 33)), "pw", kdf="pbkdf2", iterations=2)))
    assert GatewayKey.from_keystore(path, "pw").address == KEY.address
    with pytest.raises(ValueError, match="password"):
        GatewayKey.from_keystore(path, "wrong")


@pytest.mark.req(15, 87)
def test_a_genuine_batch_is_believed_with_claimable_proofs() -> None:
    events = chain(5)
    verified = verify(batch_of(events), texts(events))
    root = bytes.fromhex(verified.batch.root[2:])
    assert [v.event for v in verified.events] == events
    assert all(verify_proof(v.leaf, v.proof, root) for v in verified.events)
    assert verified.heads == {AGREEMENT: "0x" + events[-1].payload_hash.hex()}


@pytest.mark.req(15)
@pytest.mark.parametrize("attack", ["edited", "deleted", "reordered"])
def test_a_rewritten_history_is_named_even_when_signed_again(attack: str) -> None:
    events = chain(4)
    if attack == "edited":
        events[1] = replace(events[1], value={"drilling_ms": "9"})
    elif attack == "deleted":
        events = [replace(e, seq=i) for i, e in enumerate([events[0], *events[2:]], start=1)]
    else:
        order = [events[0], events[2], events[1], events[3]]
        events = [replace(e, seq=i) for i, e in enumerate(order, start=1)]
    with pytest.raises(BrokenChain):
        verify(batch_of(events), texts(events))


def test_the_first_event_follows_the_specification() -> None:
    events = [replace(chain(1)[0], prev="0x" + "00" * 32)]
    with pytest.raises(BrokenChain):
        verify(batch_of(events), texts(events))


def test_each_lie_has_its_own_error() -> None:
    events = chain(3)
    batch, records = batch_of(events), texts(events)
    with pytest.raises(WrongSigner):
        verify(batch_of(events, GatewayKey(b"\x07" * 32)), records)
    with pytest.raises(WrongSigner):
        verify(batch, records, domain=Domain(1, FACTORY_ADDRESS))
    with pytest.raises(WrongRoot):
        verify(batch, texts(chain(3, value={"other": "1"})))
    with pytest.raises(WrongSequence):
        verify(batch, records, expected_sequence=2)
    with pytest.raises(WrongSequence):
        verify(batch, records, expected_previous="0x" + "01" * 32)
    with pytest.raises(WrongIdentity):
        verify(batch, records, epoch="ffff")
    with pytest.raises(WrongIdentity):
        verify(batch, records[:2])
    with pytest.raises(WrongIdentity):
        verify(batch, records, attestor="0x" + "01" * 20)
    with pytest.raises(UntrustedEvent):
        verify(batch, records, modes=frozenset({"production"}))
    doubtful = chain(1, quality="bad")
    with pytest.raises(UntrustedEvent):
        verify(batch_of(doubtful), texts(doubtful))


def test_a_tombstone_keeps_root_and_chain_provable() -> None:
    events = chain(3)
    records = texts(events)
    stone = bury(events[1])
    records[1] = stone.canonical().decode()
    assert parse_record(records[1]) == stone
    verified = verify(batch_of(events), records)
    assert [v.event.seq for v in verified.events] == [1, 3]
    records[1] = replace(stone, leaf="0x" + "00" * 32).canonical().decode()
    with pytest.raises(WrongRoot):
        verify(batch_of(events), records)


@pytest.mark.req(42)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", 0),
        ("seq", True),
        ("seq", 2**53),
        ("at", -1),
        ("code", 301),
        ("lane", "x"),
        ("kind", "bribe_paid"),
        ("agreement", "0x12"),
        ("gateway", "0x" + "A1" * 20),
        ("mode", "real"),
        ("quality", "excellent"),
        ("reported_by", "rumour"),
        ("order", "a b"),
        ("station", "x\u0000y"),
        ("value", {"Drilling": "1"}),
        ("value", {"drilling_ms": 3000}),
        ("value", {"note": "\ud800"}),
        ("value", [1]),
        ("v", 2),
        ("salt", None),
    ],
)
def test_malformed_events_are_refused_without_echo(field: str, value: object) -> None:
    raw = json.loads(chain(1)[0].canonical())
    raw[field] = value
    with pytest.raises(MalformedEvent) as caught:
        parse_event(json.dumps(raw, sort_keys=True, separators=(",", ":")))
    assert "bribe" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"v":1.0}',
        '{"v":NaN}',
        '{"v":1e400}',
        '{"v":1,"v":1}',
        "[" * 5_000,
        '{"v":' + "9" * 40 + "}",
    ],
)
def test_texts_that_are_no_strict_json_are_refused(text: str) -> None:
    with pytest.raises(MalformedEvent):
        parse_event(text)


def test_the_same_event_in_another_spelling_is_refused() -> None:
    raw = json.loads(chain(1)[0].canonical())
    with pytest.raises(MalformedEvent, match="canonical"):
        parse_event(json.dumps(raw, indent=1, sort_keys=True))
    raw["extra"] = "1"
    with pytest.raises(MalformedEvent, match="fields"):
        parse_event(json.dumps(raw))


def test_leaf_refuses_what_the_abi_could_not_hold() -> None:
    with pytest.raises(ValueError, match="uint16"):
        leaf_hash(bytes(32), bytes(32), 2**16, 0, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        leaf_hash(bytes(31), bytes(32), 1, 0, bytes(32))
    with pytest.raises(ValueError, match="leaf"):
        merkle_root([])


def test_coincurve_gives_the_address_that_eth_account_gives() -> None:
    for number in range(1, 20):
        secret = keccak256(bytes([number]))
        assert GatewayKey(secret).address == Account.from_key(secret).address.lower()
        assert PrivateKey(secret).secret == secret


def test_keys_leaf_trees_and_signature_are_those_of_the_contracts_golden_vectors() -> None:
    vectors = json.loads(GOLDEN.read_text())
    evidence = vectors["evidence"]
    for person in vectors["people"].values():
        assert GatewayKey.from_hex(person["key"]).address == person["address"].lower()
    words = [bytes.fromhex(evidence[name][2:]) for name in ("agreementId", "specHash", "payloadHash")]
    leaf = leaf_hash(words[0], words[1], evidence["eventCode"], int(evidence["atMs"]), words[2])
    assert leaf.hex() == evidence["leaf"][2:]
    for tree in evidence["trees"]:
        leaves = [bytes.fromhex(text[2:]) for text in tree["leaves"]]
        assert merkle_root(leaves).hex() == tree["root"][2:]
        assert [["0x" + step.hex() for step in proof] for proof in merkle_proofs(leaves)] == tree["proofs"]
    root, message = evidence["root"], evidence["root"]["message"]
    domain = Domain(vectors["chainId"], vectors["factory"])
    fields = bytes.fromhex(message["root"][2:]), int(message["sequence"]), bytes.fromhex(message["previous"][2:])
    assert evidence_root_digest(domain, *fields).hex() == root["digest"][2:]
    key = GatewayKey.from_hex(vectors["people"]["attestor"]["key"])
    assert key.sign_root(domain, *fields).hex() == root["signature"][2:]


def test_event_codes_are_those_of_the_golden_file() -> None:
    golden = json.loads((GOLDEN.parent / "event_codes.json").read_text())
    on_chain_only = {"OPENED", "RETAINED"}
    assert {k.upper(): v for k, v in EVENT_CODES.items()} == {k: v for k, v in golden.items() if k not in on_chain_only}
