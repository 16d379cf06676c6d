"""py-evm's blocks, transactions and receipts as JSON-RPC objects."""

from typing import Any

from contracts.devchain.evm import Executed
from contracts.devchain.formats import checksum, data, quantity


def transaction_object(transaction: Any, *, base_fee: int | None = None) -> dict[str, Any]:
    """A transaction; the block's members stay null until `placed` fills them in."""
    kind = _kind(transaction)
    fields: dict[str, Any] = {
        "type": quantity(kind),
        "hash": data(transaction.hash),
        "nonce": quantity(transaction.nonce),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
        "from": checksum(transaction.sender),
        "to": checksum(transaction.to) if transaction.to else None,
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "input": data(transaction.data),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "gasPrice": quantity(_price(transaction, base_fee)),
    }
    if kind == 0:
        return fields | {"v": quantity(transaction.v), "chainId": quantity(transaction.chain_id)}
    fields |= {
        "v": quantity(transaction.y_parity),
        "yParity": quantity(transaction.y_parity),
        "chainId": quantity(transaction.chain_id),
        "accessList": [
            {"address": checksum(address), "storageKeys": [data(slot.to_bytes(32, "big")) for slot in slots]}
            for address, slots in transaction.access_list
        ],
    }
    if kind >= 2:
        fields |= {
            "maxFeePerGas": quantity(transaction.max_fee_per_gas),
            "maxPriorityFeePerGas": quantity(transaction.max_priority_fee_per_gas),
        }
    return fields


def placed(fields: dict[str, Any], block: Any, index: int) -> dict[str, Any]:
    """A transaction's object with its place in a block."""
    return fields | {
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "transactionIndex": quantity(index),
    }


def block_object(block: Any, size: int) -> dict[str, Any]:
    """A block with the hashes of its transactions."""
    header = block.header
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": checksum(header.coinbase),
        "difficulty": quantity(header.difficulty),
        "totalDifficulty": quantity(0),
        "extraData": data(header.extra_data),
        "size": quantity(size),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "mixHash": data(header.mix_hash),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": data(header.withdrawals_root),
        "withdrawals": [],
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
        "transactions": [data(transaction.hash) for transaction in block.transactions],
        "uncles": [],
    }


def receipt_objects(block: Any, executed: list[Executed]) -> list[dict[str, Any]]:
    """The receipts of a block's transactions, log indices counted through the block."""
    receipts: list[dict[str, Any]] = []
    used_before = 0
    log_index = 0
    for index, one in enumerate(executed):
        transaction, receipt = one.transaction, one.receipt
        place = {
            "transactionHash": data(transaction.hash),
            "transactionIndex": quantity(index),
            "blockHash": data(block.hash),
            "blockNumber": quantity(block.number),
        }
        logs = [
            place | _log(log, log_index + offset, block.header.timestamp) for offset, log in enumerate(receipt.logs)
        ]
        log_index += len(logs)
        receipts.append(
            place
            | {
                "from": checksum(transaction.sender),
                "to": checksum(transaction.to) if transaction.to else None,
                "cumulativeGasUsed": quantity(receipt.gas_used),
                "gasUsed": quantity(receipt.gas_used - used_before),
                "effectiveGasPrice": quantity(_price(transaction, block.header.base_fee_per_gas)),
                "contractAddress": None if transaction.to or one.failed else _created(transaction),
                "logs": logs,
                "logsBloom": data(receipt.bloom.to_bytes(256, "big")),
                "type": quantity(_kind(transaction)),
                "status": quantity(0 if one.failed else 1),
            }
        )
        used_before = receipt.gas_used
    return receipts


def _log(log: Any, index: int, timestamp: int) -> dict[str, Any]:
    return {
        "address": checksum(log.address),
        "topics": [data(topic.to_bytes(32, "big")) for topic in log.topics],
        "data": data(log.data),
        "logIndex": quantity(index),
        "blockTimestamp": quantity(timestamp),
        "removed": False,
    }


def _created(transaction: Any) -> str:
    from eth._utils.address import generate_contract_address  # noqa: PLC0415 - with the rest of py-evm

    return checksum(generate_contract_address(transaction.sender, transaction.nonce))


def _kind(transaction: Any) -> int:
    return int(getattr(transaction, "type_id", None) or 0)


def _price(transaction: Any, base_fee: int | None) -> int:
    if base_fee is None:
        return int(transaction.max_fee_per_gas)
    return int(min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas))
