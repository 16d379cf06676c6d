"""Signs for a nonce, stores the bytes, and only then hands them to the node."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.bindings.call import Call
from contracts.errors import Reverted
from contracts.rpc import Rpc, answer, ask_all, quantity
from contracts.sending.memory import Attempt, Content, Memory, SignedEntry, Stored, raw_of
from contracts.sending.policy import SendingPolicy
from contracts.signers import Signer
from contracts.transactions import (
    MARKET_QUESTIONS,
    Broadcast,
    Fees,
    Market,
    estimate_question,
    hand_in,
    market_from,
    sign_call,
    with_margin,
)

PLAIN_TRANSFER_GAS: Final = 21_000
_FRESH_S: Final = 1.0
"""How long prices and the node's count are good: a block, and twice the base fee is offered anyway."""
_MOST_AT_ONCE: Final = 32
"""Calls that are stored in one transaction and broadcast in one exchange."""
_CODE, _NONCE = "eth_getCode", "eth_getTransactionCount"
_log: Final = logging.getLogger("contracts.sender")


@dataclass(eq=False)
class _Job:
    """A call that waits for its nonce."""

    name: str
    content: Content
    stored: Stored | None = None
    trouble: Exception | None = None
    is_sent: bool = False

    @property
    def is_written(self) -> bool:
        """Whether somebody has done what can be done before it is sent."""
        return self.stored is not None or self.trouble is not None


