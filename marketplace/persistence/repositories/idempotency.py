"""Answers kept under Idempotency-Keys."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_once
from marketplace.persistence.tables import idempotency_answers
from marketplace.ports.unit_of_work import StoredAnswer

_COLUMNS = columns_of(idempotency_answers, StoredAnswer)


class SqlIdempotency:
    """Answers by (principal, route, key), in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, principal: str, route: str, key: str) -> StoredAnswer | None:
        """The answer, or None."""
        columns = idempotency_answers.c
        wanted = select(*_COLUMNS).where(columns.principal == principal, columns.route == route, columns.key == key)
        row = (await self._connection.execute(wanted)).mappings().first()
        return None if row is None else value_of(StoredAnswer, row)

    async def put(self, principal: str, route: str, key: str, answer: StoredAnswer, now: datetime) -> None:
        """Keep it; a later answer under the same name is ignored."""
        row = row_of(idempotency_answers, answer, principal=principal, route=route, key=key, at=now)
        await insert_once(self._connection, idempotency_answers, row)
