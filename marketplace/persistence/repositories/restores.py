"""Returns from backups, and the agreements that only the chain knew then."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, update

from marketplace.domain.agreement import Agreement, AgreementKind, Terms
from marketplace.domain.order import Status
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_once
from marketplace.persistence.tables import agreements, lost_agreements, orders, restores
from marketplace.ports.restores import LostAgreement, Restore

_RESTORE = columns_of(restores, Restore)
UNCONTRACTED = [
    Status.PLACED,
    Status.MATCHED,
    Status.ACCEPTED,
    Status.SOURCING,
    Status.QUOTED,
    Status.CONFIRMED,
    Status.REJECTED,
    Status.EXPIRED,
    Status.CANCELLED,
]
"""Where an order may stand whose agreements were opened without its knowledge."""
NOBODY = ""
"""Who the parties are here: their addresses are in the terms."""


class SqlRestores:
    """Returns from backups, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def catching_up(self) -> Restore | None:
        """The return after which the chain was not read to its end yet."""
        return await self._newest(select(*_RESTORE).where(restores.c.caught_up_at.is_(None)))

    async def last(self) -> Restore | None:
        """The newest."""
        return await self._newest(select(*_RESTORE))

    async def wait_for(self, block: int) -> None:
        """The chain's head when it was first read after the return; a later word changes nothing."""
        waits = restores.c.caught_up_at.is_(None) & restores.c.up_to_block.is_(None)
        await self._connection.execute(update(restores).where(waits).values(up_to_block=block))

    async def caught_up(self, held: int, at: datetime) -> None:
        """The chain was read as far as it had to be; so many effects are held."""
        waits = restores.c.caught_up_at.is_(None)
        await self._connection.execute(update(restores).where(waits).values(caught_up_at=at, held=held))

    async def _newest(self, wanted: Select[Any]) -> Restore | None:
        found = await self._connection.execute(wanted.order_by(restores.c.serial.desc()).limit(1))
        row = found.mappings().first()
        return None if row is None else value_of(Restore, row)


class SqlLostAgreements:
    """Agreements that only the chain knows, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def unknown(self, agreement_ids: Collection[str]) -> Sequence[str]:
        """Those that are neither an order's nor known as lost."""
        known: set[str] = set()
        for table in (agreements, lost_agreements):
            found = await self._connection.scalars(select(table.c.id).where(table.c.id.in_(agreement_ids)))
            known.update(found)
        return [agreement_id for agreement_id in agreement_ids if agreement_id not in known]

    async def order_of(self, terms: Terms) -> str | None:
        """The order to which an agreement of these terms belongs: by its handover hash, or by its parent."""
        if terms.kind is AgreementKind.DELIVERY:
            mine = (orders.c.handover_hash == terms.handover) & (
                func.lower(orders.c.payer_address) == terms.payer.lower()
            )
            wanted = select(orders.c.id).where(mine, orders.c.status.in_(UNCONTRACTED))
            newest = wanted.order_by(orders.c.placed_at.desc(), orders.c.id).limit(1)
            return await self._connection.scalar(newest)
        for table in (agreements, lost_agreements):
            found = await self._connection.scalar(select(table.c.order_id).where(table.c.id == terms.parent))
            if found is not None:
                return str(found)
        return None

    async def add(self, lost: LostAgreement) -> bool:
        """Remember it; False if it is remembered already."""
        place = {"block": lost.block, "transaction": lost.transaction, "found_at": lost.found_at}
        return await insert_once(self._connection, lost_agreements, _row(lost.agreement) | place)

    async def get(self, agreement_id: str) -> Agreement | None:
        """As the chain says it stands, or None."""
        wanted = select(lost_agreements).where(lost_agreements.c.id == agreement_id)
        row = (await self._connection.execute(wanted)).mappings().first()
        return None if row is None else _agreement(row)

    async def save(self, agreement: Agreement) -> None:
        """Replace what is known of it."""
        changed = update(lost_agreements).where(lost_agreements.c.id == agreement.id)
        await self._connection.execute(changed.values(_row(agreement)))

    async def all(self) -> Sequence[LostAgreement]:
        """The oldest first."""
        rows = (await self._connection.execute(select(lost_agreements).order_by(lost_agreements.c.serial))).mappings()
        return [LostAgreement(_agreement(row), row["block"], row["transaction"], row["found_at"]) for row in rows]

    async def orders(self) -> frozenset[str]:
        """Orders to which one of them belongs."""
        wanted = select(lost_agreements.c.order_id).where(lost_agreements.c.order_id.is_not(None)).distinct()
        return frozenset(await self._connection.scalars(wanted))


def _row(agreement: Agreement) -> dict[str, Any]:
    return row_of(lost_agreements, agreement) | {"order_id": agreement.order_id or None}


def _agreement(row: RowMapping) -> Agreement:
    rest = {"payer_id": NOBODY, "payee_id": NOBODY, "description": NOBODY}
    return value_of(Agreement, dict(row) | rest | {"order_id": row["order_id"] or ""})
