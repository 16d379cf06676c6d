"""Agreements."""

from collections.abc import Sequence

from sqlalchemy import select

from marketplace.domain.agreement import Agreement, AgreementStatus
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import agreement_row, columns_of, value_of
from marketplace.persistence.statements import held, upsert
from marketplace.persistence.tables import agreements

_COLUMNS = columns_of(agreements, Agreement)


class SqlAgreements:
    """Agreements, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Agreement] = {}

    async def get(self, agreement_id: str) -> Agreement | None:
        """The agreement, or None; a writing transaction holds it until its end, so that it need not be read again."""
        if agreement_id not in self._known:
            wanted = select(*_COLUMNS).where(agreements.c.id == agreement_id)
            row = (await self._connection.execute(held(self._connection, wanted))).mappings().first()
            if row is None:
                return None
            self._known[agreement_id] = value_of(Agreement, row)
        return self._known[agreement_id]

    async def of_order(self, order_id: str) -> Sequence[Agreement]:
        """The delivery first, then the supplies as they were drafted; void drafts are left out."""
        wanted = (
            select(*_COLUMNS)
            .where(agreements.c.order_id == order_id, agreements.c.status != AgreementStatus.VOID)
            .order_by(agreements.c.kind, agreements.c.serial)
        )
        rows = (await self._connection.execute(held(self._connection, wanted))).mappings()
        found = [value_of(Agreement, row) for row in rows]
        self._known |= {agreement.id: agreement for agreement in found}
        return found

    async def save(self, agreement: Agreement) -> None:
        """Insert or replace."""
        await upsert(self._connection, agreements, agreement_row(agreement), "id")
        self._known[agreement.id] = agreement
