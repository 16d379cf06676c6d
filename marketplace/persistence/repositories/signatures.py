"""Requests to sign."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, select

from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import Held, insert_once, upsert
from marketplace.persistence.tables import signature_requests
from marketplace.ports.unit_of_work import SignatureRequest

_OF = signature_requests.c


def _asked(which: ColumnElement[bool]) -> Held:
    """Oldest first."""
    return Held(select(*columns_of(signature_requests, SignatureRequest)).where(which).order_by(_OF.serial))


_BY_ID = _asked(_OF.id == bindparam("it"))
_OF_AGREEMENT = _asked(_OF.agreement_id == bindparam("it"))
_OF_ORGANISATION = _asked(_OF.organisation_id == bindparam("it"))
_OPEN = _asked((_OF.organisation_id == bindparam("it")) & (_OF.status == "open"))


class SqlSignatures:
    """Requests to sign, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, request: SignatureRequest) -> None:
        """Insert; a request with this id stays as it is."""
        await insert_once(self._connection, signature_requests, row_of(signature_requests, request))

    async def get(self, request_id: str) -> SignatureRequest | None:
        """By id; a writing transaction holds it until its end."""
        return next(iter(await self._read(_BY_ID, request_id)), None)

    async def save(self, request: SignatureRequest) -> None:
        """Replace."""
        await upsert(self._connection, signature_requests, row_of(signature_requests, request), "id")

    async def of_organisation(self, organisation_id: str, *, open_only: bool) -> Sequence[SignatureRequest]:
        """Oldest first."""
        return await self._read(_OPEN if open_only else _OF_ORGANISATION, organisation_id)

    async def of_agreement(self, agreement_id: str) -> Sequence[SignatureRequest]:
        """All requests about an agreement, oldest first."""
        return await self._read(_OF_AGREEMENT, agreement_id)

    async def _read(self, asked: Held, of: str) -> Sequence[SignatureRequest]:
        rows = (await self._connection.execute(asked.on(self._connection), {"it": of})).mappings()
        return [value_of(SignatureRequest, row) for row in rows]
