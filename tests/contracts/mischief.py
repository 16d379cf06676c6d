"""Tokens and parties that misbehave (`solidity/Mischief.sol`): compiled, deployed, told what to do."""

import dataclasses
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from contracts import compiler
from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.deployer import create_address, deploy
from tests.contracts.world import ADDRESS, EURO, SIGNERS, LocalRpc, World

SOURCE = Path(__file__).parent / "solidity" / "Mischief.sol"
_UNIT = "tests/Mischief.sol"


class Mode(IntEnum):
    """The contract's `Mode`."""

    HONEST = 0
    REFUSES = 1
    RETURNS_FALSE = 2
    RETURNS_NOTHING = 3
    TAKES_FEE = 4
    MINTS = 5
    LIES_ABOUT_BALANCE = 6
    BURNS_ALL_GAS = 7
    CALLS_BACK = 8
    CALLS_RECEIVER = 9


def modes_of_the_source() -> list[str]:
    """The enum's members as Python writes constants."""
    [body] = re.findall(r"enum Mode \{([^}]*)\}", SOURCE.read_text("utf-8"))
    return [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", member.strip()).upper() for member in body.split(",")]


def compile_mischief(folder: Path) -> None:
    """Writes each contract's creation code."""
    standard = compiler.standard_input()
    standard["sources"][_UNIT] = {"content": SOURCE.read_text("utf-8")}
    standard["settings"] = compiler.SETTINGS | {
        "viaIR": False,
        "optimizer": {"enabled": False},
        "outputSelection": {_UNIT: {"*": ["evm.bytecode.object"]}},
    }
    _, output = compiler.compile_input(standard)
    for name, compiled in output["contracts"][_UNIT].items():
        (folder / name).write_text(compiled["evm"]["bytecode"]["object"], "utf-8")


def call(address: str, signature: str, *arguments: Any) -> Call:
    """A call by the function's signature: `call(at, "mint(address,uint256)", to, 5)`."""
    types = signature[signature.index("(") + 1 : -1]
    return Call(address, keccak(signature.encode())[:4] + encode(types.split(",") if types else [], arguments))


@dataclasses.dataclass
class MischievousWorld(World):
    """A world that counts in such a token, with a reentrant party in it."""

    reentrant: str = ""

    @property
    def token(self) -> str:
        """The token's address."""
        assert self.book.test_euro is not None
        return self.book.test_euro

    async def behave(self, mode: Mode, victim: str) -> None:
        """From now on the token does this when money moves to the victim: a person or an address."""
        call_ = call(self.token, "behave(uint8,address)", int(mode), ADDRESS.get(victim, victim))
        await self.send("stranger", call_)

    async def call_back(self, inner: Call) -> None:
        """What the token calls in the middle of a transfer, in the mode `CALLS_BACK`."""
        await self.send("stranger", call(self.token, "callBack(address,bytes)", inner.to, inner.data))

    async def number(self, address: str, signature: str) -> int:
        """What a view without arguments returns."""
        message = {"to": address, "data": "0x" + call(address, signature).data.hex()}
        [value] = decode(["uint256"], bytes.fromhex((await self.rpc.call("eth_call", message, "latest"))[2:]))
        return int(value)


async def mischievous_world(rpc: LocalRpc, compiled: Path) -> MischievousWorld:
    """The contracts with the token on their list; money and allowances at customer and maker."""
    token_at, reentrant = (create_address(ADDRESS["stranger"], nonce) for nonce in (0, 1))
    book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], tokens=(token_at,))
    world = MischievousWorld(rpc, dataclasses.replace(book, test_euro=token_at), reentrant=reentrant)
    for name in ("Mischief", "Reentrant"):
        await world.send("stranger", Call(None, bytes.fromhex((compiled / name).read_text("utf-8"))))
    for who in ("customer", "maker"):
        await world.send("stranger", token.mint(token_at, ADDRESS[who], 10_000 * EURO))
        await world.send(who, token.approve(token_at, book.factory, 2**256 - 1))
    return world
