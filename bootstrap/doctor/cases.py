"""Orders with all that belongs to them, some hundred at a time: memory stays the same for any number of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from bootstrap.doctor.abi import raw
from bootstrap.doctor.accounts import Totals, account_of
from bootstrap.doctor.agreements import compare
from bootstrap.doctor.books import Life, live
from bootstrap.doctor.database import Row, Snapshot, among
from bootstrap.doctor.failures import CouldNotLook, Unreadable
from bootstrap.doctor.logs import Progress
from bootstrap.doctor.orders import Case
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import AgreementRow, agreement_row, event_row, order_row
from bootstrap.doctor.spill import Spill

ORDERS_AT_ONCE = 200
_ORDER = "SELECT id, status, version, delivery_id, supply_ids, payer_address FROM orders"
AGREEMENTS = "SELECT id, order_id, kind, address, status, terms, milestone_states, payouts FROM agreements"


class Bookkeeper:
    """Compares agreements with their lives, and remembers which were seen and what is still to be asked."""

    def __init__(self, report: Report, spill: Spill, last: int, receiver: str, chain_id: int, factory: str) -> None:
        self.totals = Totals()
        self._report = report
        self._spill = spill
        self._last = last
        self._receiver = receiver
        self._chain = chain_id, factory

    def compare(self, row: AgreementRow) -> Life | None:
        """The agreement's life, after every difference from its row was told."""
        life = self.life(row.id)
        compare(self._report, row, life, *self._chain)
        if life is not None:
            self.totals.add(row, life)
            self._spill.add("units", [(raw(row.id), str(life.unit))])
            self._spill.add("accounts", [account_of(row.order_id, life)])
        return life

    def know(self, agreement: str, order: str) -> None:
        """There is a row of this agreement, whatever it says."""
        with suppress(ValueError):
            self._spill.add("known", [(raw(agreement), order)])

    def life(self, agreement: str) -> Life | None:
        """What the chain says of an agreement up to the last applied block."""
        return live(agreement, self._spill.facts(agreement, self._last), self._receiver, self._spill.clone)

    def is_moving(self, agreement: str) -> bool:
        """Whether the chain says more of it after that block."""
        return self._spill.is_moving(agreement, self._last)


def ids_of(snapshot: Snapshot, order: str) -> list[str]:
    """The agreements of one order. Raises CouldNotLook where there is no such order."""
    if not list(snapshot.rows("SELECT id FROM orders WHERE id = ?", order)):
        raise CouldNotLook(f"there is no order {order}")
    return [str(row["id"]) for row in snapshot.rows("SELECT id FROM agreements WHERE order_id = ?", order)]


def cases(
    report: Report, snapshot: Snapshot, books: Bookkeeper, moving: set[str], order: str | None, told: Progress
) -> Iterator[Case]:
    """Every order, or the one that is named."""
    total = 1 if order else int(next(iter(snapshot.rows("SELECT count(*) AS n FROM orders")))["n"])
    for rows in _chunks(snapshot, order):
        found = _bare(report, rows)
        _fill(report, snapshot, found, books, moving)
        report.orders += len(rows)
        yield from found.values()
        told("orders", report.orders, total)


def _chunks(snapshot: Snapshot, order: str | None) -> Iterator[list[Row]]:
    if order is not None:
        yield list(snapshot.rows(f"{_ORDER} WHERE id = ?", order))
        return
    rows = list(snapshot.rows(f"{_ORDER} ORDER BY id LIMIT {ORDERS_AT_ONCE}"))
    while rows:
        yield rows
        rows = list(snapshot.rows(f"{_ORDER} WHERE id > ? ORDER BY id LIMIT {ORDERS_AT_ONCE}", rows[-1]["id"]))


def _bare(report: Report, rows: Sequence[Row]) -> dict[str, Case]:
    found = {}
    for row in rows:
        report.saw("unreadable")
        try:
            case = Case(order_row(row))
        except Unreadable as error:
            report.find("unreadable", f"its row: {error}", order=str(row["id"]))
        else:
            found[case.order.id] = case
    return found


def _fill(report: Report, snapshot: Snapshot, found: dict[str, Case], books: Bookkeeper, moving: set[str]) -> None:
    ids = list(found)
    if not ids:
        return
    mine = among("order_id", ids)
    for row in snapshot.rows(
        f"SELECT order_id, version, name, data FROM order_events WHERE {mine}"  # noqa: S608
        " ORDER BY order_id, version",
        *ids,
    ):
        with reading(report, row, "an event"):
            found[row["order_id"]].events.append(event_row(row))
    for row in snapshot.rows(f"{AGREEMENTS} WHERE {mine} ORDER BY order_id, kind, serial", *ids):
        books.know(str(row["id"]), str(row["order_id"]))
        with reading(report, row, f"agreement {row['id']}"):
            _agreement(found[row["order_id"]], agreement_row(row), books, moving)
    for row in snapshot.rows(f"SELECT order_id, kind, key, status FROM outbox WHERE {mine}", *ids):  # noqa: S608
        found[row["order_id"]].effects.append((row["kind"], row["key"], row["status"]))
    asked = f"SELECT DISTINCT order_id FROM signature_requests WHERE status = 'open' AND {mine}"  # noqa: S608
    for row in snapshot.rows(asked, *ids):
        found[row["order_id"]].is_asked = True
    made = f"SELECT DISTINCT order_id FROM jobs WHERE state NOT IN ('ended', 'failed', 'refused') AND {mine}"  # noqa: S608
    for row in snapshot.rows(made, *ids):
        found[row["order_id"]].is_made = True


def _agreement(case: Case, row: AgreementRow, books: Bookkeeper, moving: set[str]) -> None:
    case.agreements.append(row)
    case.is_moving = case.is_moving or bool({row.id, row.address} & moving) or books.is_moving(row.id)
    life = books.compare(row)
    if life is not None:
        case.lives[row.id] = life


@contextmanager
def reading(report: Report, row: Row, what: str) -> Iterator[None]:
    """An unreadable row is a finding of its order, and the others are looked at."""
    report.saw("unreadable")
    try:
        yield
    except Unreadable as error:
        report.find("unreadable", f"{what}: {error}", order=str(row["order_id"]))
