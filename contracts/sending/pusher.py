"""Brings waiting transactions into a block: hands them in again, offers more for them, or uses up their nonce."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from contracts.rpc import Rpc, answer, ask_all
from contracts.sending import alarms
from contracts.sending.account import Account
from contracts.sending.memory import MINED, Content, Memory, Stored, call_of, content_of, key_of, name_of
from contracts.sending.policy import GWEI, SendingPolicy
from contracts.sending.writer import Writer, dearer, fees_of
from contracts.transactions import Broadcast, FeeCeilingError

_STUCK_AFTER: Final = 5
"""Times that the head of the line may outlast the wait for a replacement before somebody is told."""


class _Claim(Enum):
    """What a waiting transaction is to its key."""

    ALONE = "alone"
    HELD = "held"
    """An earlier one of the key is not decided: only one may be alive."""
    NEEDLESS = "needless"
    """An earlier one of the key was mined."""


class Pusher:
    """One account's waiting transactions, lowest nonce first."""

    def __init__(self, rpc: Rpc, writer: Writer, memory: Memory, policy: SendingPolicy) -> None:
        self._rpc = rpc
        self._writer = writer
        self._memory = memory
        self._policy = policy
        self._seen: dict[str, int] = {}
        """Hash → the head when this process first saw it in the node's queue."""
        self._first: tuple[int, datetime] | None = None
        """The nonce at the head of the line, and since when."""

    async def push(self, waiting: Sequence[Stored], account: Account, found: dict[str, str]) -> None:
        """Give each what it needs; `found` takes what an operator must know. Raises NodeUnavailable."""
        last = [row.attempts[-1].hash for row in waiting if row.attempts]
        questions = [("eth_getTransactionByHash", [one]) for one in last]
        known = dict(zip(last, await ask_all(self._rpc, questions), strict=True))
        self._seen = {one: self._seen[one] for one in last if one in self._seen}
        self._tell(waiting, account, found)
        for row in waiting:
            if not row.attempts:
                if self._age_s(row) >= self._policy.hole_after_s:
                    await self._writer.fill(row, account.market)
                continue
            is_known = answer(known[row.attempts[-1].hash]) is not None
            if not await self._look_after(row, account, found, is_known=is_known):
                return  # nothing later can be mined before it

    def _tell(self, waiting: Sequence[Stored], account: Account, found: dict[str, str]) -> None:
        if waiting and account.market.base_fee > self._policy.max_fee_wei:
            found[alarms.GAS_SPIKE] = (
                f"gas costs {account.market.base_fee / GWEI:.9g} gwei, the ceiling is "
                f"{self._policy.max_fee_wei / GWEI:.9g}: {len(waiting)} transactions wait"
            )
        first = waiting[0] if waiting else None
        if first is None or self._first is None or self._first[0] != first.nonce:
            self._first = None if first is None else (first.nonce, self._writer.now())
        if first is None or self._first is None:
            return
        if self._writer.now() - self._first[1] >= timedelta(seconds=_STUCK_AFTER * self._policy.replace_after_s):
            found[alarms.STUCK] = f"{first.key} waits at nonce {first.nonce}, and all after it"

    async def _look_after(self, row: Stored, account: Account, found: dict[str, str], *, is_known: bool) -> bool:
        """Whether there is any use in looking after the next."""
        claim = await self._claim(row)
        if claim is _Claim.HELD:
            return True
        if claim is _Claim.NEEDLESS and not content_of(row.attempts[-1].raw).is_filler:
            return await self._outbid(row, None, account, found)
        said = None
        if not is_known:
            said, words = await self._writer.hand_in(row)
            if said is Broadcast.NO_MONEY:
                found[alarms.FUNDS] = f"{self._writer.address} cannot pay for {row.key}: {words}"
                return False
            if said is Broadcast.REFUSED:
                found[alarms.REFUSED] = f"{row.key}: {words}"
        if self._is_due(row, account, said):
            # Bytes that no node takes can be mined by none: the nonce is used up, and the call gets another.
            content = None if said is Broadcast.REFUSED else _again(row)
            return await self._outbid(row, content, account, found)
        return said is not Broadcast.TOO_CHEAP

    def _is_due(self, row: Stored, account: Account, said: Broadcast | None) -> bool:
        """Whether it is time to offer more."""
        last = row.attempts[-1]
        is_new = said in {Broadcast.SENT, Broadcast.KNOWN}
        since = account.head if is_new else self._seen.get(last.hash, account.head)
        self._seen[last.hash] = since
        if self._writer.now() - last.at < timedelta(seconds=self._policy.replace_after_s):
            return False
        is_first = row.nonce == account.used
        if said is Broadcast.REFUSED:
            return is_first  # a later one may be refused for what is before it
        is_too_cheap = last.max_fee < account.market.base_fee or said is Broadcast.TOO_CHEAP
        is_passed_by = is_first and account.head - since >= self._policy.replace_after_blocks
        return is_too_cheap or is_passed_by or said is Broadcast.UNDERPRICED

    async def _outbid(self, row: Stored, content: Content | None, account: Account, found: dict[str, str]) -> bool:
        """Whether that was possible."""
        last = fees_of(row.attempts[-1])
        try:
            fees = dearer(last, account.market, self._policy.max_fee_wei)
        except FeeCeilingError as ceiling:
            code = alarms.GAS_SPIKE if last.max_fee < account.market.base_fee else alarms.STUCK
            found.setdefault(code, f"{row.key} waits at nonce {row.nonce}: {ceiling}")
            return False
        await self._writer.outbid(row, content, fees)
        return True

    async def _claim(self, row: Stored) -> _Claim:
        key, number = key_of(row.key)
        for earlier in range(1, number):
            before = await self._memory.find(name_of(key, earlier))
            if before is not None and before.outcome == MINED:
                return _Claim.NEEDLESS
            if before is not None and before.outcome is None and call_of(before) is not None:
                return _Claim.HELD
        return _Claim.ALONE

    def _age_s(self, row: Stored) -> float:
        return (self._writer.now() - row.at).total_seconds()


def _again(row: Stored) -> Content | None:
    """What the last attempt did; None for a filler."""
    content = content_of(row.attempts[-1].raw)
    return None if content.is_filler else content
