"""TestEuro, and of any ERC-20 with EIP-2612 what this package needs."""

from typing import Final

from contracts.bindings.call import Call, build, read
from contracts.rpc import Rpc

CONTRACT: Final = "TestEuro"
NAME: Final = "Test Euro"
"""TestEuro's name in its permit domain."""
UNITS_PER_CENT: Final = 10_000
"""TestEuro has six decimals."""


def approve(token: str, spender: str, amount: int) -> Call:
    """Lets `spender` take up to `amount` token units from the sender."""
    return build(CONTRACT, token, "approve", [spender, amount])


def mint(token: str, to: str, amount: int) -> Call:
    """Creates play money; for TestEuro's minter only."""
    return build(CONTRACT, token, "mint", [to, amount])


def transfer(token: str, to: str, amount: int) -> Call:
    """Moves the sender's token units."""
    return build(CONTRACT, token, "transfer", [to, amount])


async def balance_of(rpc: Rpc, token: str, owner: str, *, block: int | None = None) -> int:
    """Token units of an owner."""
    return int(await read(rpc, CONTRACT, token, "balanceOf", [owner], block=block))


async def allowance(rpc: Rpc, token: str, owner: str, spender: str) -> int:
    """Token units that `spender` may take from `owner`."""
    return int(await read(rpc, CONTRACT, token, "allowance", [owner, spender]))


async def permit_nonce(rpc: Rpc, token: str, owner: str) -> int:
    """The nonce of the owner's next permit."""
    return int(await read(rpc, CONTRACT, token, "nonces", [owner]))


async def name(rpc: Rpc, token: str) -> str:
    """The token's name: part of its permit domain."""
    return str(await read(rpc, CONTRACT, token, "name"))
