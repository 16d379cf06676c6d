"""Puts the contracts on a chain, once: a second run, also after a crash in the middle, finds what the first did.

Every contract has its nonce, so its address is known before, and a run that is repeated goes on where the last one
ended. Between the first and the last contract the deployer's account should do nothing else.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import rlp  # type: ignore[import-untyped]
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.abi import encode_constructor
from contracts.artifacts import load
from contracts.bindings import factory as factory_binding
from contracts.bindings.call import Call
from contracts.eip712 import address_bytes
from contracts.errors import ContractsError, NodeRefused
from contracts.rpc import Rpc
from contracts.signers import Signer
from contracts.transactions import broadcast, estimate_gas, sign_call, suggest_fees

FEE_CEILING_BPS: Final = 1_000
SELF_ATTESTED_BPS: Final = 3_000
FACTORY_GAS: Final = 6_000_000
"""Its constructor calls its parts, which an estimate does not find before they are mined."""
MINED_WITHIN_S: Final = 180.0
"""A public chain makes a block in some twelve seconds; a run that gives up can be repeated."""


class DeploymentError(ContractsError):
    """The chain holds something else than our contracts at the addresses that we would use."""


class DeploymentUnfinished(DeploymentError):
    """A transaction was not mined in time; run it again."""


@dataclass(frozen=True)
class _Document:
    """Something that is kept as JSON."""

    def to_json(self) -> str:
        """For a file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From a file.

        Raises:
            DeploymentError: it is something else.
        """
        try:
            raw = json.loads(text)
            return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise DeploymentError(f"not an {cls.__name__}: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the file in one step."""
        draft = path.with_suffix(".draft")
        draft.write_text(self.to_json(), "utf-8")
        draft.replace(path)


@dataclass(frozen=True)
class AddressBook(_Document):
    """Where everything is. `test_euro` is None where real tokens are used.

    `genesis` is the hash of the chain's block 0; a book of an older release does not know it.
    """

    chain_id: int
    factory: str
    delivery_implementation: str
    supply_implementation: str
    test_euro: str | None
    deployed_block: int
    genesis: str | None = None

    @property
    def places(self) -> dict[str, str]:
        """Address by contract."""
        found = {
            "TestEuro": self.test_euro,
            "DeliveryAgreement": self.delivery_implementation,
            "SupplyAgreement": self.supply_implementation,
            "AgreementFactory": self.factory,
        }
        return {contract: address for contract, address in found.items() if address is not None}


@dataclass(frozen=True)
class Plan(_Document):
    """All that decides the addresses and the code: kept in a file, it lets a run go on after a crash.

    `minter` None deploys no TestEuro; `tokens` are further ones that agreements may count in; `from_block` lies before
    all of it.
    """

    chain_id: int
    deployer: str
    first_nonce: int
    fee_receiver: str
    minter: str | None = None
    tokens: tuple[str, ...] = ()
    fee_ceiling_bps: int = FEE_CEILING_BPS
    self_attested_bps: int = SELF_ATTESTED_BPS
    from_block: int = 0

    @property
    def steps(self) -> list["Step"]:
        """What is created, in order."""
        test_money = [] if self.minter is None else ["TestEuro"]
        names = [*test_money, "DeliveryAgreement", "SupplyAgreement", "AgreementFactory"]
        at = {name: create_address(self.deployer, self.first_nonce + index) for index, name in enumerate(names)}
        parts = [at["AgreementFactory"], self.fee_receiver]
        arguments: Mapping[str, list[Any]] = {
            "TestEuro": [self.minter],
            "DeliveryAgreement": parts,
            "SupplyAgreement": parts,
            "AgreementFactory": [
                at["DeliveryAgreement"],
                at["SupplyAgreement"],
                self.fee_receiver,
                self.fee_ceiling_bps,
                self.self_attested_bps,
                [*(at[name] for name in test_money), *self.tokens],
            ],
        }
        return [
            Step(name, self.first_nonce + index, at[name], encode_constructor(name, arguments[name]))
            for index, name in enumerate(names)
        ]

    def differs(self, other: "Plan") -> list[str]:
        """Names of what another plan does otherwise, wherever in the chain it begins."""
        ignored = {"first_nonce", "from_block"}
        names = [field.name for field in fields(self) if field.name not in ignored]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class Step:
    """One contract: the deployer's nonce that makes it, where it will be, its creation code."""

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
    """Deploys what is missing and verifies all of it, with an account that does nothing else from `first_nonce` on.

    Args:
        rpc: The node.
        signer: The deployer, with ether for some 10 million gas.
        fee_receiver: Where fees go.
        minter: Who may mint TestEuro; None deploys none.
        tokens: Further tokens that agreements may count in.
        fee_ceiling_bps: Highest fee that terms may name.
        self_attested_bps: Most that the maker's own evidence may release, advance included.
        first_nonce: The deployer's nonce of the first contract.

    Raises:
        DeploymentError: the nonces were used for something else.
        NodeError: the node failed; run it again.
    """
    plan = Plan(
        chain_id=int(await rpc.call("eth_chainId"), 16),
        deployer=signer.address,
        first_nonce=first_nonce,
        fee_receiver=fee_receiver,
        minter=minter,
        tokens=tokens,
        fee_ceiling_bps=fee_ceiling_bps,
        self_attested_bps=self_attested_bps,
    )
    return await carry_out(rpc, signer, plan)


