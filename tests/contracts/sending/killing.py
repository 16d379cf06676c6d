"""Kills a sender before its n-th call of memory or node, for every n, and lets a fresh one finish.

A kill after one call is a kill before the next: nothing of the outside changes in between. `Killed` is no Exception, so
no handler of the sender can survive it.
"""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import Reverted
from contracts.rpc import Rpc
from contracts.sending.memory import Memory
from tests.contracts.sending.desk import Desk

MOST_POINTS = 80
"""More than any life here has; a life without an end is not a test."""


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Blows at call number `at`."""

    at: int
    passed: list[str] = field(default_factory=list)

    def before(self, what: str) -> None:
        if len(self.passed) + 1 == self.at:
            raise Killed(what)
        self.passed.append(what)


@dataclass
class FusedRpc:
    """The line, until the fuse blows."""

    rpc: Rpc
    fuse: Fuse

    async def call(self, method: str, *params: object) -> Any:
        self.fuse.before(method)
        return await self.rpc.call(method, *params)


class FusedMemory:
    """The memory, until the fuse blows; whatever method it has."""

    def __init__(self, memory: Memory, fuse: Fuse) -> None:
        self._memory = memory
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._memory, name)

        async def fused(*arguments: object) -> Any:
            self._fuse.before(f"memory.{name}")
            return await method(*arguments)

        return fused


Sender = Any
"""Whatever has `submit` and `reconcile`."""
Make = Callable[[Rpc, Memory], Sender]


@dataclass
class Life:
    """One key's story. `begin` is what happened before, undisturbed; it may leave an acknowledged submission."""

    begin: Callable[[Desk, str], Awaitable[None]]
    submits: bool
    """Whether the killed life submits the key: then whoever asked for it asks again, for he has had no answer."""


@dataclass
class Verdict:
    """What came of a life killed at every point; every key should have been paid once."""

    points: list[str]
    paid: dict[str, int]

    @property
    def doubles(self) -> list[str]:
        return [key for key, times in self.paid.items() if times > 1]

    @property
    def lost(self) -> list[str]:
        return [key for key, times in self.paid.items() if times < 1]


async def kill_everywhere(desk: Desk, life: Life, make: Make) -> Verdict:
    """Every key pays a unit; the stranger's balance says how often it was paid."""
    paid: dict[str, int] = {}
    for at in itertools.count(1):
        assert at < MOST_POINTS
        key = f"pay {at}"
        before = await desk.minted()
        await life.begin(desk, key)
        fuse = Fuse(at)
        killed = await _live(desk, life, key, make(FusedRpc(desk.line, fuse), FusedMemory(desk.memory, fuse)))
        await _finish(desk, key, make(desk.line, desk.memory), again=life.submits and killed)
        paid[f"{key}: killed before {killed}"] = await desk.minted() - before
        if not killed:
            return Verdict(fuse.passed, paid)
    raise AssertionError


async def _live(desk: Desk, life: Life, key: str, sender: Sender) -> str:
    """The life of a process; what it died of, if it died."""
    try:
        if life.submits:
            await sender.submit(key, desk.mint(1))
        for _ in range(4):
            await sender.reconcile()
            desk.line.mine()
            desk.clock.advance(desk.policy.hole_after_s)
    except Killed as killed:
        return str(killed)
    return ""


async def _finish(desk: Desk, key: str, sender: Sender, *, again: bool) -> None:
    """Another process goes on, and whoever asked without an answer asks again."""
    desk.clock.advance(desk.policy.hole_after_s)
    if again:
        try:
            await sender.submit(key, desk.mint(1))
        except Reverted:
            raise AssertionError("a mint never fails") from None
    for _ in range(8):
        await sender.reconcile()
        desk.line.mine()
        desk.clock.advance(desk.policy.hole_after_s)
