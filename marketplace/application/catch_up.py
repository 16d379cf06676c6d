"""After a restore the chain knows more than the database: it is read to its end before anything is done.

What it answers is done; what it cannot answer (messages, jobs, searches) waits for an operator. `effects.HELD_AFTER_
RESTORE` says which kinds, and why.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from marketplace.application.context import Context
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.effects import EffectKind
from marketplace.domain.order import Status
from marketplace.domain.transitions import UNDELIVERED
from marketplace.ports.restores import Restore
from marketplace.ports.unit_of_work import Transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StillAsked:
    """When an effect has still something to do: order and agreement stand in one of these statuses, where there are
    some."""

    orders: frozenset[Status] = frozenset()
    agreements: frozenset[AgreementStatus] = frozenset()


STILL_ASKED: Mapping[EffectKind, StillAsked] = {
    EffectKind.FIND_SUPPLIERS: StillAsked(frozenset({Status.PLACED})),
    EffectKind.DRAFT_AGREEMENTS: StillAsked(frozenset({Status.ACCEPTED})),
    EffectKind.DRAFT_SUPPLY: StillAsked(frozenset({Status.SOURCING})),
    EffectKind.OPEN_AGREEMENTS: StillAsked(frozenset({Status.CONFIRMED})),
    EffectKind.DISPATCH_JOBS: StillAsked(frozenset(UNDELIVERED), frozenset({AgreementStatus.OPEN})),
    EffectKind.ASK_CARRIER: StillAsked(agreements=frozenset({AgreementStatus.OPEN, AgreementStatus.DISPUTED})),
    EffectKind.ASK_ACCEPTANCE: StillAsked(agreements=frozenset({AgreementStatus.DELIVERED})),
}
"""Of other held kinds (messages, test money) the chain says nothing."""


def why_held(restore: Restore) -> str:
    """For the operator who looks at a held effect."""
    return f"older than the backup of {restore.made_at:%Y-%m-%d %H:%M:%S} that was restored: perhaps it was done"


async def settle_held(ctx: Context, tx: Transaction, restore: Restore) -> int:
    """The chain was read to what was its end: note what it has answered, and let everything else go on.

    Gives how many effects wait for an operator's word.
    """
    now = ctx.clock.now()
    for kind, still in STILL_ASKED.items():
        # Either says that it is over: the order has moved on, or the agreement has.
        if still.orders:
            await tx.outbox.answered(kind, still.orders, (), now)
        if still.agreements:
            await tx.outbox.answered(kind, (), still.agreements, now)
    held = await tx.outbox.held()
    await tx.restores.caught_up(held, now)
    return held
