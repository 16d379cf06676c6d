"""The node: accepts transactions, makes blocks, answers. Synchronous; one thread calls it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.devchain.errors import SERVER_ERROR, RpcError, WrongChainFileError
from contracts.devchain.evm import GAS_LIMIT, Evm, TransactionRefused
from contracts.devchain.mempool import Mempool
from contracts.devchain.serialise import block_object, placed, receipt_objects, transaction_object
from contracts.devchain.store import Store

FILE_NAME: Final = "devchain.sqlite3"


class Node:
    """A chain in a folder. A new folder starts a chain with `genesis` (address → wei) at the second `now`."""

    def __init__(self, folder: Path, chain_id: int, genesis: Mapping[bytes, int], now: int) -> None:
        """Opens or starts the chain.

        Raises:
            WrongChainFileError: the folder holds a chain with another id, or another process has it open.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.chain_id = chain_id
        self.store = Store(folder / FILE_NAME)
        try:
            self._open(genesis, now)
        except BaseException:
            self.store.close()
            raise

    def _open(self, genesis: Mapping[bytes, int], now: int) -> None:
        known = self.store.meta("chain_id")
        if known is not None and int(known) != self.chain_id:
            raise WrongChainFileError(f"the file holds chain {known}, not chain {self.chain_id}")
        if known is None:
            with self.store.transaction():
                self._evm = Evm(self.store.pairs, self.chain_id, genesis, now)
                block = self._evm.block(0)
                self._remember_block(block)
                self.store.set_meta("chain_id", str(self.chain_id))
        else:
            self._evm = Evm(self.store.pairs, self.chain_id, None, now)
        self.head = self._evm.head
        self.mempool = Mempool()
        self._arrivals = 0
        for raw in self.store.pending():
            transaction = self._evm.decode(raw)
            self.mempool.add(transaction, 0)

    def close(self) -> None:
        """Gives the file back."""
        self.store.close()

    @property
    def head_number(self) -> int:
        """Number of the newest block."""
        return int(self.head.block_number)

    @property
    def head_timestamp(self) -> int:
        """Its stamp, in seconds since 1970: the chain's time."""
        return int(self.head.timestamp)

    @property
    def evm(self) -> Evm:
        """The state, block by block."""
        return self._evm

    def submit(self, raw: bytes) -> bytes:
        """Takes a signed transaction into the pool and the file; gives its hash.

        Raises:
            RpcError: no block would ever take it, or it waits already.
        """
        try:
            transaction = self._evm.decode(raw)
        except TransactionRefused as error:
            raise RpcError(SERVER_ERROR, str(error)) from error
        if self.store.mined(transaction.hash) is not None:
            raise RpcError(SERVER_ERROR, "already known")
        self._check(transaction)
        nonce = self._evm.nonce(transaction.sender, self.head_number)
        replaced = self.mempool.add(transaction, nonce)
        self._arrivals += 1
        with self.store.transaction():
            self.store.add_pending(transaction.hash, self._arrivals, raw)
            if replaced is not None:
                self.store.drop_pending(replaced.hash)
        return bytes(transaction.hash)

    def has_ready(self) -> bool:
        """Whether a block made now would take a transaction."""
        return bool(self._ready())

    def mine(self, timestamp: int) -> int:
        """Makes a block stamped `timestamp`, of all that is ready; gives its number."""
        waiting = self._ready()
        try:
            with self.store.transaction():
                block, taken, refused = self._evm.mine(timestamp, waiting)
                self._remember_block(block)
                receipts = receipt_objects(block, taken)
                for index, (one, receipt) in enumerate(zip(taken, receipts, strict=True)):
                    fields = transaction_object(one.transaction, base_fee=block.header.base_fee_per_gas)
                    body = placed(fields, block, index)
                    self.store.add_transaction(one.transaction.hash, block.number, body, receipt)
                for transaction in [*(one.transaction for one in taken), *refused]:
                    self.store.drop_pending(transaction.hash)
        except BaseException:
            self._evm.reset()
            raise
        for transaction in [*(one.transaction for one in taken), *refused]:
            self.mempool.remove(transaction)
        self.head = block.header
        return self.head_number

    def pending_object(self, tx_hash: bytes) -> dict[str, Any] | None:
        """A transaction that waits."""
        transaction = self.mempool.by_hash.get(tx_hash)
        return None if transaction is None else transaction_object(transaction)

    def nonce(self, address: bytes, *, at: int | None) -> int:
        """The next nonce after block `at`, or with `at` None after all that waits."""
        if at is not None:
            return self._evm.nonce(address, at)
        return self.mempool.next_nonce(address, self._evm.nonce(address, self.head_number))

    def _check(self, transaction: Any) -> None:
        if transaction.chain_id != self.chain_id:
            raise RpcError(
                SERVER_ERROR, f"invalid chain id: this is {self.chain_id}, signed for {transaction.chain_id}"
            )
        if transaction.gas > GAS_LIMIT:
            raise RpcError(SERVER_ERROR, "exceeds block gas limit")
        if transaction.gas < transaction.intrinsic_gas:
            raise RpcError(SERVER_ERROR, f"intrinsic gas too low: it needs {transaction.intrinsic_gas}")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise RpcError(SERVER_ERROR, "max priority fee per gas higher than max fee per gas")
        cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
        if self._evm.balance(transaction.sender, self.head_number) < cost:
            raise RpcError(SERVER_ERROR, "insufficient funds for gas * price + value")

    def _ready(self) -> list[Any]:
        senders = self.mempool.queues
        nonces = {sender: self._evm.nonce(sender, self.head_number) for sender in senders}
        return self.mempool.ready(self._evm.next_base_fee(), nonces)

    def _remember_block(self, block: Any) -> None:
        body = block_object(block, self._evm.size(block))
        self.store.add_block(block.number, block.hash, block.header.timestamp, body)