async def carry_out(rpc: Rpc, signer: Signer, plan: Plan) -> AddressBook:
    """Deploys what the plan still misses and verifies all of it; raises as `deploy` does."""
    await _require_chain(rpc, plan.chain_id, "the plan is")
    if address_bytes(signer.address) != address_bytes(plan.deployer):
        raise DeploymentError(f"the plan is for the account {plan.deployer}, not for {signer.address}")
    steps, used = plan.steps, await _nonce(rpc, plan.deployer)
    missing = [step for step in steps if step.nonce >= used]
    if missing and missing[0].nonce != used:
        raise DeploymentError(f"the deployer's next nonce is {used}, the first contract wants {missing[0].nonce}")
    for step in steps:
        if step.nonce < used:
            await _require_ours(rpc, step)
    await _send(rpc, signer, missing, plan.chain_id)
    places = {step.contract: step.address for step in steps}
    book = AddressBook(
        plan.chain_id,
        places["AgreementFactory"],
        places["DeliveryAgreement"],
        places["SupplyAgreement"],
        places.get("TestEuro"),
        await _deployed_block(rpc, places["AgreementFactory"], plan.from_block),
        await _genesis(rpc),
    )
    await verify(rpc, book)
    await require_settings(rpc, book, plan)
    return book


async def verify(rpc: Rpc, book: AddressBook) -> None:
    """Compares the code on the chain with the artifacts, immutables masked.

    Raises:
        DeploymentError: another chain, or other code.
    """
    await _require_chain(rpc, book.chain_id, "the address book is")
    if book.genesis not in (None, found := await _genesis(rpc)):
        raise DeploymentError(f"the address book is for another chain: block 0 is {found}, not {book.genesis}")
    for contract, address in book.places.items():
        if not await _is_ours(rpc, contract, address):
            raise DeploymentError(f"at {address} there is no {contract} of this release")


async def _genesis(rpc: Rpc) -> str:
    return str((await rpc.call("eth_getBlockByNumber", "0x0", False))["hash"])


async def require_settings(rpc: Rpc, book: AddressBook, plan: Plan) -> None:
    """Compares what the factory was deployed with to what a plan asks for.

    Raises:
        DeploymentError: an earlier run had other options.
    """
    settings = await factory_binding.settings(rpc, book.factory)
    found = (settings.fee_receiver, settings.fee_ceiling_bps, settings.self_attested_bps)
    wanted = (str(to_checksum_address(plan.fee_receiver)), plan.fee_ceiling_bps, plan.self_attested_bps)
    if found != wanted:
        raise DeploymentError(f"the factory was deployed with {found}, not with {wanted}")
    for token in plan.tokens:
        if not await factory_binding.is_listed(rpc, book.factory, token):
            raise DeploymentError(f"the factory does not list the token {token}")


def create_address(sender: str, nonce: int) -> str:
    """Where a plain creation of `sender` at `nonce` ends up: keccak(rlp([sender, nonce]))."""
    created = keccak(rlp.encode([address_bytes(sender), nonce]))
    return str(to_checksum_address(created[12:]))


async def _require_chain(rpc: Rpc, wanted: int, whose: str) -> None:
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if chain_id != wanted:
        raise DeploymentError(f"the node is on chain {chain_id}, {whose} for chain {wanted}")


async def _require_ours(rpc: Rpc, step: Step) -> None:
    if not await _is_ours(rpc, step.contract, step.address):
        raise DeploymentError(f"nonce {step.nonce} of the deployer made no {step.contract} of this release")


async def _send(rpc: Rpc, signer: Signer, steps: list[Step], chain_id: int) -> None:
    fees = await suggest_fees(rpc)
    for step in steps:
        call = Call(None, step.creation)
        is_factory = step.contract == factory_binding.CONTRACT
        gas = FACTORY_GAS if is_factory else await estimate_gas(rpc, signer.address, call)
        signed = await sign_call(signer, call, nonce=step.nonce, gas=gas, fees=fees, chain_id=chain_id)
        # Whatever the node says of it: an earlier run may have sent another transaction with this nonce, just as good.
        await broadcast(rpc, signed.raw)
    for step in steps:
        await _wait_for(rpc, signer.address, step)


async def _wait_for(rpc: Rpc, deployer: str, step: Step, *, poll_s: float = 0.05) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + MINED_WITHIN_S
    while await _nonce(rpc, deployer) <= step.nonce:
        if loop.time() > until:
            raise DeploymentUnfinished(f"{step.contract} was not mined within {MINED_WITHIN_S:g} s: run it again")
        await asyncio.sleep(poll_s)
    await _require_ours(rpc, step)


async def _nonce(rpc: Rpc, account: str) -> int:
    return int(await rpc.call("eth_getTransactionCount", account, "latest"), 16)


async def _is_ours(rpc: Rpc, contract: str, address: str) -> bool:
    code = bytes.fromhex(str(await rpc.call("eth_getCode", address, "latest"))[2:])
    return load(contract).matches(code)


async def _deployed_block(rpc: Rpc, factory: str, from_block: int) -> int:
    """First block with the factory's code: where an indexer starts. By bisection, some thirty questions."""
    low, high = from_block, int(await rpc.call("eth_blockNumber"), 16)
    try:
        while low < high:
            middle = (low + high) // 2
            if await rpc.call("eth_getCode", factory, hex(middle)) == "0x":
                low = middle + 1
            else:
                high = middle
    except NodeRefused:
        # A node without old states: an indexer that starts earlier only reads more.
        return from_block
    return low
