"""Whether a node may be believed: the right chain, a fresh head, blocks and logs that a second node has too.

What a node says of blocks and logs is taken apart here, so that a garbled answer is an error with a name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from contracts.errors import NodeDistrusted, NodeRefused, NodeUnavailable
from contracts.events import Event, decode, topics
from contracts.rpc import Rpc

STALE_AFTER_BLOCKS: Final = 3
"""A chain misses a block now and then; three in a row it does not, or its node has lost touch."""
AHEAD_S: Final = 300.0
"""How far a head may lie in our future: clocks are off by minutes, not by more."""
CHECKED_FOR_S: Final = 30.0
"""A node that was believed is believed so long: what stands between a check and a payment that relies on it."""
_NUMBER: Final = re.compile("0x[0-9a-fA-F]{1,16}")
_HASH: Final = re.compile("0x[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Expected:
    """What must be true of the chain. `genesis` None is not known; `block_time_s` 0 is no beat: it may rest."""

    chain_id: int
    genesis: str | None = None
    block_time_s: float = 0.0
    confirmations: int | None = 0
    """Blocks over one that make it final; None is what the chain itself calls finalized."""


@dataclass(frozen=True)
class Block:
    """A block's number, hash, and stamp in seconds."""

    number: int
    hash: str
    timestamp: int


class GuardedNode:
    """A node's blocks and logs, believed while they are what is expected.

    `witness` is a second node. Every method raises NodeUnavailable where a node does
    not answer, and NodeDistrusted, one of its kind, where the answer cannot be believed.
    """

    def __init__(self, rpc: Rpc, expected: Expected, now: Callable[[], datetime], witness: Rpc | None = None) -> None:
        self._rpc = rpc
        self._expected = expected
        self._clock = now
        self._witness = witness
        self._identified_at: float | None = None
        self._believed_at: float | None = None
        self._disagreement: str | None = None

    @property
    def confirmations(self) -> int | None:
        """Blocks over one that make it final; None is what the chain itself calls finalized."""
        return self._expected.confirmations

    async def head(self) -> Block:
        """The newest block, of the right chain and not stale."""
        self._believed_at = None
        await self._identify()
        found = await _block(self._rpc, "latest")
        if found is None:
            raise NodeDistrusted("the node knows no newest block")
        self._require_fresh(found)
        self._believed_at = self._now()
        return found

    async def require(self) -> None:
        """Before money moves: the node was believed a moment ago, or is now."""
        if self._disagreement is not None:
            raise NodeDistrusted(self._disagreement)
        if self._believed_at is None or self._now() - self._believed_at > CHECKED_FOR_S:
            await self.head()

    async def block(self, number: int) -> Block | None:
        """Block `number`; None where the chain is shorter."""
        return await _block(self._rpc, number)

    async def final_number(self, head: int) -> int:
        """The highest final block under the head `head`; may lie below 0."""
        if self._expected.confirmations is not None:
            return head - self._expected.confirmations
        try:
            block = await _block(self._rpc, "finalized")
        except NodeRefused as refused:
            raise NodeDistrusted(f"the node does not say what is finalized ({refused.message})") from refused
        return -1 if block is None else block.number

    async def events(self, first: int, last: int) -> Sequence[Event]:
        """Every log of blocks `first` to `last` that looks like one of ours, in chain order."""
        return await _events(self._rpc, first, last)

    async def witnessed(self, first: int, last: int, block_hash: str) -> Sequence[Event] | None:
        """What the second node says happened in blocks `first` to `last`; None where there is no second node.

        It must have block `last` as `block_hash`. Whoever finds its events wrong says so by `disagree`; until the two
        agree again, `require` refuses.
        """
        if self._witness is None:
            return None
        block = await _block(self._witness, last)
        if block is None:
            await self._missing(last)
        elif block.hash != block_hash:
            await self.disagree(f"the second node has block {last} as {block.hash}, not as {block_hash}")
        found = await _events(self._witness, first, last)
        self._disagreement = None
        return found

    async def disagree(self, reason: str) -> NoReturn:
        """The two nodes say different things. Raises NodeDistrusted."""
        self._disagreement = reason
        raise NodeDistrusted(reason)

    async def _missing(self, number: int) -> NoReturn:
        """The second node lags. That passes, unless its own head is stale."""
        head = None if self._witness is None else await _block(self._witness, "latest")
        if head is None:
            raise NodeDistrusted("the second node knows no newest block")
        self._require_fresh(head, "the second node's")
        raise NodeUnavailable(f"the second node has no block {number} yet")

    def _now(self) -> float:
        return self._clock().timestamp()

    async def _identify(self) -> None:
        if self._identified_at is not None and self._now() - self._identified_at <= CHECKED_FOR_S:
            return
        self._identified_at = None
        expected, chain_id = self._expected, _number(await self._rpc.call("eth_chainId"), "chain id")
        if chain_id != expected.chain_id:
            raise NodeDistrusted(f"the node is on chain {chain_id}, not on chain {expected.chain_id}")
        if expected.genesis is not None:
            block = await _block(self._rpc, 0)
            if block is None or block.hash != expected.genesis:
                found = "missing" if block is None else block.hash
                raise NodeDistrusted(f"this is another chain: block 0 is {found}, not {expected.genesis}")
        self._identified_at = self._now()

    def _require_fresh(self, head: Block, whose: str = "the") -> None:
        beat, age_s = self._expected.block_time_s, self._now() - head.timestamp
        if not beat:
            return
        if age_s > STALE_AFTER_BLOCKS * beat:
            raise NodeDistrusted(
                f"{whose} newest block, {head.number}, is stale: {age_s:.0f} s old, and one comes every {beat:g} s"
            )
        if age_s < -AHEAD_S:
            raise NodeDistrusted(f"{whose} newest block, {head.number}, is {-age_s:.0f} s ahead of the clock here")


async def _block(rpc: Rpc, which: int | str) -> Block | None:
    answer = await rpc.call("eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, False)
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise NodeDistrusted("the answer is no block")
    found = answer.get("hash")
    if not isinstance(found, str) or not _HASH.fullmatch(found):
        raise NodeDistrusted("the answer is a block without a hash")
    block = Block(_number(answer.get("number"), "block number"), found, _number(answer.get("timestamp"), "stamp"))
    if isinstance(which, int) and block.number != which:
        raise NodeDistrusted(f"asked for block {which}, the node gave block {block.number}")
    return block


def _number(value: object, what: str) -> int:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise NodeDistrusted(f"the answer has no {what}")
    return int(value, 16)


async def _events(rpc: Rpc, first: int, last: int) -> Sequence[Event]:
    query = {"fromBlock": hex(first), "toBlock": hex(last), "topics": [topics()]}
    logs = await rpc.call("eth_getLogs", query)
    if not isinstance(logs, list):
        raise NodeDistrusted("the answer is no list of logs")
    found = [event for event in map(_event, logs) if event is not None]
    places = [(event.place.block_number, event.place.log_index) for event in found]
    if any(not first <= number <= last for number, _ in places) or places != sorted(set(places)):
        raise NodeDistrusted(f"the logs of blocks {first} to {last} are not in their order, or not theirs")
    return found


def _event(log: Any) -> Event | None:
    try:
        if log.get("removed"):
            raise NodeDistrusted("the node gave a log that it calls removed")
        return decode(log)
    except NodeDistrusted:
        raise
    except Exception as error:  # a node may answer whatever it likes; eth-abi's errors have no public root
        raise NodeDistrusted(f"the answer is no log: {type(error).__name__}") from error
