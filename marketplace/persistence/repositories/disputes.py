"""The photos of disputes."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_missing
from marketplace.persistence.tables import dispute_photos
from marketplace.ports.dispute_photos import DisputePhoto

_COLUMNS = columns_of(dispute_photos, DisputePhoto)
_OF = dispute_photos.c


class SqlDisputePhotos:
    """Photos by order and side, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, order_id: str) -> Sequence[DisputePhoto]:
        """In the order in which they came."""
        wanted = select(*_COLUMNS).where(_OF.order_id == order_id).order_by(_OF.serial)
        return [value_of(DisputePhoto, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def keep(self, order_id: str, photo: DisputePhoto, data: bytes, at: datetime) -> None:
        """Once for each side."""
        row = row_of(dispute_photos, photo, order_id=order_id, data=data, at=at)
        await insert_missing(self._connection, dispute_photos, [row])

    async def data(self, order_id: str, digest: str) -> bytes | None:
        """The bytes; two sides may have shown the same."""
        wanted = select(_OF.data).where(_OF.order_id == order_id, _OF.digest == digest).limit(1)
        found: bytes | None = await self._connection.scalar(wanted)
        return found

    async def say(self, order_id: str, party_id: str, digests: Collection[str]) -> None:
        """They stay."""
        mine = (_OF.order_id == order_id, _OF.party_id == party_id, _OF.digest.in_(list(digests)))
        await self._connection.execute(update(dispute_photos).where(*mine).values(said=True))

    async def drop(self, order_id: str, party_id: str, digest: str) -> bool:
        """Only before it was said."""
        mine = (_OF.order_id == order_id, _OF.party_id == party_id, _OF.digest == digest, ~_OF.said)
        return (await self._connection.execute(delete(dispute_photos).where(*mine))).rowcount == 1
