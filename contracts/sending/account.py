"""What the chain says about an account, at its head and at final depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_checksum_address

from contracts.bindings.call import Call
from contracts.errors import NodeRefused, NodeUnavailable
from contracts.rpc import Rpc, answer, ask_all, member, quantity
from contracts.transactions import MARKET_QUESTIONS, Market, market_from

SCANNED_BLOCKS: Final = 500
"""How far back bodies are read where the node has forgotten the states: full nodes keep those of 128 blocks."""


@dataclass(frozen=True)
class Account:
    """The account when block `head` was the newest.

    `used` is the next nonce there, `settled` the next nonce in block `final`, which lies the confirmations deeper:
    below `settled` nothing changes any more, from `used` on nothing is mined.
    """

    head: int
    final: int
    used: int
    settled: int
    balance_wei: int
    market: Market


@dataclass(frozen=True)
class Receipt:
    """Where a transaction was mined, and whether it did what it should."""

    block: int
    succeeded: bool


@dataclass(frozen=True)
class Passage:
    """The block in which a nonce was used, the hashes in it, and the account's transaction with that nonce, if any.

    Without a transaction the nonce went by another way: an authorisation that the key signed (EIP-7702).
    """

    block: int
    hashes: frozenset[str]
    by: str | None


async def read_account(rpc: Rpc, address: str, confirmations: int | None) -> Account:
    """How the account stands.

    Raises:
        NodeUnavailable: no answer, or none that fits together.
    """
    head, final = await _head_and_final(rpc, confirmations)
    questions = [
        ("eth_getTransactionCount", [address, "latest"]),
        ("eth_getBalance", [address, "latest"]),
        *MARKET_QUESTIONS,
        *([("eth_getTransactionCount", [address, hex(final)])] if final >= 0 else []),
    ]
    used, balance, history, tip, *settled = await ask_all(rpc, questions)
    try:
        return Account(
            head=head,
            final=final,
            used=quantity(answer(used), "count"),
            settled=quantity(answer(settled[0]), "count") if settled else 0,
            balance_wei=quantity(answer(balance), "balance"),
            market=market_from(history, tip),
        )
    except NodeRefused as refusal:
        # A fork between two questions, or nodes behind one address that are not equally far.
        raise NodeUnavailable(f"the account cannot be read: {refusal}") from refusal


async def _head_and_final(rpc: Rpc, confirmations: int | None) -> tuple[int, int]:
    """The numbers of the newest block and of the last one that is final; -1 if none is."""
    if confirmations is not None:
        head = _number(await rpc.call("eth_getBlockByNumber", "latest", False))
        return head, max(head - confirmations, -1)
    answers = await ask_all(rpc, [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "finalized")])
    latest, finalized = (answer(one) for one in answers)
    return _number(latest), -1 if finalized is None else _number(finalized)


def _number(block: object) -> int:
    return quantity(member(block, "number"), "block number")


async def read_receipts(rpc: Rpc, hashes: Sequence[str]) -> dict[str, Receipt]:
    """The receipts that there are, by hash. Raises NodeUnavailable, NodeRefused."""
    answers = await ask_all(rpc, [("eth_getTransactionReceipt", [one]) for one in hashes])
    found = {one: answer(given) for one, given in zip(hashes, answers, strict=True)}
    return {one: _receipt(one, given) for one, given in found.items() if given is not None}


def _receipt(tx_hash: str, given: object) -> Receipt:
    if str(member(given, "transactionHash")).lower() != tx_hash.lower():
        raise NodeUnavailable("the answer is another transaction's receipt")
    status = quantity(member(given, "status"), "status")
    return Receipt(quantity(member(given, "blockNumber"), "block number"), status == 1)


async def find_passage(rpc: Rpc, address: str, nonce: int, final: int) -> Passage | None:
    """Where the nonce, which is used in block `final`, was used; None if the node cannot say."""
    try:
        number = await _first_block_after(rpc, address, nonce, final)
    except NodeRefused:
        return await _scan(rpc, address, nonce, final)
    if number == 0:
        return None  # no nonce is used in the first block: such a node counts by itself
    found = _passage(await rpc.call("eth_getBlockByNumber", hex(number), True), address, nonce)
    # The same question again: the block must still be the one in which the nonce went.
    return found if await _count(rpc, address, number) > nonce else None


async def read_call(rpc: Rpc, tx_hash: str) -> Call | None:
    """What a transaction did; None where the node does not know it. Raises NodeUnavailable."""
    sent = await rpc.call("eth_getTransactionByHash", tx_hash)
    if sent is None:
        return None
    to, data = member(sent, "to"), str(member(sent, "input"))
    address = None if to is None else str(to_checksum_address(str(to)))
    return Call(address, bytes.fromhex(data.removeprefix("0x")), quantity(member(sent, "value"), "value"))


async def _first_block_after(rpc: Rpc, address: str, nonce: int, final: int) -> int:
    """The first block after which the account's next nonce is above `nonce`. Raises NodeRefused: forgotten."""
    high, step = final, 1
    low = high - step
    while low >= 0 and await _count(rpc, address, low) > nonce:
        high, step = low, step * 2
        low = high - step
    low = max(low, -1)
    while high - low > 1:
        middle = (low + high) // 2
        if await _count(rpc, address, middle) > nonce:
            high = middle
        else:
            low = middle
    return high


async def _count(rpc: Rpc, address: str, block: int) -> int:
    return quantity(await rpc.call("eth_getTransactionCount", address, hex(block)), "count")


async def _scan(rpc: Rpc, address: str, nonce: int, final: int) -> Passage | None:
    for number in range(final, max(final - SCANNED_BLOCKS, -1), -1):
        found = _passage(await rpc.call("eth_getBlockByNumber", hex(number), True), address, nonce)
        if found is not None and found.by is not None:
            return found
    return None


def _passage(block: Any, address: str, nonce: int) -> Passage | None:
    if block is None:
        return None
    listed = member(block, "transactions")
    if not isinstance(listed, list):
        raise NodeUnavailable("the answer has no list of transactions")
    mine = [
        str(member(one, "hash"))
        for one in listed
        if str(member(one, "from")).lower() == address.lower() and quantity(member(one, "nonce"), "nonce") == nonce
    ]
    hashes = frozenset(str(member(one, "hash")).lower() for one in listed)
    return Passage(_number(block), hashes, next(iter(mine), None))
