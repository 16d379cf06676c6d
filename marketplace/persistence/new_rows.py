"""New rows of one transaction, or of many that end at the same moment: one statement for a table, one commit."""

from collections.abc import Callable, Sequence

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.gathering import Gathering
from marketplace.persistence.late import Connection, Rows
from marketplace.persistence.outbox import write_effects
from marketplace.persistence.repositories.events import write_events
from marketplace.persistence.statements import insert_missing
from marketplace.persistence.tables import order_events, outbox
from marketplace.ports.unit_of_work import Apart


async def write_new(connection: Connection, new: Rows) -> Sequence[int]:
    """Write rows whose unique names must be free, events last; gives the effects that may be done at once.

    Raises Apart where a name is taken.
    """
    due: Sequence[int] = ()
    for table, rows in new.items():
        if table is order_events:
            continue
        if table is outbox:
            written, due = await write_effects(connection, rows)
        else:
            written = len(await insert_missing(connection, table, rows, next(iter(table.primary_key))))
        if written < len(rows):
            raise Apart(f"{len(rows) - written} of {len(rows)} new rows of {table.name} were there already")
    await write_events(connection, new.get(order_events, []))
    return due


class GroupCommit:
    """Transactions that have nothing but new rows, committed as one: all of them, or none."""

    def __init__(self, engines: Engines, announce: Callable[[Sequence[int]], None] | None) -> None:
        self._engines = engines
        self._announce = announce
        self._gathering: Gathering[Rows, None] = Gathering(self._commit)

    async def commit(self, new: Rows) -> None:
        """Write and commit. Raises StoreUnavailable, and Apart where this one, or another of the moment, could not be
        written: then nothing was."""
        await self._gathering.do(new)

    async def _commit(self, members: Sequence[Rows]) -> Sequence[None]:
        together: Rows = {}
        # Processes that write the same rows at the same time write them in the same order, and so never in a circle.
        for member in sorted(members, key=_name):
            for table, rows in member.items():
                together.setdefault(table, []).extend(rows)
        with translated():
            async with self._engines.write.begin() as connection:
                due = await write_new(connection, together)
        if due and self._announce is not None:
            self._announce(due)
        return [None] * len(members)


def _name(member: Rows) -> list[str]:
    """What is first written in each table, by its key."""
    firsts = ((table, rows[0]) for table, rows in member.items())
    return [str(row[key.name]) for table, row in firsts for key in table.primary_key if key.name in row]
