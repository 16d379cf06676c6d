"""What belongs to nobody: rows of orders that are not there, and agreements on the chain that no row knows."""

from collections.abc import Iterator
from typing import Any, Final

from bootstrap.doctor.abi import hexed, raw
from bootstrap.doctor.books import live
from bootstrap.doctor.cases import AGREEMENTS, Bookkeeper, reading
from bootstrap.doctor.database import Snapshot
from bootstrap.doctor.failures import NodeRefused
from bootstrap.doctor.node import BATCH, Node, data
from bootstrap.doctor.orders import ZERO_ID
from bootstrap.doctor.report import MOST, Report
from bootstrap.doctor.rows import agreement_row
from bootstrap.doctor.spill import Spill

_CHILDREN: Final = ("outbox", "order_events", "signature_requests", "jobs")
_NO_ORDER: Final = "NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = mine.order_id)"

_OF_ORDERS: Final = (
    "mine.order_id <> '' AND NOT EXISTS (SELECT 1 FROM lost_agreements WHERE lost_agreements.id = mine.order_id)"
)
"""Test money is asked for without an order. What time allows is done for a lost agreement too; its effects go by its
own id."""


def examine_orphans(report: Report, snapshot: Snapshot, books: Bookkeeper) -> None:
    """Rows whose order is gone; their agreements are compared with the chain all the same."""
    for table in _CHILDREN:
        # The names are our own; an effect that is done belongs to the past.
        done = f" AND status NOT IN ('done', 'dropped') AND {_OF_ORDERS}" if table == "outbox" else ""
        counted = f"SELECT order_id, count(*) AS n FROM {table} AS mine WHERE {_NO_ORDER}{done} GROUP BY order_id"  # noqa: S608
        report.saw("orphan")
        for row in snapshot.rows(counted):
            told = f"{row['n']} rows of {table} belong to this order, which is not there"
            report.find("orphan", told, order=str(row["order_id"]))
    report.saw("orphan")
    for row in snapshot.rows(f"{AGREEMENTS} AS mine WHERE {_NO_ORDER}"):
        order = str(row["order_id"])
        books.know(str(row["id"]), order)
        report.find("orphan", f"agreement {row['id']} belongs to this order, which is not there", order=order)
        with reading(report, row, f"agreement {row['id']}"):
            books.compare(agreement_row(row))


def note_parties(snapshot: Snapshot, spill: Spill) -> None:
    """Everybody who has an address here."""
    wanted = (
        "SELECT address FROM organisations WHERE address IS NOT NULL",
        "SELECT own_address AS address FROM accounts WHERE own_address IS NOT NULL",
        "SELECT DISTINCT payer_address AS address FROM orders",
        "SELECT DISTINCT signer_key AS address FROM chain_transactions",
    )
    for sql in wanted:
        spill.add(
            "parties", ((found,) for row in snapshot.rows(sql) if (found := _address(row["address"])) is not None)
        )


def _address(text: Any) -> bytes | None:
    try:
        found = raw(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return found if len(found) == 20 else None


def examine_strangers(report: Report, node: Node, spill: Spill, last: int, snapshot: Snapshot) -> None:
    """Agreements of the factory that no row knows. It has no owner: what strangers open there is theirs."""
    foreign = 0
    report.saw("event-without-agreement", spill.one("SELECT count(*) FROM clones"))
    for some in _unknown(spill, last):
        questions = [("eth_getTransactionByHash", (hexed(tx),)) for _, tx in some]
        for (agreement, _), answer in zip(some, node.ask_all(questions), strict=True):
            identity = hexed(agreement)
            life = live(identity, spill.facts(identity, last), "0x" + "0" * 40, spill.clone)
            if life is None:
                continue
            related = [one for one in (life.terms["parent"], life.terms["replaces"]) if one != ZERO_ID]
            people = [life.terms["payer"], life.terms["payee"], *_sender(answer)]
            is_ours = any(spill.one("SELECT 1 FROM parties WHERE address = ?", raw(one)) for one in people)
            is_ours = is_ours or any(spill.one("SELECT 1 FROM known WHERE agreement = ?", raw(one)) for one in related)
            if not is_ours:
                foreign += 1
                continue
            order = (
                _order_of(snapshot, [identity, *related]) if report.counts["event-without-agreement"] < MOST else None
            )
            unit = int(life.terms["unit"]) or 1
            told = (
                f"agreement {identity}, opened in {life.openings[0].where}, has no row: {life.terms['amount'] // unit}"
                f" cents from {life.terms['payer']} to {life.terms['payee']}"
            )
            report.find("event-without-agreement", told, order=order, agreement=identity)
    if foreign:
        report.note(f"{foreign} agreements of this factory are between strangers: not ours")


def _unknown(spill: Spill, last: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """Agreement and transaction of each opening without a row; and what is known is counted as looked at."""
    wanted = (
        "SELECT clones.agreement, (SELECT tx FROM logs WHERE logs.agreement = clones.agreement"
        " AND block <= ? ORDER BY block, place LIMIT 1) AS tx FROM clones"
        " WHERE clones.agreement > ? AND NOT EXISTS (SELECT 1 FROM known WHERE known.agreement = clones.agreement)"
        " ORDER BY clones.agreement LIMIT ?"
    )
    after = b""
    while some := list(spill.rows(wanted, last, after, BATCH)):
        after = some[-1][0]
        yield [(agreement, tx) for agreement, tx in some if tx is not None]


def _sender(answer: Any) -> list[str]:
    if isinstance(answer, NodeRefused) or not isinstance(answer, dict):
        return []
    return [hexed(data(answer.get("from"), "a sender", 20))]


def _order_of(snapshot: Snapshot, agreements: list[str]) -> str | None:
    """The order that names one of these agreements, or has a row of it."""
    asked = (
        "SELECT id FROM orders WHERE delivery_id = ?",
        "SELECT order_id AS id FROM agreements WHERE id = ?",
        "SELECT order_id AS id FROM lost_agreements WHERE id = ? AND order_id IS NOT NULL",  # what a restore has learnt
    )
    for agreement in agreements:
        for sql in asked:
            for row in snapshot.rows(sql, agreement):
                return str(row["id"])
    named = "SELECT id FROM orders WHERE CAST(supply_ids AS TEXT) LIKE ?"
    for row in snapshot.rows(named, f"%{agreements[0]}%"):
        return str(row["id"])
    return None
