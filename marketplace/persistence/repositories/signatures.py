"""Requests to sign."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import held, insert_once, upsert
from marketplace.persistence.tables import signature_requests
from marketplace.ports.unit_of_work import SignatureRequest

_COLUMNS = columns_of(signature_requests, SignatureRequest)


class SqlSignatures:
    """Requests to sign, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, request: SignatureRequest) -> None:
        """Insert; a request with this id stays as it is."""
        await insert_once(self._connection, signature_requests, row_of(signature_requests, request))

    async def get(self, request_id: str) -> SignatureRequest | None:
        """By id; a writing transaction holds it until its end."""
        return next(iter(await self._read(signature_requests.c.id == request_id)), None)

    async def save(self, request: SignatureRequest) -> None:
        """Replace."""
        await upsert(self._connection, signature_requests, row_of(signature_requests, request), "id")

    async def of_organisation(self, organisation_id: str, *, open_only: bool) -> Sequence[SignatureRequest]:
        """Oldest first."""
        asked = signature_requests.c.organisation_id == organisation_id
        return await self._read(asked & (signature_requests.c.status == "open") if open_only else asked)

    async def of_agreement(self, agreement_id: str) -> Sequence[SignatureRequest]:
        """All requests about an agreement, oldest first."""
        return await self._read(signature_requests.c.agreement_id == agreement_id)

    async def _read(self, which: ColumnElement[bool]) -> Sequence[SignatureRequest]:
        wanted = select(*_COLUMNS).where(which).order_by(signature_requests.c.serial)
        rows = (await self._connection.execute(held(self._connection, wanted))).mappings()
        return [value_of(SignatureRequest, row) for row in rows]
