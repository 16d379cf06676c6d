"""What an operator sees of the outbox, and what they may say: try it again, let it go, drop it. Each word is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, case, func, select, update

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.mapping import columns_of, value_of
from marketplace.persistence.tables import outbox

UNFINISHED = ("waiting", "parked", "held")
"""Effects that have neither been done nor dropped."""

LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect with all that is known of it. `due` is when a relay may take it next, or when a lease ends."""

    id: int
    order_id: str
    kind: str
    key: str
    subject: str
    detail: str
    status: str
    created_at: datetime
    not_before: datetime | None
    due: datetime
    attempts: int
    lease: int
    reason: str | None
    finished_at: datetime | None
    audit: str | None


@dataclass(frozen=True, slots=True)
class Which:
    """The effects that are meant: all of these are true of them; no ids are any id."""

    ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = UNFINISHED
    kind: str | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """Who says it, when, and why."""

    who: str
    at: datetime
    why: str

    def __post_init__(self) -> None:
        """Raises ValueError for words that would make a second line, or none."""
        for name, words in (("by", self.who), ("why", self.why)):
            if not words.strip() or not words.isprintable() or len(words) > LONGEST_WORDS:
                raise ValueError(f"{name} must be one line of at most {LONGEST_WORDS} characters")

    def line(self, what: str) -> str:
        """The line of the audit."""
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {self.who} {what}: {self.why}"


_COLUMNS = columns_of(outbox, EffectRow)


class Effects:
    """The operator's hand on the outbox. Each call is a transaction of its own; all raise StoreUnavailable."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def list(self, which: Which, limit: int) -> Sequence[EffectRow]:
        """Oldest first."""
        wanted = select(*_COLUMNS).where(*_meant(which)).order_by(outbox.c.id).limit(limit)
        with translated():
            async with self._engines.read.begin() as connection:
                return [value_of(EffectRow, row) for row in (await connection.execute(wanted)).mappings()]

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many there are by (status, kind)."""
        wanted = select(outbox.c.status, outbox.c.kind, func.count()).group_by(outbox.c.status, outbox.c.kind)
        with translated():
            async with self._engines.read.begin() as connection:
                return {(status, kind): number for status, kind, number in await connection.execute(wanted)}

    async def retry(self, which: Which, word: Word) -> Sequence[int]:
        """Due at once, attempts counted anew: what was parked, and what only waits for its next try. Gives the ids.

        An effect whose time has not come stays as it is: nobody makes a deadline pass. So does one that is being done:
        its relay's word then no longer counts, since the number of the claim has changed.
        """
        its_time_has_come = func.coalesce(outbox.c.not_before, word.at) <= word.at
        return await self._say(which, ("waiting", "parked"), word, "retried", [its_time_has_come], due=word.at)

    async def release(self, which: Which, word: Word) -> Sequence[int]:
        """Let go what was held or parked, when it is due and not before. Gives the ids."""
        due = func.coalesce(outbox.c.not_before, word.at)
        later = case((due > word.at, due), else_=word.at)
        return await self._say(which, ("held", "parked"), word, "released", [], due=later)

    async def drop(self, which: Which, word: Word) -> Sequence[int]:
        """Never to be done, nor asked for again under the same key. Gives the ids."""
        return await self._say(which, UNFINISHED, word, "dropped", [], status="dropped", finished_at=word.at)

    async def _say(
        self,
        which: Which,
        of: Sequence[str],
        word: Word,
        what: str,
        conditions: Sequence[ColumnElement[bool]],
        **values: object,
    ) -> Sequence[int]:
        line = word.line(what)
        audit = case((outbox.c.audit.is_(None), line), else_=outbox.c.audit + "\n" + line)
        # The claim's number goes on, so that a relay which is at it cannot overrule the operator.
        again = {"status": "waiting", "finished_at": None, "attempts": 0} | values
        changed = (
            update(outbox)
            .where(*_meant(which), outbox.c.status.in_(of), *conditions)
            .values(**again, audit=audit, lease=outbox.c.lease + 1)
            .returning(outbox.c.id)
        )
        with translated():
            async with self._engines.write.begin() as connection:
                return sorted((await connection.scalars(changed)).all())


def _meant(which: Which) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [outbox.c.status.in_(which.statuses)]
    if which.ids:
        conditions.append(outbox.c.id.in_(which.ids))
    if which.kind is not None:
        conditions.append(outbox.c.kind == which.kind)
    if which.order_id is not None:
        conditions.append(outbox.c.order_id == which.order_id)
    return conditions
