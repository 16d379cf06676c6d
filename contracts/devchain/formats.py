"""JSON-RPC's hexadecimal values (EIP-1474) in both directions, strictly."""

import re
from typing import Final

from contracts.devchain.errors import InvalidParamsError

_QUANTITY: Final = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")

BlockTag = int | str
"""A block number, or `latest` or `pending`; the other tags are resolved to these."""


def quantity(value: int) -> str:
    """A number as `0x…` without leading zeros."""
    return hex(value)


def data(value: bytes) -> str:
    """Bytes as `0x…`."""
    return "0x" + value.hex()


def parse_quantity(value: object, name: str) -> int:
    """A number from `0x…`; plain JSON integers are taken too, as most nodes do."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**256:
        return value
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise InvalidParamsError(f"{name} must be a hex quantity")


def parse_data(value: object, name: str, size: int | None = None) -> bytes:
    """Bytes from `0x…`, of an exact size if one is given."""
    if isinstance(value, str) and _DATA.fullmatch(value):
        raw = bytes.fromhex(value[2:])
        if size is None or len(raw) == size:
            return raw
    raise InvalidParamsError(f"{name} must be {'hex data' if size is None else f'{size} bytes of hex data'}")


def parse_block(value: object, head: int) -> BlockTag:
    """A block parameter. `safe` and `finalized` are the head: this chain has no rival branches."""
    if isinstance(value, dict) and "blockNumber" in value:
        value = value["blockNumber"]
    if value in (None, "latest", "safe", "finalized"):
        return head
    if value == "earliest":
        return 0
    if value == "pending":
        return "pending"
    return parse_quantity(value, "block")


def checksum(address: bytes) -> str:
    """An address as in EIP-55."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - keeps the start quick

    return str(to_checksum_address(address))
