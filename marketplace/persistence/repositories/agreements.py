"""Agreements."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from marketplace.domain.agreement import Agreement, AgreementStatus
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import agreement_row, columns_of, value_of
from marketplace.persistence.statements import Held, upsert
from marketplace.persistence.tables import agreements

_OF = agreements.c
_COLUMNS = columns_of(agreements, Agreement)
_BY_ID = Held(select(*_COLUMNS).where(_OF.id == bindparam("agreement")))
_OF_ORDER = Held(
    select(*_COLUMNS)
    .where(_OF.order_id == bindparam("order"), _OF.status != AgreementStatus.VOID)
    .order_by(_OF.kind, _OF.serial)
)


class SqlAgreements:
    """Agreements, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Agreement] = {}

    async def get(self, agreement_id: str) -> Agreement | None:
        """The agreement, or None; a writing transaction holds it until its end, so that it need not be read again."""
        if agreement_id not in self._known:
            asked = _BY_ID.on(self._connection), {"agreement": agreement_id}
            row = (await self._connection.execute(*asked)).mappings().first()
            if row is None:
                return None
            self._known[agreement_id] = value_of(Agreement, row)
        return self._known[agreement_id]

    async def of_order(self, order_id: str) -> Sequence[Agreement]:
        """The delivery first, then the supplies as they were drafted; void drafts are left out."""
        asked = _OF_ORDER.on(self._connection), {"order": order_id}
        rows = (await self._connection.execute(*asked)).mappings()
        found = [value_of(Agreement, row) for row in rows]
        self._known |= {agreement.id: agreement for agreement in found}
        return found

    async def save(self, agreement: Agreement) -> None:
        """Insert or replace."""
        await upsert(self._connection, agreements, agreement_row(agreement), "id")
        self._known[agreement.id] = agreement
