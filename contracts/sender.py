"""Sends each call once, whatever dies in between.

A key names a call. Its nonce is reserved, then the signed bytes are stored, then they are broadcast; a repetition at
any line sends the same bytes again. What became of them is read from the chain alone, at final depth, by `reconcile`:
whatever is stored is brought to an end by it. A transaction that failed on chain had no effect, so the key may try
again under a name of its own.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from contracts.bindings.call import Call
from contracts.errors import Reverted
from contracts.rpc import Rpc, quantity
from contracts.sending.alarms import Alarms
from contracts.sending.caretaker import CallGivenUp, Caretaker
from contracts.sending.memory import FAILED, Memory, Stored, call_of, name_of
from contracts.sending.policy import Health, SendingPolicy
from contracts.sending.writer import Writer
from contracts.signers import Signer

MAX_NONCES: Final = 5
"""A call that passes its estimate and fails on chain so often is for an operator to look at."""
DEFAULT_POLICY: Final = SendingPolicy()


class OnceSender:
    """One account's transactions. Several processes may share account and memory; the memory keeps nonces apart."""

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        memory: Memory,
        chain_id: int,
        policy: SendingPolicy = DEFAULT_POLICY,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._rpc = rpc
        self._memory = memory
        self._policy = policy
        self._alarms = Alarms(now)
        self._writer = Writer(rpc, signer, memory, chain_id, policy, now)
        self._caretaker = Caretaker(rpc, self._writer, memory, policy, self._alarms, self._submit)

    @property
    def address(self) -> str:
        """The account, checksummed."""
        return self._writer.address

    async def submit(self, key: str, call: Call) -> None:
        """Send `call` under `key` unless it is sent. Once its bytes are stored, `reconcile` sees to the rest.

        Raises:
            Reverted: it would fail now; nothing is remembered.
            NodeUnavailable: perhaps sent; submit again, or let `reconcile` do it.
            NodeRefused: the node does not estimate it; nothing is remembered.
        """
        await self._submit(key, 1, call)

    async def reconcile(self) -> None:
        """A round of care for everything that was sent: to be called every moment by at least one process.

        Raises:
            NodeUnavailable: ask again.
        """
        await self._caretaker.round()

    async def spare_wei(self) -> int:
        """What the account has above its reserve; negative below it. Raises NodeUnavailable, NodeRefused."""
        return await self._read_balance() - self._policy.reserve_wei

    async def health(self) -> Health:
        """How the account stands; alarms are those of this process's rounds. Raises NodeUnavailable, NodeRefused."""
        pending = await self._memory.pending(self._writer.address)
        now = self._writer.now()
        return Health(
            pending=len(pending),
            oldest_s=max(((now - row.at).total_seconds() for row in pending), default=0.0),
            balance_wei=await self._read_balance(),
            reserve_wei=self._policy.reserve_wei,
            alarms=dict(self._alarms.active),
            last_alarm=self._alarms.last,
        )

    async def _read_balance(self) -> int:
        return quantity(await self._rpc.call("eth_getBalance", self._writer.address, "latest"), "balance")

    async def _submit(self, key: str, first: int, call: Call) -> None:
        """Under the key's name of number `first`, or the next one that can still do it."""
        for number in range(first, MAX_NONCES + 1):
            name = name_of(key, number)
            stored = await self._write(name, call)
            if not _is_over(stored):
                return
        raise CallGivenUp(0, f"{MAX_NONCES} transactions under {key} failed")

    async def _write(self, name: str, call: Call) -> Stored:
        try:
            return await self._writer.write(name, call)
        except Reverted:
            # Perhaps because it is done: what is stored is not estimated.
            stored = await self._memory.find(name)
            if stored is None or (not stored.attempts and stored.outcome is None):
                raise
            if stored.outcome is None:
                await self._writer.hand_in(stored)
            return stored


def _is_over(stored: Stored) -> bool:
    """Whether this nonce will never do what its key asks for: it failed, or another process used it up unsigned."""
    return stored.outcome == FAILED or (bool(stored.attempts) and call_of(stored) is None)
