"""The one table of the order's lifecycle: which event leads from which status to which.

`lifecycle.evolve` is the only reader that moves an order; `docs/order-lifecycle.md` is generated from here.
"""

from collections.abc import Iterable, Mapping

from marketplace.domain import events as e
from marketplace.domain.order import Status

S = Status

OPEN_OFFER = (S.PLACED, S.MATCHED, S.ACCEPTED, S.SOURCING, S.QUOTED)
"""Before the customer has signed: everybody may still walk away."""
UNDELIVERED = (S.CONTRACTED, S.IN_PRODUCTION, S.PRODUCED, S.SHIPPED)
"""The money is secured and the goods are not there yet."""
RUNNING = (*UNDELIVERED, S.DELIVERED)


def _rows(
    event: type[e.Event], target: Status | None, sources: Iterable[Status]
) -> Iterable[tuple[tuple[Status, type[e.Event]], Status]]:
    """Rows of the table: from each source by `event` to `target`, or staying where it is."""
    return (((source, event), target or source) for source in sources)


TRANSITIONS: Mapping[tuple[Status, type[e.Event]], Status] = dict(
    row
    for rows in (
        _rows(e.MatchPostponed, None, [S.PLACED]),
        _rows(e.OrderMatched, S.MATCHED, [S.PLACED]),
        _rows(e.DecisionAsked, None, [S.MATCHED]),
        _rows(e.OrderAccepted, S.ACCEPTED, [S.MATCHED]),
        _rows(e.OrderRejected, S.REJECTED, [S.PLACED, S.MATCHED, S.ACCEPTED, S.SOURCING]),
        _rows(e.AgreementsDrafted, S.SOURCING, [S.ACCEPTED]),
        _rows(e.TermsSigned, None, [S.SOURCING]),
        _rows(e.SupplierDeclined, None, [S.SOURCING]),
        _rows(e.SupplierSilent, None, [S.SOURCING]),
        _rows(e.SupplierCountered, None, [S.SOURCING]),
        _rows(e.NextSupplierAsked, None, [S.SOURCING]),
        _rows(e.SupplyDrafted, None, [S.SOURCING]),
        _rows(e.SearchReopened, S.PLACED, [S.SOURCING]),
        _rows(e.QuoteIssued, S.QUOTED, [S.SOURCING]),
        _rows(e.QuoteConfirmed, S.CONFIRMED, [S.QUOTED]),
        # The chain is the truth: money that opened after we had given up is still money, and so is what the customer
        # confirmed after the backup from which this database was restored.
        _rows(e.AgreementsOpened, S.CONTRACTED, [S.SOURCING, S.QUOTED, S.CONFIRMED, S.EXPIRED]),
        _rows(e.ProductionStarted, S.IN_PRODUCTION, [S.CONTRACTED]),
        _rows(e.ProductionProgressed, None, RUNNING),
        _rows(e.MilestoneProved, None, RUNNING),
        _rows(e.SupplyDelivered, None, RUNNING),
        _rows(e.ProductionFailed, None, [S.CONTRACTED, S.IN_PRODUCTION]),
        _rows(e.ProductionFinished, S.PRODUCED, [S.IN_PRODUCTION]),
        _rows(e.OrderShipped, S.SHIPPED, [S.PRODUCED]),
        _rows(e.HandoverPresented, None, [S.SHIPPED]),
        _rows(e.OrderDelivered, S.DELIVERED, UNDELIVERED),
        _rows(e.DeliveryAccepted, None, [S.DELIVERED]),
        _rows(e.DisputeOpened, None, [S.DELIVERED]),
        # The chain says these of whatever is running: a party may go to the arbiter without us.
        _rows(e.DisputeRecorded, None, RUNNING),
        _rows(e.DisputeAnswered, None, RUNNING),
        _rows(e.DisputeDecided, None, RUNNING),
        # From every running status: a split or an arbiter may end the agreements before the goods arrive.
        _rows(e.OrderSettled, S.SETTLED, RUNNING),
        _rows(e.OrderRefunded, S.REFUNDED, UNDELIVERED),
        _rows(e.OrderExpired, S.EXPIRED, [*OPEN_OFFER, S.CONFIRMED]),
        _rows(e.OrderCancelled, S.CANCELLED, OPEN_OFFER),
    )
    for row in rows
)
"""(status, event type) → status. There is no second table: nobody else sets a status."""

ENDS = frozenset(Status) - {source for source, _ in TRANSITIONS} | {S.EXPIRED}
"""Statuses that wait for nothing."""
