"""Effects that wait for somebody: given up, held back, overdue, or claimed by a worker that died."""

from collections.abc import Iterator
from typing import Final

from bootstrap.doctor.database import Row, Snapshot
from bootstrap.doctor.failures import Unreadable
from bootstrap.doctor.lifecycle import BY_CHAIN_TIME, DEADLINES_OF_THE_CHAIN
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import instant, text, whole

_COLUMNS: Final = "id, order_id, kind, key, subject, status, due, attempts, reason"


class Clocks:
    """The wall's second, the chain's, and how long after its instant an effect may still be undone."""

    def __init__(self, wall: float, chain: float, patience_s: float) -> None:
        self.wall = wall
        self.chain = chain
        self.patience_s = patience_s

    def lateness(self, kind: str, subject: str, due: float) -> float:
        """Seconds beyond that; a deadline of the chain waits for the chain's clock too."""
        is_the_chains = kind in BY_CHAIN_TIME or (kind == "deadline" and subject in DEADLINES_OF_THE_CHAIN)
        now = min(self.wall, self.chain) if is_the_chains else self.wall
        return now - due - self.patience_s


def examine_outbox(
    report: Report, snapshot: Snapshot, clocks: Clocks, frozen: frozenset[str], order: str | None
) -> None:
    """Every effect that is not done. Effects of frozen orders wait with them."""
    for row in _open(snapshot, order):
        try:
            _effect(report, row, clocks, frozen)
        except Unreadable as error:
            report.find("unreadable", f"effect {row['id']}: {error}", order=str(row["order_id"]))


def _open(snapshot: Snapshot, order: str | None) -> Iterator[Row]:
    wanted = f"SELECT {_COLUMNS} FROM outbox WHERE status NOT IN ('done', 'dropped')"  # noqa: S608 - our own names
    if order is None:
        return snapshot.rows(f"{wanted} ORDER BY id")
    return snapshot.rows(f"{wanted} AND order_id = ? ORDER BY id", order)


def _effect(report: Report, row: Row, clocks: Clocks, frozen: frozenset[str]) -> None:
    order, kind, status = text(row, "order_id"), text(row, "kind"), text(row, "status")
    name = f"effect {row['id']} ({kind} {row['key']})"
    for check in ("effect-parked", "effect-held", "effect-overdue", "lease-expired"):
        report.saw(check)
    if status == "parked":
        report.find("effect-parked", f"{name} was given up: {row['reason']}", order=order)
    elif status == "held":
        report.find("effect-held", f"{name} is older than the restored backup", order=order)
    elif status == "waiting" and order not in frozen:
        late = clocks.lateness(kind, text(row, "subject"), instant(row, "due"))
        if late > 0 and whole(row, "attempts"):
            told = f"{name} was claimed or tried {row['attempts']} times and is overdue by {late:.0f} s more"
            report.find(
                "lease-expired", f"{told} than is waited for: {row['reason'] or 'no reason noted'}", order=order
            )
        elif late > 0:
            report.find("effect-overdue", f"{name} is overdue by {late:.0f} s more than is waited for", order=order)
