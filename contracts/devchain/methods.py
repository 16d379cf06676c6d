"""Every JSON-RPC method, by name. Parameters are checked here; the node sees clean values."""

from collections.abc import Callable
from typing import Any, Final

from contracts.devchain.errors import SERVER_ERROR, InvalidParamsError, RpcError
from contracts.devchain.evm import Call
from contracts.devchain.formats import data, parse_block, parse_data, parse_quantity, quantity
from contracts.devchain.node import Node

PRIORITY_FEE: Final = 1_000_000_000
"""What the node advises as a tip, in wei; blocks take any."""
_MAX_FEE_HISTORY: Final = 1_024
_MAX_TOPICS: Final = 4
_NO_BLOCK: Final = "header not found"


class Methods:
    """The methods of one node. `now` gives the wall's second, the time a pending block would have."""

    def __init__(self, node: Node, now: Callable[[], int]) -> None:
        self._node = node
        self._now = now
        self.table: dict[str, Callable[..., Any]] = {
            name: getattr(self, name)
            for name in dir(self)
            if name.startswith(("eth_", "net_", "web3_")) and callable(getattr(self, name))
        }

    def web3_clientVersion(self) -> str:  # noqa: N802 - the protocol's names
        return "lotsizeone-devchain/1 (py-evm, prague)"

    def net_version(self) -> str:
        return str(self._node.chain_id)

    def net_listening(self) -> bool:
        return True

    def eth_chainId(self) -> str:  # noqa: N802
        return quantity(self._node.chain_id)

    def eth_syncing(self) -> bool:
        return False

    def eth_accounts(self) -> list[str]:
        return []

    def eth_blockNumber(self) -> str:  # noqa: N802
        return quantity(self._node.head_number)

    def eth_gasPrice(self) -> str:  # noqa: N802
        return quantity(self._node.evm.next_base_fee() + PRIORITY_FEE)

    def eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802
        return quantity(PRIORITY_FEE)

    def eth_feeHistory(self, count: object, newest: object, percentiles: object = None) -> dict[str, Any]:  # noqa: N802
        last = self._number(newest)
        wanted = min(parse_quantity(count, "blockCount"), _MAX_FEE_HISTORY, last + 1)
        if percentiles is not None and not isinstance(percentiles, list):
            raise InvalidParamsError("rewardPercentiles must be a list")
        blocks = [self._block(number) for number in range(last - wanted + 1, last + 1)]
        fees = [block["baseFeePerGas"] for block in blocks]
        if last == self._node.head_number:
            fees.append(quantity(self._node.evm.next_base_fee()))
        else:
            fees.append(self._block(last + 1)["baseFeePerGas"])
        history: dict[str, Any] = {
            "oldestBlock": quantity(last - wanted + 1),
            "baseFeePerGas": fees,
            "gasUsedRatio": [int(block["gasUsed"], 16) / int(block["gasLimit"], 16) for block in blocks],
        }
        if percentiles:
            history["reward"] = [[quantity(PRIORITY_FEE) for _ in percentiles] for _ in blocks]
        return history

    def eth_getBlockByNumber(self, block: object, full: object = False) -> dict[str, Any] | None:  # noqa: N802
        tag = parse_block(block, self._node.head_number)
        found = self._node.store.block(self._node.head_number if isinstance(tag, str) else tag)
        return self._with_transactions(found, full)

    def eth_getBlockByHash(self, block_hash: object, full: object = False) -> dict[str, Any] | None:  # noqa: N802
        return self._with_transactions(self._node.store.block(parse_data(block_hash, "block hash", 32)), full)

    def eth_getBalance(self, address: object, block: object = None) -> str:  # noqa: N802
        return quantity(self._node.evm.balance(parse_data(address, "address", 20), self._number(block)))

    def eth_getCode(self, address: object, block: object = None) -> str:  # noqa: N802
        return data(self._node.evm.code(parse_data(address, "address", 20), self._number(block)))

    def eth_getStorageAt(self, address: object, slot: object, block: object = None) -> str:  # noqa: N802
        place = parse_quantity(slot, "slot") if not _is_word(slot) else int(str(slot), 16)
        value = self._node.evm.storage(parse_data(address, "address", 20), place, self._number(block))
        return data(value.to_bytes(32, "big"))

    def eth_getTransactionCount(self, address: object, block: object = None) -> str:  # noqa: N802
        tag = parse_block(block, self._node.head_number)
        at = None if isinstance(tag, str) else self._number(block)
        return quantity(self._node.nonce(parse_data(address, "address", 20), at=at))

    def eth_call(self, call: object, block: object = None, *_overrides: object) -> str:
        self._no_overrides(_overrides)
        tag = parse_block(block, self._node.head_number)
        pending_at = self._pending_at() if isinstance(tag, str) else None
        return data(self._node.evm.call(_parse_call(call), self._number(block), pending_at))

    def eth_estimateGas(self, call: object, block: object = None, *_overrides: object) -> str:  # noqa: N802
        self._no_overrides(_overrides)
        return quantity(self._node.evm.estimate(_parse_call(call), self._number(block), self._pending_at()))

    def eth_sendRawTransaction(self, raw: object) -> str:  # noqa: N802
        return data(self._node.submit(parse_data(raw, "transaction")))

    def eth_getTransactionByHash(self, tx_hash: object) -> dict[str, Any] | None:  # noqa: N802
        key = parse_data(tx_hash, "transaction hash", 32)
        return self._node.store.mined(key) or self._node.pending_object(key)

    def eth_getTransactionReceipt(self, tx_hash: object) -> dict[str, Any] | None:  # noqa: N802
        return self._node.store.receipt(parse_data(tx_hash, "transaction hash", 32))

    def eth_getLogs(self, query: object) -> list[dict[str, Any]]:  # noqa: N802
        if not isinstance(query, dict):
            raise InvalidParamsError("the filter must be an object")
        if "blockHash" in query:
            block = self._node.store.block(parse_data(query["blockHash"], "blockHash", 32))
            if block is None:
                raise RpcError(SERVER_ERROR, "unknown block")
            first = last = int(block["number"], 16)
        else:
            head = self._node.head_number
            first, last = (
                head if isinstance(tag, str) else tag
                for tag in (parse_block(query.get(key), head) for key in ("fromBlock", "toBlock"))
            )
            if first > last:
                raise InvalidParamsError("fromBlock is after toBlock")
        addresses = [parse_data(one, "address", 20) for one in _as_list(query.get("address"))]
        return self._node.store.logs(first, min(last, self._node.head_number), addresses, _topics(query))

    # ── helpers ──────────────────────────────────────────────────────────────────────────────────

    def _pending_at(self) -> int:
        return max(self._node.head_timestamp + 1, self._now())

    def _number(self, block: object) -> int:
        tag = parse_block(block, self._node.head_number)
        number = self._node.head_number if isinstance(tag, str) else tag
        if number > self._node.head_number:
            raise RpcError(SERVER_ERROR, _NO_BLOCK)
        return number

    def _block(self, number: int) -> dict[str, Any]:
        block = self._node.store.block(number)
        if block is None:
            raise RpcError(SERVER_ERROR, _NO_BLOCK)
        return block

    def _with_transactions(self, block: dict[str, Any] | None, full: object) -> dict[str, Any] | None:
        if not isinstance(full, bool):
            raise InvalidParamsError("the second parameter must be a boolean")
        if block is None or not full:
            return block
        hashes = [bytes.fromhex(one[2:]) for one in block["transactions"]]
        return block | {"transactions": [self._node.store.mined(one) for one in hashes]}

    @staticmethod
    def _no_overrides(overrides: tuple[object, ...]) -> None:
        if any(overrides):
            raise InvalidParamsError("state overrides are not offered")


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) == 66 and value.startswith("0x")


def _parse_call(value: object) -> Call:
    if not isinstance(value, dict):
        raise InvalidParamsError("the call must be an object")
    payload = value.get("input", value.get("data"))
    gas = value.get("gas")
    sender, to = value.get("from"), value.get("to")
    return Call(
        sender=bytes(20) if sender is None else parse_data(sender, "from", 20),
        to=b"" if to is None else parse_data(to, "to", 20),
        value=parse_quantity(value.get("value", 0), "value"),
        payload=b"" if payload is None else parse_data(payload, "data"),
        gas=None if gas is None else parse_quantity(gas, "gas"),
    )


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _topics(query: dict[str, Any]) -> list[list[bytes]]:
    topics = _as_list(query.get("topics"))
    if len(topics) > _MAX_TOPICS:
        raise InvalidParamsError("a log has at most four topics")
    return [[parse_data(one, "topic", 32) for one in _as_list(choice)] for choice in topics]
