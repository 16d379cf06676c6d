"""Connections that are taken from their pool when they are first asked: some never are.

A glance asks together with the other glances of the moment. A transaction that only adds rows keeps them until its
end, to be written together with those of others.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import CursorResult, Executable, ScalarResult, Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from marketplace.persistence.gathering import Gathering
from marketplace.ports.unit_of_work import Apart

K = TypeVar("K")
A = TypeVar("A")

Row = dict[str, Any]
Rows = dict[Table, list[Row]]
"""New rows by table, in the order in which the tables were first written."""


class Late:
    """As much of an AsyncConnection as repositories need, opened by the first statement."""

    def __init__(self, engine: AsyncEngine, opening: AbstractAsyncContextManager[AsyncConnection]) -> None:
        self.dialect = engine.dialect
        self.sync_connection = engine.sync_engine
        self._opening = opening
        self._connection: AsyncConnection | None = None

    @property
    def opened(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    async def __aenter__(self) -> Self:
        """Nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or roll back what was begun, and give the connection back."""
        if self._connection is not None:
            await self._opening.__aexit__(kind, error, trace)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """As AsyncConnection does."""
        return await (await self._open()).execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """As AsyncConnection does."""
        return await (await self._open()).scalar(statement, parameters)

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """As AsyncConnection does."""
        return await (await self._open()).scalars(statement, parameters)

    async def _open(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._opening.__aenter__()
        return self._connection


Connection = AsyncConnection | Late


Question = Callable[[Connection, Sequence[K]], Awaitable[Sequence[A]]]
"""A statement that answers for many keys, in their order; a key that names nothing has an answer, too."""


class Gatherings:
    """Where the glances of a process meet: what they ask at one moment is asked on one connection, each question once
    for all who ask it. To take a connection and to give it back costs as much as a question."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._gathering: Gathering[tuple[Question[Any, Any], Any], Any] = Gathering(self._answers)

    async def ask(self, question: Question[K, A], key: K) -> A:
        """The answer for `key`. Raises StoreUnavailable, Apart."""
        found: A = await self._gathering.do((question, key))
        return found

    async def _answers(self, asked: Sequence[tuple[Question[Any, Any], Any]]) -> Sequence[Any]:
        answers: list[Any] = [None] * len(asked)
        async with self._engine.connect() as connection:
            for question in dict.fromkeys(question for question, _ in asked):
                places = [place for place, (wanted, _) in enumerate(asked) if wanted is question]
                found = await question(connection, [asked[place][1] for place in places])
                for place, answer in zip(places, found, strict=True):
                    answers[place] = answer
        return answers


class Glance(Late):
    """Outside any transaction."""

    def __init__(self, engine: AsyncEngine, gatherings: Gatherings) -> None:
        super().__init__(engine, engine.connect())
        self.gatherings = gatherings


async def ask(connection: Connection, question: Question[K, A], key: K) -> A:
    """The answer for `key`; a glance asks with the others of this moment, and alone when their round has failed."""
    if isinstance(connection, Glance):
        with suppress(Apart):
            return await connection.gatherings.ask(question, key)
    return (await question(connection, [key]))[0]


class Postponing(Late):
    """A transaction whose new rows wait for its end, or for its first question to the database, before which `write`
    writes them. Then it is one like any other."""

    def __init__(self, engine: AsyncEngine, write: Callable[[AsyncConnection, Rows], Awaitable[Sequence[int]]]) -> None:
        super().__init__(engine, engine.begin())
        self._write = write
        self.kept: Rows = {}
        self.added: list[int] = []
        """Effects among the rows that it had to write itself."""

    def keep(self, table: Table, rows: Sequence[Row]) -> bool:
        """Whether these rows wait: False, and they must be written, where the transaction has begun."""
        if not self.opened:
            self.kept.setdefault(table, []).extend(rows)
        return not self.opened

    async def _open(self) -> AsyncConnection:
        begins = not self.opened
        connection = await super()._open()
        if begins:
            self.added += await self._write(connection, self.kept)
        return connection


def postponed(connection: Connection, table: Table, rows: Sequence[Row]) -> bool:
    """Whether `rows` will be written later, as new ones: where they are not, the transaction ends with Apart."""
    return isinstance(connection, Postponing) and connection.keep(table, rows)
