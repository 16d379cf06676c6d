"""py-evm behind a dozen calls: blocks in, results out. The only module that imports it, and only when a chain starts.

py-evm is used directly, without eth-tester's backend: its scan for a transaction and its one-second clock are what
the devchain must not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_utils.exceptions import ValidationError

from contracts.devchain.errors import REVERTED, SERVER_ERROR, DevchainError, RpcError
from contracts.devchain.formats import data
from contracts.devchain.store import Pairs

GAS_LIMIT: Final = 30_000_000
_ZERO: Final = bytes(20)
# Solidity's Error(string): its text goes into the error message, as every node does.
_ERROR_STRING: Final = bytes.fromhex("08c379a0")


@dataclass(frozen=True)
class Call:
    """A message to run without a signature. `gas` None means as much as a block has."""

    sender: bytes = _ZERO
    to: bytes = b""
    value: int = 0
    payload: bytes = b""
    gas: int | None = None
    gas_price: int = 0


@dataclass(frozen=True)
class Executed:
    """A transaction as it went into a block."""

    transaction: Any
    receipt: Any
    failed: bool


class TransactionRefused(DevchainError):
    """A transaction that no block can take: wrong nonce, too little money, too little gas."""


class Evm:
    """One chain on one key-value database. Used by one thread at a time."""

    def __init__(self, pairs: Pairs, chain_id: int, genesis: Mapping[bytes, int] | None, now: int) -> None:
        """Opens the chain in `pairs`; a `genesis` (address → wei) starts a new one at the second `now`."""
        base: Any = AtomicDB(pairs)  # type: ignore[arg-type, unused-ignore]
        kind: Any = type("Devchain", (_Chain,), {"chain_id": chain_id})
        if genesis is not None:
            parameters = {
                "coinbase": _ZERO,
                "difficulty": POST_MERGE_DIFFICULTY,
                "mix_hash": POST_MERGE_MIX_HASH,
                "nonce": POST_MERGE_NONCE,
                "gas_limit": GAS_LIMIT,
                "timestamp": now,
            }
            state = {
                address: {"balance": wei, "nonce": 0, "code": b"", "storage": {}} for address, wei in genesis.items()
            }
            self._chain: Any = kind.from_genesis(base, parameters, state)
        else:
            self._chain = kind(base)

    @property
    def head(self) -> Any:
        """The header of the newest block."""
        return self._chain.get_canonical_head()

    def block(self, number: int) -> Any:
        """The whole block of a number that exists."""
        return self._chain.get_canonical_block_by_number(number)

    def next_base_fee(self) -> int:
        """Base fee of the next block, in wei (EIP-1559)."""
        return int(self._chain.header.base_fee_per_gas)

    def decode(self, raw: bytes) -> Any:
        """A signed transaction, its signature checked.

        Raises:
            TransactionRefused: these bytes are none.
        """
        try:
            transaction = self._chain.get_vm().get_transaction_builder().decode(raw)
            transaction.sender  # noqa: B018 - recovering it checks the signature
        except Exception as error:  # py-evm and rlp raise a dozen unrelated types here
            raise TransactionRefused(f"not a signed transaction: {type(error).__name__}") from error
        return transaction

    def mine(self, timestamp: int, waiting: list[Any]) -> tuple[Any, list[Executed], list[Any]]:
        """Makes one block; gives it, what it took, and what no block will ever take.

        What merely does not fit any more stays with the caller.
        """
        try:
            self._chain.set_header_timestamp(timestamp)
            taken: list[Executed] = []
            refused: list[Any] = []
            for transaction in waiting:
                if self._chain.header.gas_used + transaction.gas > GAS_LIMIT:
                    continue
                try:
                    _, receipt, computation = self._chain.apply_transaction(transaction)
                except ValidationError:
                    refused.append(transaction)
                    continue
                taken.append(Executed(transaction, receipt, computation.is_error))
            block = self._chain.mine_block()
        except BaseException:
            self.reset()
            raise
        return block, taken, refused

    @staticmethod
    def size(block: Any) -> int:
        """Bytes of a block in RLP."""
        return len(rlp.encode(block))

    def reset(self) -> None:
        """Forgets a half-made block."""
        self._chain.header = self._chain.create_header_from_parent(self.head)

    def balance(self, address: bytes, number: int) -> int:
        """Wei of an account after block `number`."""
        return int(self._state(number).get_balance(address))

    def nonce(self, address: bytes, number: int) -> int:
        """Transactions that an account has sent up to block `number`."""
        return int(self._state(number).get_nonce(address))

    def code(self, address: bytes, number: int) -> bytes:
        """The code at an address after block `number`."""
        return bytes(self._state(number).get_code(address))

    def storage(self, address: bytes, slot: int, number: int) -> int:
        """A storage word after block `number`."""
        return int(self._state(number).get_storage(address, slot))

    def call(self, call: Call, number: int, pending_at: int | None = None) -> bytes:
        """What a message returns on the state after block `number`, in that block's context.

        With `pending_at` it runs as if in the next block, stamped so.

        Raises:
            RpcError: it reverted or ran out of gas.
        """
        computation = self._run(call, number, pending_at, call.gas or GAS_LIMIT)
        _raise_if_failed(computation)
        return bytes(computation.output)

    def estimate(self, call: Call, number: int, pending_at: int) -> int:
        """Gas with which the message succeeds in the next block.

        Starts from what it used before refunds; inner calls keep a 64th back, so that may be too little.

        Raises:
            RpcError: no amount suffices.
        """
        computation = self._run(call, number, pending_at, GAS_LIMIT)
        _raise_if_failed(computation)
        gas = GAS_LIMIT - int(computation.get_gas_remaining())
        while self._run(call, number, pending_at, gas).is_error:
            gas = min(gas + gas // 32 + 2_300, GAS_LIMIT)
        return gas

    def _header(self, number: int) -> Any:
        return self._chain.get_canonical_block_header_by_number(number)

    def _state(self, number: int) -> Any:
        return self._chain.get_vm(self._header(number)).state

    def _run(self, call: Call, number: int, pending_at: int | None, gas: int) -> Any:
        header = self._header(number)
        vm = self._chain.get_vm(header)
        if pending_at is not None:
            context = self._chain.create_header_from_parent(header, timestamp=pending_at)
        else:
            context = header
        # Nobody pays for a question: without a base fee a price of zero is a valid one.
        free = context.copy(base_fee_per_gas=0, state_root=header.state_root)
        state = vm.build_state(vm.chaindb.db, free, vm.chain_context, vm.previous_hashes)
        unsigned = vm.create_unsigned_transaction(
            nonce=state.get_nonce(call.sender),
            gas_price=call.gas_price,
            gas=min(gas, GAS_LIMIT),
            to=call.to,
            value=call.value,
            data=call.payload,
        )
        try:
            return state.costless_execute_transaction(SpoofTransaction(unsigned, from_=call.sender))
        except ValidationError as error:
            raise RpcError(SERVER_ERROR, f"the call cannot run: {error}") from error


class _Chain(MiningChain):  # type: ignore[misc, unused-ignore]
    """Prague from the first block, at a constant gas limit."""

    vm_configuration: Any = ((0, PragueVM),)

    def create_header_from_parent(self, parent_header: Any, **parameters: Any) -> Any:
        parameters.setdefault("gas_limit", parent_header.gas_limit)
        return super().create_header_from_parent(parent_header, **parameters)


def _raise_if_failed(computation: Any) -> None:
    if not computation.is_error:
        return
    if type(computation.error).__name__ != "Revert":
        raise RpcError(SERVER_ERROR, f"execution failed: {type(computation.error).__name__}")
    output = bytes(computation.output)
    text = _reason(output)
    message = f"execution reverted: {text}" if text else "execution reverted"
    raise RpcError(REVERTED, message, data(output))


def _reason(output: bytes) -> str:
    if not output.startswith(_ERROR_STRING) or len(output) < 68:
        return ""
    size = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + size].decode("utf-8", "replace")
