"""Messages and devices."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, or_, select, update

from marketplace.domain.errors import Conflict
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import insert_once
from marketplace.persistence.tables import accounts, devices, inbox_messages
from marketplace.ports.push import PushAddress
from marketplace.ports.unit_of_work import InboxMessage

_MESSAGE = columns_of(inbox_messages, InboxMessage)
_MESSAGE_BY_ID = select(*_MESSAGE).where(inbox_messages.c.id == bindparam("message"))
_ADDRESS = select(*columns_of(devices, PushAddress)).where(devices.c.id == bindparam("device"))
_PEOPLE = select(accounts.c.id).where(accounts.c.organisation_id == bindparam("party"))
_DEVICES_OF = (
    select(devices.c.id)
    .where(or_(devices.c.party_id == bindparam("party"), devices.c.party_id.in_(_PEOPLE)))
    .order_by(devices.c.serial)
)


class SqlInbox:
    """Inboxes and devices, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, message: InboxMessage) -> bool:
        """False if a message with this id is there already."""
        return await insert_once(self._connection, inbox_messages, row_of(inbox_messages, message))

    async def of(self, party_id: str, limit: int) -> Sequence[InboxMessage]:
        """Newest first."""
        wanted = (
            select(*_MESSAGE)
            .where(inbox_messages.c.party_id == party_id)
            .order_by(inbox_messages.c.at.desc(), inbox_messages.c.serial.desc())
            .limit(limit)
        )
        return [value_of(InboxMessage, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def get(self, message_id: str) -> InboxMessage | None:
        """By id."""
        row = (await self._connection.execute(_MESSAGE_BY_ID, {"message": message_id})).mappings().first()
        return None if row is None else value_of(InboxMessage, row)

    async def mark_read(self, party_id: str, message_id: str) -> bool:
        """False if there is no such message for this party."""
        own = update(inbox_messages).where(inbox_messages.c.id == message_id, inbox_messages.c.party_id == party_id)
        return (await self._connection.execute(own.values(read=True))).rowcount == 1

    async def add_device(self, device_id: str, party_id: str, address: PushAddress) -> str:
        """Register a device and return its id; the same endpoint keeps its id and changes hands.

        Raises Conflict if the id names another device.
        """
        if await insert_once(self._connection, devices, row_of(devices, address, id=device_id, party_id=party_id)):
            return device_id
        same = devices.c.endpoint == address.endpoint
        kept: str | None = await self._connection.scalar(select(devices.c.id).where(same))
        if kept is None:
            raise Conflict(f"device {device_id} is registered with another endpoint")
        await self._connection.execute(update(devices).where(same).values(row_of(devices, address, party_id=party_id)))
        return kept

    async def device(self, device_id: str) -> PushAddress | None:
        """The device's address, or None once it is gone."""
        row = (await self._connection.execute(_ADDRESS, {"device": device_id})).mappings().first()
        return None if row is None else value_of(PushAddress, row)

    async def devices_of(self, party_id: str) -> Sequence[str]:
        """Device ids of a party and of its people, oldest first."""
        return (await self._connection.scalars(_DEVICES_OF, {"party": party_id})).all()

    async def remove_device(self, device_id: str, party_id: str | None = None) -> bool:
        """Forget a device (of this party)."""
        gone = delete(devices).where(devices.c.id == device_id)
        if party_id is not None:
            gone = gone.where(devices.c.party_id == party_id)
        return (await self._connection.execute(gone)).rowcount == 1
