"""Looks after what was sent until the chain has said its last word on it.

Nothing here concludes from an error message: what became of a nonce is read from the account's count at final depth and
from the receipts of everything ever signed for it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from contracts.bindings.call import Call
from contracts.errors import NodeRefused, NotYet, Reverted
from contracts.rpc import Rpc
from contracts.sending import alarms
from contracts.sending.account import Account, Receipt, find_passage, read_account, read_call, read_receipts
from contracts.sending.alarms import Alarms
from contracts.sending.memory import (
    FAILED,
    MINED,
    Memory,
    Settlement,
    Stored,
    call_of,
    content_of,
    key_of,
    name_of,
)
from contracts.sending.policy import SendingPolicy
from contracts.sending.pusher import Pusher
from contracts.sending.writer import Writer

_REVERTED: Final = 3
_log: Final = logging.getLogger("contracts.sender")

Resend = Callable[[str, int, Call], Awaitable[None]]
"""Sends a key's call under its name of that number, or a later one."""


class CallGivenUp(NodeRefused):
    """A call that passes its estimate and fails on chain time and again is for an operator to look at."""


class Caretaker:
    """One account's rounds. Several processes may make them at once."""

    def __init__(
        self, rpc: Rpc, writer: Writer, memory: Memory, policy: SendingPolicy, told: Alarms, resend: Resend
    ) -> None:
        self._rpc = rpc
        self._writer = writer
        self._memory = memory
        self._policy = policy
        self._alarms = told
        self._resend = resend
        self._pusher = Pusher(rpc, writer, memory, policy)
        self._gaps: dict[int, datetime] = {}

    async def round(self) -> None:
        """Note what is final, send again what was lost, replace what is stuck, use up what was left open.

        Raises:
            NodeUnavailable: ask again; what was found until then is told.
        """
        found: dict[str, str] = {}
        try:
            await self._round(found)
        except BaseException:
            self._alarms.show(self._alarms.active | found)
            raise
        self._alarms.show(found)

    async def _round(self, found: dict[str, str]) -> None:
        # What was settled before the chain is asked, the chain must still know; and what the chain can have mined by
        # then was stored before, so what waits is read after it.
        last_settled = await self._memory.last_settled(self._writer.address)
        account = await read_account(self._rpc, self._writer.address, self._policy.confirmations)
        if account.balance_wei < self._policy.reserve_wei:
            found[alarms.FUNDS] = (
                f"{self._writer.address} has {account.balance_wei} wei left, the reserve is {self._policy.reserve_wei}"
            )
        if last_settled is not None and last_settled >= account.used:
            await self._reopen(account)
        rows = await self._memory.pending(self._writer.address)
        await self._decide([row for row in rows if row.nonce < account.settled], account, found)
        waiting = [row for row in rows if row.nonce >= account.used]
        await self._fill_gaps(waiting, account, found)
        await self._pusher.push(waiting, account, found)

    async def _reopen(self, account: Account) -> None:
        """A fork deeper than the confirmations took settled transactions back: unless they are sent, all after wait."""
        lost = await self._memory.settled_from(self._writer.address, account.used)
        for row in lost:
            await self._memory.reopen(row.key)
        if lost:
            nonces = ", ".join(str(row.nonce) for row in lost)
            text = f"the chain took back what was settled: the next nonce is {account.used}; sent again: {nonces}"
            self._alarms.tell(alarms.UNMINED, text)

    async def _decide(self, rows: Sequence[Stored], account: Account, found: dict[str, str]) -> None:
        """Note the outcomes of nonces that are used at final depth."""
        receipts = await read_receipts(self._rpc, [attempt.hash for row in rows for attempt in row.attempts])
        paid = [settlement for row in rows for settlement in _paid(row, receipts, account)]
        if paid:
            await self._memory.settle(paid)
        done = {key for key, *_ in paid}
        for row in (row for row in rows if row.key not in done):
            mined = next((attempt for attempt in row.attempts if attempt.hash in receipts), None)
            try:
                if mined is None:
                    await self._passed(row, account, found)
                elif receipts[mined.hash].block <= account.final:
                    await self._fail(row, receipts[mined.hash].block)
            except NodeRefused as refusal:
                found[alarms.REFUSED] = f"{row.key}: {refusal}"

    async def _passed(self, row: Stored, account: Account, found: dict[str, str]) -> None:
        """The nonce is used, and nothing that we know used it: believed once the block in which it went is found."""
        where = await find_passage(self._rpc, self._writer.address, row.nonce, account.final)
        if where is None:
            found[alarms.UNEXPLAINED] = f"nonce {row.nonce} of {row.key} is used, and the node cannot say where"
            return
        if any(attempt.hash.lower() in where.hashes for attempt in row.attempts):
            return  # mined after all: the node's answers were not of one moment, ask again
        if where.by is not None and await self._is_a_lost_attempt(row, where.by):
            return
        by = where.by or "an authorisation, not a transaction"
        text = f"somebody else has the key: nonce {row.nonce} of {row.key} went in block {where.block} to {by}"
        if await self._fail(row, where.block):
            self._alarms.tell(alarms.FOREIGN, text)

    async def _is_a_lost_attempt(self, row: Stored, by: str) -> bool:
        """Whether what used the nonce does just what ours would have done: a replacement that this memory has lost,
        since it came back from a backup. What became of it is noted as ours."""
        content = call_of(row)
        if content is None or await read_call(self._rpc, by) != content.call:
            return False
        receipt = (await read_receipts(self._rpc, [by])).get(by)
        if receipt is None:
            return True  # the node's answers were not of one moment, ask again
        _log.warning("%s went by %s, an attempt that is not remembered here", row.key, by)
        if receipt.succeeded:
            await self._memory.settle([(row.key, MINED, receipt.block)])
        else:
            await self._fail(row, receipt.block)
        return True

    async def _fail(self, row: Stored, block: int) -> bool:
        """Note that nothing came of a nonce; before that, its call is under way again if it still can succeed.

        In this order: once it is noted, nobody looks at the nonce again.
        """
        content = call_of(row)
        if content is not None and not await self._again(row, content.call):
            return False
        await self._memory.settle([(row.key, FAILED, block)])
        return True

    async def _again(self, row: Stored, call: Call) -> bool:
        """Send a call again that failed; whether that is done with."""
        key, number = key_of(row.key)
        for earlier in range(1, number):
            before = await self._memory.find(name_of(key, earlier))
            if before is not None and before.outcome == MINED:
                return True
        try:
            await self._resend(key, number + 1, call)
        except NotYet as early:
            _log.info("%s failed and is sent again later: %s", row.key, early)
            return False
        except Reverted as refusal:
            _log.info("%s failed and is not sent again: %s", row.key, refusal)
        except CallGivenUp as refusal:
            self._alarms.tell(alarms.GIVEN_UP, str(refusal))
        except NodeRefused as refusal:
            if refusal.code != _REVERTED:
                raise
            _log.info("%s failed and is not sent again: %s", row.key, refusal)
        return True

    async def _fill_gaps(self, waiting: Sequence[Stored], account: Account, found: dict[str, str]) -> None:
        """Use up nonces below ours that nobody reserved: a fork dropped a stranger's, or our memory lost a row."""
        taken = {row.nonce for row in waiting}
        missing = [nonce for nonce in range(account.used, max(taken, default=0)) if nonce not in taken]
        if missing:
            # Others may have settled some of them since the chain was asked.
            settled = {row.nonce for row in await self._memory.settled_from(self._writer.address, account.used)}
            missing = [nonce for nonce in missing if nonce not in settled]
        self._gaps = {nonce: self._gaps.get(nonce, self._writer.now()) for nonce in missing}
        if missing:
            found[alarms.GAP] = f"nothing is known of the nonces {', '.join(map(str, missing))}, and ours wait for them"
        for nonce, since in self._gaps.items():
            if self._writer.now() - since >= timedelta(seconds=self._policy.hole_after_s):
                name = f"gap {self._writer.address}:{nonce}"
                row = await self._memory.take(name, self._writer.address, nonce, self._writer.now())
                if row is not None and not row.attempts:
                    await self._writer.fill(row, account.market)


def _paid(row: Stored, receipts: Mapping[str, Receipt], account: Account) -> list[Settlement]:
    """That a call was mined and did what it should, if that is so at final depth."""
    found = ((attempt, receipts[attempt.hash]) for attempt in row.attempts if attempt.hash in receipts)
    return [
        (row.key, MINED, receipt.block)
        for attempt, receipt in found
        if receipt.succeeded and receipt.block <= account.final and not content_of(attempt.raw).is_filler
    ]
