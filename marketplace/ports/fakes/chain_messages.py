"""What is signed and hashed around the fake chain.

**A signature of the fake** says who and what, and proves nothing: 0x, the signer's 20 bytes, the SHA-256 of the message
as canonical JSON, 13 zero bytes. It has the 65 bytes of a real one and fits exactly one message; anybody can write it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marketplace.domain.agreement import Terms
from marketplace.ports.chain import TypedData
from marketplace.ports.fakes.chain_rules import check_lanes

Digest = Callable[[bytes], bytes]
"""32 bytes of anything."""

TYPES = {
    "Terms": (
        "uint8 kind,uint8 supplyCount,address payer,address payee,address attestor,address witness,"
        "address carrier,address arbiter,address token,uint96 unit,uint96 amount,uint256 milestones,uint40 fundBy,"
        "uint40 deliverBy,uint32 grace,uint32 contestWindow,uint32 acceptWindow,uint32 retentionWindow,"
        "uint32 arbiterWindow,uint16 penaltyBpsPerDay,uint16 penaltyCapBps,uint16 feeBps,uint16 cancelBps,"
        "uint8 cancelUntil,uint16 timeoutBps,bytes32 handover,bytes32 parent,bytes32 replaces,bytes32 specHash,"
        "bytes32 salt"
    ),
    "Action": "bytes32 id,uint8 what,bytes32 data,uint256 deadline",
    "Split": "bytes32 id,uint16 payeeBps,uint256 deadline",
    "EvidenceRoot": "bytes32 root,uint64 sequence,bytes32 previous",
    "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
}
"""Members of the structs (EIP-712 encodeType); a test compares them with the contracts'."""
DOMAIN = "string name,string version,uint256 chainId,address verifyingContract"
WIDE = ("uint64", "uint96", "uint256")
"""Wider than JSON's numbers: these travel as decimal strings."""
SIGNATURE = re.compile(r"0x([0-9a-f]{40})([0-9a-f]{64})0{26}")


def typed(struct: str, values: Mapping[str, Any], *, chain_id: int, contract: str, name: str) -> TypedData:
    """A message as wallets take it."""
    members = _members(TYPES[struct])
    return {
        "types": {"EIP712Domain": _members(DOMAIN), struct: members},
        "primaryType": struct,
        "domain": {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": contract},
        "message": {item["name"]: _plain(item["type"], values[item["name"]]) for item in members},
    }


def terms_values(terms: Terms) -> dict[str, Any]:
    """The members of the terms under their Solidity names, the milestones packed into one word. Raises ChainRefused."""
    check_lanes(terms)
    lanes = [lane.bps << 18 | int(lane.code) << 2 | int(lane.who) for lane in terms.milestones]
    values = {member["name"]: getattr(terms, _snake(member["name"])) for member in _members(TYPES["Terms"])}
    return values | {"milestones": sum(lane << 32 * index for index, lane in enumerate(lanes))}


def sign(address: str, message: TypedData) -> str:
    """The fake signature of `address` under the message."""
    return f"{address.lower()}{_fingerprint(message)}{'0' * 26}"


def signer_of(message: TypedData, signature: str) -> str | None:
    """Who signed just this message, in lower case, or None."""
    found = SIGNATURE.fullmatch(signature)
    return f"0x{found[1]}" if found is not None and found[2] == _fingerprint(message) else None


def leaf(digest: Digest, agreement_id: str, spec: str, code: int, at_ms: int, payload: str) -> bytes:
    """The leaf of one event, hashed twice."""
    words = [_word(agreement_id), _word(spec), code.to_bytes(32, "big"), at_ms.to_bytes(32, "big"), _word(payload)]
    return digest(digest(b"".join(words)))


def root_of(digest: Digest, leaves: Sequence[bytes]) -> str:
    """The root of the tree of sorted pairs; an odd node moves up. As 0x-hex."""
    level = list(leaves)
    while len(level) > 1:
        pairs = [sorted(level[index : index + 2]) for index in range(0, len(level), 2)]
        level = [digest(pair[0] + pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return "0x" + level[0].hex()


def _plain(kind: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    return str(int(value)) if kind in WIDE else int(value)


def _fingerprint(message: TypedData) -> str:
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()


def _members(encoded: str) -> list[dict[str, str]]:
    return [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in encoded.split(",")]


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def _word(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")
