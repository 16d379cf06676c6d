"""One consistent look at a chain: everything is read as of one block, and no answer is used before it is understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.bindings.call import read
from contracts.eip712 import TypedData, address_bytes, digest
from contracts.errors import NodeError, NodeRefused, NodeUnavailable, Reverted
from contracts.rpc import Rpc
from contracts.signers import is_signed_by
from contracts.verification.node import Doubted

IS_VALID_SIGNATURE: Final = keccak(b"isValidSignature(bytes32,bytes)")[:4]
"""ERC-1271's one function; its selector is also its answer where a signature is good."""
_SMALLEST_RANGE: Final = 64


@dataclass(frozen=True)
class Log:
    """A log as the node gave it, addresses checksummed."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: str
    transaction: str
    index: int
    raw: dict[str, Any]

    @property
    def place(self) -> tuple[int, int]:
        """Sorts logs by when they happened."""
        return (self.block, self.index)

    @property
    def content(self) -> tuple[object, ...]:
        """Equal for the same log, however it was asked for."""
        return (self.block_hash, self.index, self.address, self.topics, self.data)


@dataclass(frozen=True)
class Transaction:
    """A mined transaction: who sent what to whom, when, and all that it logged. `time` in seconds since 1970."""

    hash: str
    sender: str
    to: str
    data: bytes
    block: int
    index: int
    time: int
    logs: tuple[Log, ...]


class Reader:
    """Reads up to the block `head`, which `pin` takes as the newest."""

    def __init__(self, rpc: Rpc, *, chain_id: int, head: int, head_hash: str, time: int) -> None:
        self.rpc = rpc
        self.chain_id = chain_id
        self.head = head
        self.head_hash = head_hash
        self.time = time
        self._codes: dict[tuple[str, int], bytes] = {}

    @classmethod
    async def pin(cls, rpc: Rpc) -> "Reader":
        """As of now. Raises NodeError."""
        rpc = Doubted(rpc)
        chain_id = int(await rpc.call("eth_chainId"), 16)
        block = await rpc.call("eth_getBlockByNumber", "latest", False)
        try:
            number, stamp = int(block["number"], 16), int(block["timestamp"], 16)
            return cls(rpc, chain_id=chain_id, head=number, head_hash=str(block["hash"]), time=stamp)
        except (KeyError, TypeError, ValueError) as error:
            raise NodeUnavailable("the head is not a block") from error

    async def code(self, address: str, block: int | None = None) -> bytes:
        """The code at an address, remembered."""
        at = self.head if block is None else block
        key = (address.lower(), at)
        if key not in self._codes:
            self._codes[key] = _data(await self.rpc.call("eth_getCode", address, hex(at)))
        return self._codes[key]

    async def read(self, contract: str, address: str, name: str, *arguments: object) -> Any:
        """What a view returns; raises as `bindings.call.read` does."""
        return await read(self.rpc, contract, address, name, arguments, block=self.head)

    async def logs(self, address: str | Sequence[str], topics: Sequence[object]) -> list[Log]:
        """All logs from the first block on, in order."""
        found = await self._logs(address, list(topics), 0, self.head)
        return sorted(found, key=lambda log: log.place)

    async def _logs(self, address: object, topics: list[object], first: int, last: int) -> list[Log]:
        query = {"address": address, "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            answer = await self.rpc.call("eth_getLogs", query)
        except NodeRefused:
            # Public nodes bound the range of a question, each as it likes.
            if last - first < _SMALLEST_RANGE:
                raise
            middle = (first + last) // 2
            return await self._logs(address, topics, first, middle) + await self._logs(
                address, topics, middle + 1, last
            )
        return [_log(one) for one in answer]

    async def transaction(self, tx_hash: str) -> Transaction | None:
        """A mined transaction, or None where the node knows none."""
        body = await self.rpc.call("eth_getTransactionByHash", tx_hash)
        receipt = await self.rpc.call("eth_getTransactionReceipt", tx_hash)
        if body is None or receipt is None:
            return None
        try:
            block = int(receipt["blockNumber"], 16)
            header = await self.rpc.call("eth_getBlockByNumber", hex(block), False)
            return Transaction(
                hash=tx_hash,
                sender=to_checksum_address(body["from"]),
                to=to_checksum_address(body["to"]) if body["to"] else "",
                data=_data(body["input"]),
                block=block,
                index=int(receipt["transactionIndex"], 16),
                time=int(header["timestamp"], 16),
                logs=tuple(_log(one) for one in receipt["logs"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NodeUnavailable(f"the node's transaction {tx_hash} is incomplete") from error

    async def is_signed(self, message: TypedData, signature: bytes, signer: str, block: int) -> bool | None:
        """Whether `signer` signed, as the contracts ask in `block`: its key, or the account's own code by ERC-1271.

        None where the node has forgotten the state of that block.
        """
        if is_signed_by(message, signature, signer):
            return True
        try:
            if not await self.code(signer, block):
                return False
            data = IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [digest(message), signature])
            call = {"to": signer, "data": "0x" + data.hex()}
            answer = _data(await self.rpc.call("eth_call", call, hex(block)))
        except Reverted:
            return False
        except NodeError as error:
            if isinstance(error, NodeUnavailable):
                raise
            return False if _is_revert(error) else None
        return answer[:4] == IS_VALID_SIGNATURE


def _is_revert(error: NodeError) -> bool:
    return "revert" in str(error).lower()


def _data(value: object) -> bytes:
    try:
        return bytes.fromhex(str(value)[2:])
    except ValueError as error:
        raise NodeUnavailable("the node's answer is not hex") from error


def _log(raw: Any) -> Log:
    try:
        return Log(
            address=to_checksum_address(raw["address"]),
            topics=tuple(bytes.fromhex(topic[2:]) for topic in raw["topics"]),
            data=bytes.fromhex(raw["data"][2:]),
            block=int(raw["blockNumber"], 16),
            block_hash=str(raw["blockHash"]),
            transaction=str(raw["transactionHash"]),
            index=int(raw["logIndex"], 16),
            raw=raw,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NodeUnavailable("the node's log is incomplete") from error


def same(one: str, other: str) -> bool:
    """Whether two addresses are the same, however they are written."""
    return address_bytes(one) == address_bytes(other)
