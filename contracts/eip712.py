"""EIP-712 for the messages of this house: flat structs of addresses, words and unsigned integers."""

from collections.abc import Mapping
from typing import Any, Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

TypedData = dict[str, Any]
"""An `eth_signTypedData_v4` message, fit for JSON: addresses and words as hex, wide numbers as decimal strings."""

Value = int | str | bytes

TYPES: Final[dict[str, str]] = {
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
"""Members of every struct, as EIP-712's encodeType writes them."""

_DOMAIN: Final = "string name,string version,uint256 chainId,address verifyingContract"
# JSON numbers are doubles to most readers: wider integers travel as decimal strings.
_WIDEST_NUMBER: Final = 48


class FieldError(ValueError):
    """A value does not fit its field."""


def members(struct: str) -> list[tuple[str, str]]:
    """(name, type) of a struct's members."""
    return _split(TYPES[struct])


def typed(
    struct: str, values: Mapping[str, Value], *, chain_id: int, contract: str, name: str, version: str
) -> TypedData:
    """A message for a wallet; every value is checked against its type.

    Raises:
        FieldError: a value does not fit.
    """
    message: dict[str, int | str] = {}
    for member, kind in members(struct):
        word(member, kind, values[member])
        message[member] = to_json(kind, values[member])
    return {
        "types": {
            "EIP712Domain": [{"name": member, "type": kind} for member, kind in _split(_DOMAIN)],
            struct: [{"name": member, "type": kind} for member, kind in members(struct)],
        },
        "primaryType": struct,
        "domain": {
            "name": name,
            "version": version,
            "chainId": chain_id,
            "verifyingContract": to_checksum_address(contract),
        },
        "message": message,
    }


def digest(message: TypedData) -> bytes:
    """The EIP-712 digest of a message that `typed` made."""
    struct, domain = str(message["primaryType"]), message["domain"]
    separator = keccak(
        keccak(f"EIP712Domain({_DOMAIN})".encode())
        + keccak(str(domain["name"]).encode())
        + keccak(str(domain["version"]).encode())
        + word("chainId", "uint256", domain["chainId"])
        + word("verifyingContract", "address", domain["verifyingContract"])
    )
    values = [word(name, kind, from_json(name, kind, message["message"][name])) for name, kind in members(struct)]
    hashed = keccak(keccak(f"{struct}({TYPES[struct]})".encode()) + b"".join(values))
    return keccak(b"\x19\x01" + separator + hashed)


def word(name: str, kind: str, value: object) -> bytes:
    """The 32 bytes that EIP-712 hashes for an atomic value.

    Raises:
        FieldError: the value does not fit the type.
    """
    if kind == "address":
        return address_bytes(value).rjust(32, b"\0")
    if kind == "bytes32":
        if isinstance(value, bytes) and len(value) == 32:
            return value
        raise FieldError(f"{name} must be 32 bytes")
    bits = int(kind.removeprefix("uint"))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise FieldError(f"{name} must be an integer below 2^{bits}")
    return int(value).to_bytes(32, "big")


def to_json(kind: str, value: Value) -> int | str:
    """A checked value, fit for JSON."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return str(to_checksum_address(value))
    return str(int(value)) if int(kind.removeprefix("uint")) > _WIDEST_NUMBER else int(value)


def from_json(name: str, kind: str, value: object) -> Any:
    """The value behind its JSON form; whatever has another form is left for `word` to refuse."""
    if kind.startswith("uint"):
        # 2^256 has 78 digits: longer strings are not worth the conversion.
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
            return int(value)
    elif kind == "bytes32" and isinstance(value, str):
        try:
            return bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            raise FieldError(f"{name} must be 32 bytes in hex") from None
    return value


def address_bytes(value: object) -> bytes:
    """The 20 bytes of an address.

    Raises:
        FieldError: not 0x and 40 hex digits.
    """
    if isinstance(value, str) and len(value) == 42 and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise FieldError("an address is 0x and 40 hex digits")


def _split(encoded: str) -> list[tuple[str, str]]:
    pairs = (member.split(" ") for member in encoded.split(","))
    return [(name, kind) for kind, name in pairs]
