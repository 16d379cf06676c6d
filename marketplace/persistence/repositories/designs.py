"""Customers' own files."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, select

from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_missing, insert_once, serialise
from marketplace.persistence.tables import design_files, design_holders, order_designs
from marketplace.ports.design_files import DesignFile, Held

QUOTA_LOCK = 0x6C736F08
"""Advisory lock on PostgreSQL ("lso" and a number): one upload at a time, so that no two pass one quota."""
_FILE = columns_of(design_files, DesignFile)
_OF, _BY, _IN = design_files.c, design_holders.c, order_designs.c


class SqlDesignFiles:
    """Files by digest, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def held(self, account_id: str) -> Held:
        """Count and bytes."""
        await serialise(self._connection, QUOTA_LOCK)
        wanted = (
            select(func.count(), func.coalesce(func.sum(_OF.size), 0))
            .select_from(design_holders.join(design_files, _BY.digest == _OF.digest))
            .where(_BY.account_id == account_id)
        )
        files, size = (await self._connection.execute(wanted)).one()
        return Held(int(files), int(size))

    async def keep(self, account_id: str, file: DesignFile, data: bytes, at: datetime) -> None:
        """Bytes once, a holder each."""
        await insert_once(self._connection, design_files, row_of(design_files, file, data=data))
        holder = {"digest": file.digest, "account_id": account_id, "at": at}
        await insert_missing(self._connection, design_holders, [holder])

    async def of(self, account_id: str) -> Sequence[DesignFile]:
        """Newest first."""
        wanted = (
            select(*_FILE)
            .select_from(design_files.join(design_holders, _BY.digest == _OF.digest))
            .where(_BY.account_id == account_id)
            .order_by(_BY.serial.desc())
        )
        return [value_of(DesignFile, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def find(self, digests: Collection[str], account_id: str | None) -> Sequence[DesignFile]:
        """Of these digests."""
        wanted = select(*_FILE).where(_OF.digest.in_(list(digests)))
        if account_id is not None:
            wanted = wanted.where(exists().where(_BY.digest == _OF.digest, _BY.account_id == account_id))
        return [value_of(DesignFile, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def data(self, digest: str) -> bytes | None:
        """The bytes."""
        found: bytes | None = await self._connection.scalar(select(_OF.data).where(_OF.digest == digest))
        return found

    async def drop(self, account_id: str, digest: str) -> bool:
        """One holder less, and the bytes with the last of them."""
        await serialise(self._connection, QUOTA_LOCK)  # nobody takes hold of bytes that are being removed
        gone = delete(design_holders).where(_BY.account_id == account_id, _BY.digest == digest)
        if (await self._connection.execute(gone)).rowcount == 0:
            return False
        unused = ~exists().where(_BY.digest == _OF.digest) & ~exists().where(_IN.digest == _OF.digest)
        await self._connection.execute(delete(design_files).where(_OF.digest == digest, unused))
        return True

    async def use(self, order_id: str, digests: Sequence[str]) -> None:
        """An order's files."""
        rows = [{"order_id": order_id, "digest": digest} for digest in dict.fromkeys(digests)]
        await insert_missing(self._connection, order_designs, rows)

    async def used_by(self, order_id: str) -> Sequence[str]:
        """In the order in which they were noted."""
        wanted = select(_IN.digest).where(_IN.order_id == order_id).order_by(_IN.serial)
        return (await self._connection.scalars(wanted)).all()
