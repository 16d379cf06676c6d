"""Answers kept under Idempotency-Keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, tuple_

from marketplace.persistence.late import Connection, ask
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_once
from marketplace.persistence.tables import idempotency_answers
from marketplace.ports.unit_of_work import StoredAnswer

_COLUMNS = columns_of(idempotency_answers, StoredAnswer)


_NAME = (idempotency_answers.c.principal, idempotency_answers.c.route, idempotency_answers.c.key)
_UNDER = select(*_NAME, *_COLUMNS).where(tuple_(*_NAME).in_(bindparam("names", expanding=True)))


class SqlIdempotency:
    """Answers by (principal, route, key), in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, principal: str, route: str, key: str) -> StoredAnswer | None:
        """The answer, or None."""
        return await ask(self._connection, _answers, (principal, route, key))

    async def put(self, principal: str, route: str, key: str, answer: StoredAnswer, now: datetime) -> bool:
        """Keep it; False, and the first one stays, where the name is taken. Waits for whoever is just taking it."""
        row = row_of(idempotency_answers, answer, principal=principal, route=route, key=key, at=now)
        return await insert_once(self._connection, idempotency_answers, row)


async def _answers(connection: Connection, names: Sequence[tuple[str, str, str]]) -> Sequence[StoredAnswer | None]:
    """What was answered under each of `names`."""
    rows = (await connection.execute(_UNDER, {"names": names})).mappings()
    found = {(row["principal"], row["route"], row["key"]): value_of(StoredAnswer, row) for row in rows}
    return [found.get(name) for name in names]
