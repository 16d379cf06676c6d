"""Signing and sending, with the nonce in the caller's hands and the outcome read from the chain.

The order that loses nothing: reserve a nonce, `sign_call`, store the raw bytes, `broadcast`, later `outcome`. A retry
broadcasts the same bytes; a stuck one is signed again at the *same* nonce with `Fees.bumped`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from eth_hash.auto import keccak

from contracts.bindings.call import Call
from contracts.errors import ContractsError, NodeRefused, NodeUnavailable
from contracts.rpc import Rpc
from contracts.signers import Signer

# geth wants 10 % more from a replacement, others an eighth: an eighth satisfies all.
_BUMP: Final = (9, 8)
# Twice the base fee stays payable through six full blocks in a row.
_BASE_FEE_FACTOR: Final = 2
# An estimate is for the state before; a neighbour's move may make ours dearer.
_GAS_MARGIN: Final = (5, 4)


@dataclass(frozen=True)
class Fees:
    """EIP-1559 fees in wei per gas."""

    max_fee: int
    max_priority_fee: int

    def bumped(self, ceiling: int) -> "Fees":
        """At least 12.5 % more of both, as a replacement needs; `ceiling` bounds the maximum fee.

        Raises:
            FeeCeilingError: the ceiling leaves no room for a valid replacement.
        """
        bumped = Fees(_up(self.max_fee), _up(self.max_priority_fee))
        if bumped.max_fee > ceiling:
            raise FeeCeilingError(f"a replacement needs {bumped.max_fee} wei per gas, the ceiling is {ceiling}")
        return bumped


class FeeCeilingError(ContractsError):
    """Paying more was not allowed."""


class TransactionTimeout(ContractsError):
    """Not mined within the deadline; it may still be."""


class TransactionFailed(ContractsError):
    """Mined, and reverted."""

    def __init__(self, receipt: dict[str, Any]) -> None:
        super().__init__(f"transaction {receipt['transactionHash']} reverted")
        self.receipt = receipt


@dataclass(frozen=True)
class SignedCall:
    """A transaction ready to be stored and sent."""

    raw: bytes
    hash: str
    sender: str
    nonce: int
    fees: Fees


class Broadcast(Enum):
    """What became of handing a transaction to a node; no value says that it failed, only the chain can."""

    SENT = "sent"
    KNOWN = "known"
    NONCE_USED = "nonce used"
    """Something at this nonce is mined: perhaps an earlier attempt of ours, so look up all of them."""
    UNDERPRICED = "underpriced"
    """Another transaction waits at this nonce and offers as much."""


@dataclass(frozen=True)
class Pending:
    """Not mined; `seen` says whether the node has it at all."""

    seen: bool


@dataclass(frozen=True)
class Mined:
    """In a block. `confirmations` counts that block as one; `succeeded` is the receipt's status."""

    hash: str
    receipt: dict[str, Any]
    succeeded: bool
    confirmations: int


@dataclass(frozen=True)
class Replaced:
    """The nonce went to a transaction that is none of the attempts: nothing of ours will ever be mined."""


Outcome = Pending | Mined | Replaced


async def suggest_fees(rpc: Rpc) -> Fees:
    """Fees with which the next blocks take a transaction."""
    block = await rpc.call("eth_getBlockByNumber", "latest", False)
    tip = int(await rpc.call("eth_maxPriorityFeePerGas"), 16)
    return Fees(int(block["baseFeePerGas"], 16) * _BASE_FEE_FACTOR + tip, tip)


async def estimate_gas(rpc: Rpc, sender: str, call: Call) -> int:
    """Gas for the call, with a margin of a quarter.

    Raises:
        Reverted: it would fail now.
    """
    message: dict[str, str] = {"from": sender, "data": _hex(call.data), "value": hex(call.value)}
    if call.to is not None:
        message["to"] = call.to
    estimate = int(await rpc.call("eth_estimateGas", message), 16)
    return estimate * _GAS_MARGIN[0] // _GAS_MARGIN[1]


async def sign_call(signer: Signer, call: Call, *, nonce: int, gas: int, fees: Fees, chain_id: int) -> SignedCall:
    """A signed EIP-1559 transaction. Pure: asks no node, hides no nonce."""
    transaction: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.max_priority_fee,
        "value": call.value,
        "data": _hex(call.data),
    }
    if call.to is not None:
        transaction["to"] = call.to
    raw = await signer.sign_transaction(transaction)
    return SignedCall(raw, _hex(keccak(raw)), signer.address, nonce, fees)


async def broadcast(rpc: Rpc, raw: bytes) -> Broadcast:
    """Hands the bytes to the node; safe to repeat.

    Raises:
        NodeUnavailable: no answer, so perhaps sent: broadcast again or ask for the outcome.
        NodeRefused: no node will take it: wrong chain, no money, malformed.
    """
    try:
        await rpc.call("eth_sendRawTransaction", _hex(raw))
    except NodeRefused as error:
        text = error.message.lower()
        if "already known" in text or "already imported" in text or "known transaction" in text:
            return Broadcast.KNOWN
        if "nonce too low" in text:
            return Broadcast.NONCE_USED
        if "underpriced" in text:
            return Broadcast.UNDERPRICED
        raise
    return Broadcast.SENT


async def outcome(rpc: Rpc, attempts: Sequence[SignedCall]) -> Outcome:
    """What the chain says about a nonce: `attempts` are all transactions ever signed for it."""
    for attempt in attempts:
        receipt = await rpc.call("eth_getTransactionReceipt", attempt.hash)
        if receipt is not None:
            head = int(await rpc.call("eth_blockNumber"), 16)
            depth = max(head - int(receipt["blockNumber"], 16) + 1, 1)
            return Mined(attempt.hash, receipt, int(receipt["status"], 16) == 1, depth)
    first = attempts[0]
    if int(await rpc.call("eth_getTransactionCount", first.sender, "latest"), 16) > first.nonce:
        # A block may have come between the two questions: ask for the receipts once more before saying "lost".
        for attempt in attempts:
            if await rpc.call("eth_getTransactionReceipt", attempt.hash) is not None:
                return Pending(seen=True)
        return Replaced()
    seen = [await rpc.call("eth_getTransactionByHash", attempt.hash) is not None for attempt in attempts]
    return Pending(seen=any(seen))


async def wait_for_receipt(rpc: Rpc, tx_hash: str, *, timeout_s: float = 30.0, poll_s: float = 0.05) -> dict[str, Any]:
    """The receipt of a transaction that succeeded.

    Raises:
        TransactionFailed: it reverted.
        TransactionTimeout: it was not mined in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while loop.time() < deadline:
        try:
            receipt: dict[str, Any] | None = await rpc.call("eth_getTransactionReceipt", tx_hash)
        except NodeUnavailable:
            receipt = None
        if receipt is not None:
            if int(receipt["status"], 16) != 1:
                raise TransactionFailed(receipt)
            return receipt
        await asyncio.sleep(poll_s)
    raise TransactionTimeout(f"{tx_hash} was not mined within {timeout_s:g} s")


def _up(fee: int) -> int:
    return -(-fee * _BUMP[0] // _BUMP[1])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
