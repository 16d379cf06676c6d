"""Crashes of the worker: every call of a port and every commit is a point at which the process may die."""

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from marketplace.application.attempt import LEASE_S
from marketplace.application.context import Context
from marketplace.ports.unit_of_work import Transaction, UnitOfWork
from tests.application.world import World


class Crash(BaseException):
    """The process is gone: nothing may catch this."""


class Faults:
    """Asks `dies` at each point, and counts how often the process went through it and how often it died there."""

    def __init__(self, dies: Callable[[str], bool]) -> None:
        self.seen: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self._dies = dies

    def point(self, name: str) -> None:
        """Perhaps the process dies here."""
        self.seen[name] += 1
        if self._dies(name):
            self.crashes[name] += 1
            raise Crash(name)

    def around(self, ctx: Context) -> Context:
        """The same context with points around everything outside."""
        outside = ("chain", "push", "mail", "dispatch", "directory")
        ports = {name: FaultyPort(name, getattr(ctx, name), self) for name in outside}
        return replace(ctx, uow=FaultyUnitOfWork(ctx.uow, self), **ports)  # type: ignore[arg-type]


class FaultyPort:
    """A port with a point before and after each call: new methods cannot escape."""

    def __init__(self, name: str, port: Any, faults: Faults) -> None:
        self._name, self._port, self._faults = name, port, faults

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*values: Any, **named: Any) -> Any:
            self._faults.point(f"before {self._name}.{method}")
            answer = await found(*values, **named)
            self._faults.point(f"after {self._name}.{method}")
            return answer

        return call


class FaultyUnitOfWork:
    """Transactions with a point before and after the commit, and one before an effect is noted as done."""

    def __init__(self, uow: UnitOfWork, faults: Faults) -> None:
        self._uow, self._faults = uow, faults
        self.read = uow.read
        self.glance = uow.glance

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with self._uow.write() as tx:
            tx.outbox = NotedOutbox(tx.outbox, self._faults)  # type: ignore[assignment]
            yield tx
            self._faults.point("before commit")
        self._faults.point("after commit")


class NotedOutbox:
    """The outbox with a point at which an effect has been done and nobody knows."""

    def __init__(self, outbox: Any, faults: Faults) -> None:
        self._outbox, self._faults = outbox, faults

    def __getattr__(self, method: str) -> Any:
        return getattr(self._outbox, method)

    async def done(self, effect_id: int, *values: Any) -> Any:
        self._faults.point(f"done {effect_id}")
        return await self._outbox.done(effect_id, *values)


def restarting(world: World, faults: Faults) -> None:
    """From now on the worker of this world dies at these points and is started again when its leases have run out."""
    dying = faults.around(world.ctx)

    async def work() -> None:
        for _ in range(2_000):
            try:
                await World.work(world, dying)
            except Crash:
                world.pass_time(seconds=LEASE_S + 1)
            else:
                return
        raise AssertionError("the worker dies for ever")

    world.work = work  # type: ignore[method-assign, assignment]


def first_time(prefix: str) -> Callable[[str], bool]:
    """Die at each point of this kind once."""
    known: set[str] = set()

    def dies(name: str) -> bool:
        if not name.startswith(prefix) or name in known:
            return False
        known.add(name)
        return True

    return dies
