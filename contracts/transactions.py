"""Signing and sending, with the nonce in the caller's hands.

The order that loses nothing: reserve a nonce, `sign_call`, store the raw bytes, `broadcast`, later look for receipts of
everything signed at that nonce. A retry broadcasts the same bytes; a stuck one is signed again at the *same* nonce with
`Fees.bumped`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from eth_hash.auto import keccak

from contracts.bindings.call import Call
from contracts.errors import ContractsError, NodeRefused, NodeUnavailable
from contracts.rpc import Question, Rpc, answer, ask_all, member, quantity
from contracts.signers import Signer

# geth wants 10 % more from a replacement, others an eighth: an eighth satisfies all.
_BUMP: Final = (9, 8)
# Twice the base fee stays payable through six full blocks in a row.
_BASE_FEE_FACTOR: Final = 2
# An estimate is for the state before; a neighbour's move may make ours dearer: by a part, and where it leaves a payment
# to us that was not due before, by a transfer and a fresh slot. What is not used costs nothing.
_GAS_MARGIN: Final = (5, 4)
_GAS_HEADROOM: Final = 60_000


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
    TOO_CHEAP = "too cheap"
    """Below the next block's base fee, and this node does not keep what cannot be mined now."""
    NO_MONEY = "no money"
    """The account cannot pay for it as it stands."""
    REFUSED = "refused"
    """Any other refusal: this node will not take it as it is."""


@dataclass(frozen=True)
class Market:
    """What gas costs, in wei: the next block's base fee (EIP-1559), and the tip that nodes advise."""

    base_fee: int
    tip: int

    def offer(self, ceiling: int) -> Fees:
        """Fees with which the next blocks take a transaction, unless the ceiling is too low for that."""
        return Fees(min(self.base_fee * _BASE_FEE_FACTOR + self.tip, ceiling), min(self.tip, ceiling))


MARKET_QUESTIONS: Final[tuple[Question, ...]] = (
    ("eth_feeHistory", ["0x1", "latest", []]),
    ("eth_maxPriorityFeePerGas", []),
)


def market_from(history: Any, tip: Any) -> Market:
    """From the answers to MARKET_QUESTIONS. Raises NodeRefused, NodeUnavailable."""
    fees = member(answer(history), "baseFeePerGas")
    following = fees[-1] if isinstance(fees, list) and fees else None
    return Market(quantity(following, "base fee"), quantity(answer(tip), "tip"))


async def suggest_fees(rpc: Rpc) -> Fees:
    """Fees with which the next blocks take a transaction."""
    block = await rpc.call("eth_getBlockByNumber", "latest", False)
    tip = int(await rpc.call("eth_maxPriorityFeePerGas"), 16)
    return Fees(int(block["baseFeePerGas"], 16) * _BASE_FEE_FACTOR + tip, tip)


async def estimate_gas(rpc: Rpc, sender: str, call: Call) -> int:
    """Gas for the call, with a margin.

    Raises:
        Reverted: it would fail now.
    """
    method, parameters = estimate_question(sender, call)
    return with_margin(await rpc.call(method, *parameters))


def estimate_question(sender: str, call: Call) -> Question:
    """What to ask a node for `with_margin`."""
    message: dict[str, str] = {"from": sender, "data": _hex(call.data), "value": hex(call.value)}
    if call.to is not None:
        message["to"] = call.to
    return "eth_estimateGas", [message]


def with_margin(estimate: Any) -> int:
    """Gas from a node's answer, a quarter and the price of a payment on top.

    Raises Reverted, NodeRefused, NodeUnavailable.
    """
    return quantity(answer(estimate), "gas") * _GAS_MARGIN[0] // _GAS_MARGIN[1] + _GAS_HEADROOM


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
    (answered,) = await ask_all(rpc, [_question(raw)])
    said = _said(answered)
    if said in _HOPELESS:
        answer(answered)
    return said


async def hand_in(rpc: Rpc, raws: Sequence[bytes]) -> list[tuple[Broadcast, str]]:
    """Hands several to the node, in order; a refusal is an answer too, with the node's words: stored bytes wait.

    Raises:
        NodeUnavailable: no answer, so perhaps sent.
    """
    answers = await ask_all(rpc, [_question(raw) for raw in raws])
    return [(said, str(one) if said in _HOPELESS else "") for one in answers for said in [_said(one)]]


def _question(raw: bytes) -> Question:
    return "eth_sendRawTransaction", [_hex(raw)]


def _said(answered: Any) -> Broadcast:
    """What an answer to a broadcast means; raises what is no refusal of the node."""
    if not isinstance(answered, Exception):
        return Broadcast.SENT
    if not isinstance(answered, NodeRefused):
        raise answered
    text = answered.message.lower()
    if text.startswith("known transaction"):
        return Broadcast.KNOWN
    return next((said for words, said in _WORDS.items() if words in text), Broadcast.REFUSED)


_WORDS: Final = {
    "already known": Broadcast.KNOWN,
    "already imported": Broadcast.KNOWN,
    "nonce too low": Broadcast.NONCE_USED,
    "underpriced": Broadcast.UNDERPRICED,
    "insufficient funds": Broadcast.NO_MONEY,
    "insufficient balance": Broadcast.NO_MONEY,
    # "max fee per gas less than block base fee", "fee cap less than …", "fee too low".
    "base fee": Broadcast.TOO_CHEAP,
    "basefee": Broadcast.TOO_CHEAP,
    "fee too low": Broadcast.TOO_CHEAP,
}
"""Parts of what nodes say, in small letters; the first that fits counts."""
_HOPELESS: Final = frozenset({Broadcast.NO_MONEY, Broadcast.TOO_CHEAP, Broadcast.REFUSED})
"""Answers after which a transaction is not on its way."""


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