class Writer:
    """One account's pen. What it hands to the node is stored, and what is stored is never written anew."""

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        memory: Memory,
        chain_id: int,
        policy: SendingPolicy,
        now: Callable[[], datetime],
    ) -> None:
        self.address = signer.address.lower()
        self.now = now
        self._rpc = rpc
        self._signer = signer
        self._memory = memory
        self._chain_id = chain_id
        self._policy = policy
        self._known: tuple[float, int, Market] | None = None
        # From reservation to broadcast the nonces of this process keep their order: a later one that arrives first
        # would wait in the node's queue. Whoever comes first writes for all that wait by then, in one transaction of
        # the memory, and takes its place in the second line before it gives up its place in the first: so the next
        # ones are stored while these are on their way.
        self._jobs: list[_Job] = []
        self._writing = asyncio.Lock()
        self._sending = asyncio.Lock()

    async def write(self, name: str, call: Call) -> Stored:
        """Reserve a nonce under `name` unless there is one, sign `call` for it unless something is, and broadcast.

        Gives what is stored, which is another's if another was faster.

        Raises:
            Reverted: it would fail now; no nonce is taken.
            NodeUnavailable, NodeRefused: perhaps stored.
        """
        gas, first_nonce, market = await self._prepare(call)
        job = _Job(name, Content(call, gas))
        self._jobs.append(job)
        batch: list[_Job] = []
        try:
            async with self._writing:
                if not job.is_written:
                    batch = await self._write_all(first_nonce, market)
                    await self._sending.acquire()
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
        if not batch:
            await self._sending.acquire()
        try:
            # Another wrote this one, and perhaps could not send it.
            await self._send([one for one in batch or [job] if not one.is_sent])
        finally:
            self._sending.release()
        if job.stored is None:
            raise job.trouble or AssertionError("written and neither stored nor in trouble")
        return job.stored

    async def fill(self, stored: Stored, market: Market) -> Stored:
        """Use up a nonce that is reserved and unsigned: a hole would block all that follow."""
        return await self.outbid(stored, None, market.offer(self._policy.max_fee_wei))

    async def outbid(self, stored: Stored, content: Content | None, fees: Fees) -> Stored:
        """Sign once more at the same nonce, `content` or a transfer of nothing, and broadcast that."""
        entry = await self._sign(stored, content or self._nothing(), fees)
        (stored,) = await self._memory.signed([entry])
        await self.hand_in(stored)
        return stored

    async def hand_in(self, stored: Stored) -> tuple[Broadcast, str]:
        """Broadcast the last bytes of a nonce. Raises NodeUnavailable."""
        (answer_,) = await self._hand_in([stored])
        return answer_

    async def _write_all(self, first_nonce: int, market: Market) -> "list[_Job]":
        """Reserve, sign and store for everybody who waits; what fails leaves them waiting."""
        jobs, offer = self._jobs[:_MOST_AT_ONCE], market.offer(self._policy.max_fee_wei)
        reserved = await self._memory.reserve([job.name for job in jobs], self.address, first_nonce, self.now())
        unsigned = {row.key: row for row in reserved if not row.attempts and row.outcome is None}
        contents = {job.name: job.content for job in reversed(jobs)}
        entries, troubles = [], {}
        for name, row in unsigned.items():
            try:
                entries.append(await self._sign(row, contents[name], offer))
            except Exception as trouble:
                troubles[name] = trouble  # this call's alone, whatever it is; its nonce is a hole to be filled
        signed = {row.key: row for row in await self._memory.signed(entries)} if entries else {}
        for job, row in zip(jobs, reserved, strict=True):
            job.trouble = troubles.get(job.name)
            job.stored = None if job.trouble else signed.get(job.name, row)
        # Whoever was cancelled meanwhile has left the line by himself; what is stored for him goes out with the rest.
        self._jobs = [job for job in self._jobs if job not in jobs]
        return jobs

    async def _send(self, jobs: "Sequence[_Job]") -> None:
        waiting = {job.stored.key: job.stored for job in jobs if job.stored is not None and job.stored.outcome is None}
        await self._hand_in(list(waiting.values()))
        for job in jobs:
            job.is_sent = True

    async def _hand_in(self, rows: Sequence[Stored]) -> list[tuple[Broadcast, str]]:
        answers = await hand_in(self._rpc, [raw_of(row.attempts[-1]) for row in rows]) if rows else []
        for row, (_, words) in zip(rows, answers, strict=True):
            if words:
                _log.warning("the node does not take the transaction under %s: %s", row.key, words)
        return answers

    async def _prepare(self, call: Call) -> tuple[int, int, Market]:
        """(gas, the node's next nonce, prices); the estimate comes first: a call that is refused takes no nonce."""
        now = asyncio.get_running_loop().time()
        known = self._known if self._known is not None and now - self._known[0] < _FRESH_S else None
        account = [] if known else [(_NONCE, [self._signer.address, "pending"]), *MARKET_QUESTIONS]
        questions = [estimate_question(self._signer.address, call), (_CODE, [call.to, "latest"]), *account]
        estimate, code, *rest = await ask_all(self._rpc, questions)
        gas = with_margin(estimate)
        if answer(code) == "0x":
            # A call to an address without code would succeed and do nothing.
            raise Reverted("NotOpened", {"address": call.to})
        if known is None:
            nonce, history, tip = rest
            known = self._known = (now, quantity(answer(nonce), "count"), market_from(history, tip))
        return gas, known[1], known[2]

    async def _sign(self, stored: Stored, content: Content, fees: Fees) -> SignedEntry:
        signed = await sign_call(
            self._signer, content.call, nonce=stored.nonce, gas=content.gas, fees=fees, chain_id=self._chain_id
        )
        number, raw = len(stored.attempts) + 1, "0x" + signed.raw.hex()
        return stored.key, number, raw, signed.hash, fees.max_fee, fees.max_priority_fee, self.now()

    def _nothing(self) -> Content:
        return Content(Call(self._signer.address, b""), PLAIN_TRANSFER_GAS)


def fees_of(attempt: Attempt) -> Fees:
    """What an attempt offers."""
    return Fees(attempt.max_fee, attempt.tip)


def dearer(last: Fees, market: Market, ceiling: int) -> Fees:
    """What replaces an attempt: an eighth more of both fees than it, and what the market asks.

    Raises:
        FeeCeilingError: the ceiling leaves no room for that.
    """
    bumped, asked = last.bumped(ceiling), market.offer(ceiling)
    highest = max(bumped.max_fee, asked.max_fee)
    return Fees(highest, min(max(bumped.max_priority_fee, asked.max_priority_fee), highest))
