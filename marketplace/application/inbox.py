"""The in-app inbox."""

from dataclasses import dataclass
from datetime import datetime

from marketplace.application.context import Context
from marketplace.domain.errors import NotFound
from marketplace.domain.parties import Account

MESSAGES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class MessageView:
    """An inbox message."""

    id: str
    title: str
    body: str
    order_id: str
    at: datetime
    read: bool


@dataclass(frozen=True, slots=True)
class InboxView:
    """Messages, newest first, and how many are unread."""

    items: tuple[MessageView, ...]
    unread: int


async def messages(ctx: Context, caller: Account) -> InboxView:
    """The caller's messages, newest first."""
    async with ctx.uow.read() as tx:
        found = await tx.inbox.of(caller.party_id, MESSAGES_SHOWN)
    items = tuple(MessageView(item.id, item.title, item.body, item.order_id, item.at, item.read) for item in found)
    return InboxView(items, sum(not item.read for item in items))


async def mark_read(ctx: Context, caller: Account, message_id: str) -> None:
    """Raises NotFound."""
    async with ctx.uow.write() as tx:
        if not await tx.inbox.mark_read(caller.party_id, message_id):
            raise NotFound("message")
