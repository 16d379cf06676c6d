"""After a restore: the chain is read to what was its end, and what it told is put into words."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bootstrap.backup.archive import Progress
from bootstrap.container import open_container
from bootstrap.settings import Settings
from marketplace.application.chain_sync import sync_chain
from marketplace.application.context import Context
from marketplace.persistence.database import Database
from marketplace.ports.chain import ChainUnavailable
from marketplace.ports.restores import LostAgreement

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the database knows once the chain was read. `why_not` is why it could not be read to the end."""

    events: int
    from_block: int | None
    to_block: int | None
    held: dict[str, int]
    lost: tuple[LostAgreement, ...]
    caught_up: bool
    why_not: str
    seconds: float

    def as_document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "caught_up": self.caught_up,
            "why_not": self.why_not,
            "events": self.events,
            "from_block": self.from_block,
            "to_block": self.to_block,
            "held": self.held,
            "lost_agreements": [_lost(lost) for lost in self.lost],
            "seconds": round(self.seconds, 1),
        }


def _lost(lost: LostAgreement) -> dict[str, Any]:
    agreement = lost.agreement
    return {
        "id": agreement.id,
        "order": agreement.order_id or None,
        "address": agreement.address,
        "kind": agreement.kind.name.lower(),
        "status": agreement.status.value,
        "payer": agreement.terms.payer,
        "payee": agreement.terms.payee,
        "amount_minor": agreement.terms.amount_minor,
        "block": lost.block,
        "transaction": lost.transaction,
    }


async def learn(settings: Settings, told: Progress, patience_s: float) -> Learnt:
    """Read the chain until the database has caught up, or for so long; nothing else is done. Raises SettingsRefused."""
    begun = time.monotonic()
    why_not, events = "", 0
    async with open_container(settings) as container:
        before = await _final(container.ctx)
        while True:
            try:
                events += await sync_chain(container.ctx)
                why_not = ""
            except ChainUnavailable as failure:
                why_not = str(failure)
            async with container.ctx.uow.read() as tx:
                state, restore = await tx.cursor.get(), await tx.restores.catching_up()
            if restore is None or time.monotonic() - begun > patience_s:
                break
            up_to = restore.up_to_block or 0
            told("blocks read", state.final.number if state.final else 0, up_to)
            why_not = why_not or f"block {up_to} is not final yet"
            await asyncio.sleep(LOOK_S)
        held = await _held(container.database)
        async with container.ctx.uow.read() as tx:
            lost = tuple(await tx.lost.all())
            after = (await tx.cursor.get()).final
    reached = None if after is None else after.number
    seconds = time.monotonic() - begun
    return Learnt(events, before, reached, held, lost, restore is None, why_not if restore else "", seconds)


async def _final(ctx: Context) -> int | None:
    async with ctx.uow.read() as tx:
        final = (await tx.cursor.get()).final
    return None if final is None else final.number


async def _held(database: Database) -> dict[str, int]:
    counts = await database.effects().counts()
    found: Counter[str] = Counter()
    for (status, kind), number in counts.items():
        if status == "held":
            found[kind] += number
    return dict(sorted(found.items()))
