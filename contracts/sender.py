"""Sends each call once, whatever dies in between.

A key names a call. Its nonce is reserved, then the signed bytes are stored, then they are broadcast; a repetition at
any line sends the same bytes again. What became of them is read from the chain alone, by `reconcile`. A transaction
that failed on chain had no effect, so the key may try again under a name of its own.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from contracts.bindings.call import Call
from contracts.errors import NodeRefused, Reverted
from contracts.rpc import Rpc
from contracts.signers import Signer
from contracts.transactions import (
    Fees,
    Mined,
    Pending,
    Replaced,
    SignedCall,
    broadcast,
    estimate_gas,
    outcome,
    sign_call,
    suggest_fees,
)

MINED: Final = "mined"
FAILED: Final = "failed"
MAX_ATTEMPTS: Final = 5
"""A call that passes its estimate and fails on chain so often is for an operator to look at."""
PLAIN_TRANSFER_GAS: Final = 21_000
_UNKNOWN_FEES: Final = Fees(0, 0)  # of a transaction that is only looked up or sent again
_log: Final = logging.getLogger(__name__)


class Stored(Protocol):
    """A remembered transaction; `raw` and `hash` (0x-hex) are None until it is signed, `outcome` until it is known."""

    @property
    def key(self) -> str: ...
    @property
    def nonce(self) -> int: ...
    @property
    def raw(self) -> str | None: ...
    @property
    def hash(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...


class Memory(Protocol):
    """Where transactions are remembered; every call is durable when it returns."""

    async def reserve(self, key: str, signer: str, first_nonce: int) -> Stored:
        """The transaction under `key`; a new one takes the signer's next nonce, `first_nonce` at least."""
        ...

    async def signed(self, key: str, raw: str, transaction_hash: str) -> Stored:
        """Store the signed bytes unless there are some; gives what is stored."""
        ...

    async def settle(self, key: str, outcome: str) -> None:
        """Note MINED or FAILED."""
        ...

    async def find(self, key: str) -> Stored | None:
        """By key."""
        ...

    async def pending(self, signer: str) -> Sequence[Stored]:
        """Transactions without an outcome, by nonce."""
        ...


class OnceSender:
    """One account's transactions. Several processes may share account and memory; the memory keeps nonces apart."""

    def __init__(self, rpc: Rpc, signer: Signer, memory: Memory, chain_id: int) -> None:
        self._rpc = rpc
        self._signer = signer
        self._memory = memory
        self._chain_id = chain_id
        # From the reservation to the broadcast nobody else of this process comes in between: a later nonce that
        # arrives first would wait in the node's queue, and a failure here would leave it there.
        self._sending = asyncio.Lock()

    async def submit(self, key: str, call: Call) -> None:
        """Send `call` under `key` unless it is sent.

        Raises:
            Reverted: it would fail now; nothing is remembered.
            NodeUnavailable: perhaps sent; submit again, or let `reconcile` do it.
            NodeRefused: the node takes no such transaction, for want of money say; it stays remembered.
        """
        async with self._sending:
            await self._submit(key, call)

    async def reconcile(self) -> None:
        """Note what was mined, send again what the node lost, and use up nonces that a crash left unsigned.

        A refusal of the node concerns one transaction: it is logged, and the others are looked after.

        Raises:
            NodeUnavailable: ask again.
        """
        for stored in await self._memory.pending(self._signer.address.lower()):
            try:
                await self._look_after(stored)
            except NodeRefused as refusal:
                _log.warning("the node does not take the transaction under %s: %s", stored.key, refusal)

    async def _submit(self, key: str, call: Call) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            name = _name(key, attempt)
            stored = await self._memory.find(name)
            if stored is not None and (stored.outcome == FAILED or _is_filler(stored)):
                continue
            if stored is None or stored.raw is None:
                stored = await self._sign(name, call)
            # Between reservation and signature another process may have used up the nonce.
            if not _is_filler(stored):
                if stored.outcome is None:
                    await broadcast(self._rpc, _raw(stored))
                return
        raise NodeRefused(0, f"{MAX_ATTEMPTS} transactions under {key} failed")

    async def _sign(self, name: str, call: Call) -> Stored:
        # The estimate comes first: a call that is refused takes no nonce, and leaves no hole.
        gas = await estimate_gas(self._rpc, self._signer.address, call)
        next_nonce = int(await self._rpc.call("eth_getTransactionCount", self._signer.address, "pending"), 16)
        fees = await suggest_fees(self._rpc)
        reserved = await self._memory.reserve(name, self._signer.address.lower(), next_nonce)
        return await self._store(reserved, call, gas, fees)

    async def _store(self, reserved: Stored, call: Call, gas: int, fees: Fees) -> Stored:
        signed = await sign_call(self._signer, call, nonce=reserved.nonce, gas=gas, fees=fees, chain_id=self._chain_id)
        return await self._memory.signed(reserved.key, "0x" + signed.raw.hex(), signed.hash)

    async def _look_after(self, stored: Stored) -> None:
        if stored.raw is None:
            async with self._sending:
                await self._fill(stored.key)
            return
        attempt = SignedCall(_raw(stored), str(stored.hash), self._signer.address, stored.nonce, _UNKNOWN_FEES)
        match await outcome(self._rpc, [attempt]):
            case Mined(succeeded=True) if not _is_filler(stored):
                await self._memory.settle(stored.key, MINED)
            case Mined() | Replaced():
                await self._memory.settle(stored.key, FAILED)
                await self._again(stored)
            case Pending(seen=False):
                await broadcast(self._rpc, attempt.raw)

    async def _fill(self, key: str) -> None:
        """Use up a nonce that is reserved and unsigned: a hole would block all that follow."""
        stored = await self._memory.find(key)
        if stored is not None and stored.raw is None:
            fees = await suggest_fees(self._rpc)
            stored = await self._store(stored, Call(self._signer.address, b""), PLAIN_TRANSFER_GAS, fees)
            await broadcast(self._rpc, _raw(stored))

    async def _again(self, stored: Stored) -> None:
        """Send a failed call again: the state may have moved between estimate and block, and nobody else will."""
        if _is_filler(stored):
            return
        fields = _fields(stored)
        call = Call(str(to_checksum_address(fields["to"])), bytes(fields["data"]), int(fields["value"]))
        try:
            await self.submit(_key(stored.key), call)
        except Reverted as refusal:
            _log.info("%s failed and is not sent again: %s", stored.key, refusal)


def _name(key: str, attempt: int) -> str:
    return key if attempt == 1 else f"{key} (attempt {attempt})"


def _key(name: str) -> str:
    return name.partition(" (attempt ")[0]


def _raw(stored: Stored) -> bytes:
    return bytes.fromhex(str(stored.raw).removeprefix("0x"))


def _fields(stored: Stored) -> dict[str, Any]:
    return TypedTransaction.from_bytes(HexBytes(_raw(stored))).as_dict()


def _is_filler(stored: Stored) -> bool:
    """Whether it only uses up a nonce. Every call of ours carries data."""
    return stored.raw is not None and not bytes(_fields(stored)["data"])
