"""What all bindings share: a message to a contract, and how to read one's answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.abi import function
from contracts.rpc import Rpc


@dataclass(frozen=True)
class Call:
    """A message to a contract; a creation where `to` is None. `value` in wei."""

    to: str | None
    data: bytes
    value: int = 0


def build(contract: str, address: str, name: str, arguments: Sequence[Any]) -> Call:
    """A call of one of the contract's functions."""
    return Call(address, function(contract, name).encode(arguments))


async def read(
    rpc: Rpc, contract: str, address: str, name: str, arguments: Sequence[Any] = (), *, block: int | None = None
) -> Any:
    """What a view returns after `block`, the head if None.

    Raises:
        Reverted: the view reverts.
        NodeError: the node does not answer, or not with such a value.
    """
    call = {"to": address, "data": "0x" + function(contract, name).encode(arguments).hex()}
    tag = "latest" if block is None else hex(block)
    result = await rpc.call("eth_call", call, tag)
    return function(contract, name).decode_result(bytes.fromhex(str(result)[2:]))
