"""Puts the contracts on a chain, once: a second run, also after a crash in the middle, finds what the first did.

Every contract has its nonce, so its address is known before and each deployment is the same bytes again. The deployer's
account should do nothing else.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.abi import encode_constructor
from contracts.artifacts import load
from contracts.bindings.call import Call
from contracts.eip712 import address_bytes
from contracts.errors import ContractsError
from contracts.rpc import Rpc
from contracts.signers import Signer
from contracts.transactions import broadcast, estimate_gas, sign_call, suggest_fees, wait_for_receipt

FEE_CEILING_BPS: Final = 1_000
SELF_ATTESTED_BPS: Final = 3_000


class DeploymentError(ContractsError):
    """The chain holds something else than our contracts at the addresses that we would use."""


@dataclass(frozen=True)
class AddressBook:
    """Where everything is. `test_euro` is None where real tokens are used."""

    chain_id: int
    factory: str
    delivery_implementation: str
    supply_implementation: str
    test_euro: str | None
    deployed_block: int

    def to_json(self) -> str:
        """For a file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "AddressBook":
        """From a file.

        Raises:
            DeploymentError: it is no address book.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise DeploymentError(f"not an address book: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the file in one step."""
        draft = path.with_suffix(".draft")
        draft.write_text(self.to_json(), "utf-8")
        draft.replace(path)


@dataclass(frozen=True)
class _Step:
    contract: str
    nonce: int
    address: str
    creation: bytes


async def deploy(
    rpc: Rpc,
    signer: Signer,
    *,
    fee_receiver: str,
    minter: str | None = None,
    tokens: tuple[str, ...] = (),
    fee_ceiling_bps: int = FEE_CEILING_BPS,
    self_attested_bps: int = SELF_ATTESTED_BPS,
    first_nonce: int = 0,
) -> AddressBook:
    """Deploys what is missing and verifies all of it.

    Args:
        rpc: The node.
        signer: The deployer, with ether for some 8 million gas.
        fee_receiver: Where fees go.
        minter: Who may mint TestEuro; None deploys none.
        tokens: Further tokens that agreements may count in.
        fee_ceiling_bps: Highest fee that terms may name.
        self_attested_bps: Most that the maker's own evidence may release, advance included.
        first_nonce: The deployer's nonce of the first contract.

    Raises:
        DeploymentError: the nonces were used for something else.
    """
    chain_id = int(await rpc.call("eth_chainId"), 16)
    steps = _plan(
        signer.address,
        first_nonce,
        minter=minter,
        tokens=tokens,
        fee_receiver=fee_receiver,
        ceilings=(fee_ceiling_bps, self_attested_bps),
    )
    used = int(await rpc.call("eth_getTransactionCount", signer.address, "latest"), 16)
    missing = [step for step in steps if step.nonce >= used]
    if missing and missing[0].nonce != used:
        raise DeploymentError(f"the deployer's next nonce is {used}, the first contract wants {missing[0].nonce}")
    for step in steps:
        if step.nonce < used and not await _is_ours(rpc, step.contract, step.address):
            raise DeploymentError(f"nonce {step.nonce} of the deployer made no {step.contract} of this release")
    await _send(rpc, signer, missing, chain_id)
    places = {step.contract: step.address for step in steps}
    book = AddressBook(
        chain_id,
        places["AgreementFactory"],
        places["DeliveryAgreement"],
        places["SupplyAgreement"],
        places.get("TestEuro"),
        await _deployed_block(rpc, places["AgreementFactory"]),
    )
    await verify(rpc, book)
    return book


async def verify(rpc: Rpc, book: AddressBook) -> None:
    """Compares the code on the chain with the artifacts, immutables masked.

    Raises:
        DeploymentError: another chain, or other code.
    """
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if chain_id != book.chain_id:
        raise DeploymentError(f"the node is on chain {chain_id}, the address book on {book.chain_id}")
    places = {
        "AgreementFactory": book.factory,
        "DeliveryAgreement": book.delivery_implementation,
        "SupplyAgreement": book.supply_implementation,
        "TestEuro": book.test_euro,
    }
    for contract, address in places.items():
        if address is not None and not await _is_ours(rpc, contract, address):
            raise DeploymentError(f"at {address} there is no {contract} of this release")


def create_address(sender: str, nonce: int) -> str:
    """Where a plain creation of `sender` at `nonce` ends up: keccak(rlp([sender, nonce]))."""
    created = keccak(rlp.encode([address_bytes(sender), nonce]))
    return str(to_checksum_address(created[12:]))


def _plan(
    deployer: str,
    first_nonce: int,
    *,
    minter: str | None,
    tokens: tuple[str, ...],
    fee_receiver: str,
    ceilings: tuple[int, int],
) -> list[_Step]:
    names = [*(["TestEuro"] if minter is not None else []), "DeliveryAgreement", "SupplyAgreement", "AgreementFactory"]
    at = {name: create_address(deployer, first_nonce + index) for index, name in enumerate(names)}
    listed = [*([at["TestEuro"]] if minter is not None else []), *tokens]
    parts = [at["AgreementFactory"], fee_receiver]
    arguments: dict[str, list[Any]] = {
        "TestEuro": [minter],
        "DeliveryAgreement": parts,
        "SupplyAgreement": parts,
        "AgreementFactory": [
            at["DeliveryAgreement"],
            at["SupplyAgreement"],
            fee_receiver,
            *ceilings,
            listed,
        ],
    }
    return [
        _Step(name, first_nonce + index, at[name], encode_constructor(name, arguments[name]))
        for index, name in enumerate(names)
    ]


async def _send(rpc: Rpc, signer: Signer, steps: list[_Step], chain_id: int) -> None:
    fees = await suggest_fees(rpc)
    hashes = []
    for step in steps:
        call = Call(None, step.creation)
        # The factory's constructor calls its parts, which an estimate does not find yet: it gets a fixed limit.
        gas = 4_000_000 if step.contract == "AgreementFactory" else await estimate_gas(rpc, signer.address, call)
        signed = await sign_call(signer, call, nonce=step.nonce, gas=gas, fees=fees, chain_id=chain_id)
        await broadcast(rpc, signed.raw)
        hashes.append(signed.hash)
    await asyncio.gather(*(wait_for_receipt(rpc, one) for one in hashes))


async def _is_ours(rpc: Rpc, contract: str, address: str) -> bool:
    code = bytes.fromhex(str(await rpc.call("eth_getCode", address, "latest"))[2:])
    return load(contract).matches(code)


async def _deployed_block(rpc: Rpc, factory: str) -> int:
    """First block with the factory's code: where an indexer starts. By bisection, some thirty questions."""
    low, high = 0, int(await rpc.call("eth_blockNumber"), 16)
    if await rpc.call("eth_getCode", factory, hex(high)) == "0x":
        raise DeploymentError(f"at {factory} there is no AgreementFactory: the nonces were used for something else")
    while low < high:
        middle = (low + high) // 2
        if await rpc.call("eth_getCode", factory, hex(middle)) == "0x":
            low = middle + 1
        else:
            high = middle
    return low
