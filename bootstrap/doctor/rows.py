"""Typed readings of database rows. A value of another kind is Unreadable, which is a finding and no crash."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bootstrap.doctor.database import Row
from bootstrap.doctor.failures import Unreadable
from bootstrap.doctor.node import RECURSION
from bootstrap.doctor.terms import Terms, stored_terms

_DATA: Final = re.compile("0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What money needs to know of an order."""

    id: str
    status: str
    version: int
    delivery_id: str | None
    supply_ids: tuple[str, ...]
    payer: str


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """Money that left an agreement's books, in cents."""

    party: str
    address: str
    minor: int
    paid: bool


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement as the database has it; `milestones` maps a lane to (state, milliseconds)."""

    id: str
    order_id: str
    kind: int
    address: str
    status: str
    terms: Terms
    milestones: dict[int, tuple[str, int]]
    payouts: tuple[PayoutRow, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of an order."""

    version: int
    name: str
    data: dict[str, Any]


def text(row: Row, name: str) -> str:
    """A text column."""
    if isinstance(row[name], str):
        return str(row[name])
    raise Unreadable(name, "text")


def hexadecimal(row: Row, name: str, length: int) -> str:
    """Lower-case 0x-hex of so many bytes."""
    found = text(row, name).lower()
    if len(found) != 2 + 2 * length or _DATA.fullmatch(found) is None:
        raise Unreadable(name, f"hex data of {length} bytes")
    return found


def whole(row: Row, name: str) -> int:
    """A whole number."""
    if isinstance(row[name], int) and not isinstance(row[name], bool):
        return int(row[name])
    raise Unreadable(name, "whole number")


def instant(row: Row, name: str) -> float:
    """Seconds since 1970 of an instant; SQLite forgets the zone, and what is stored is UTC."""
    value = row[name]
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return float((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (AttributeError, ValueError, OverflowError) as error:
        raise Unreadable(name, "instant") from error


def value(row: Row, name: str) -> Any:
    """A JSON column. Raises Unreadable."""
    stored = row[name]
    if stored is None:
        return None
    try:
        # A nesting that ends the process would come before any error: nothing of ours nests more than a few levels.
        if not isinstance(stored, str) or stored.count("[") + stored.count("{") > RECURSION * 10:
            raise Unreadable(name, "JSON")
        return json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise Unreadable(name, "JSON") from error


def order_row(row: Row) -> OrderRow:
    """An order. Raises Unreadable."""
    supplies = value(row, "supply_ids")
    if not isinstance(supplies, list) or not all(isinstance(one, str) for one in supplies):
        raise Unreadable("supply_ids", "list of ids")
    return OrderRow(
        id=text(row, "id"),
        status=text(row, "status"),
        version=whole(row, "version"),
        delivery_id=None if row["delivery_id"] is None else text(row, "delivery_id"),
        supply_ids=tuple(supplies),
        payer=text(row, "payer_address").lower(),
    )


def agreement_row(row: Row) -> AgreementRow:
    """An agreement. Raises Unreadable."""
    return AgreementRow(
        id=hexadecimal(row, "id", 32),
        order_id=text(row, "order_id"),
        kind=whole(row, "kind"),
        address=hexadecimal(row, "address", 20),
        status=text(row, "status"),
        terms=stored_terms(value(row, "terms")),
        milestones=dict(_milestones(value(row, "milestone_states"))),
        payouts=tuple(_payouts(value(row, "payouts"))),
    )


def event_row(row: Row) -> EventRow:
    """An event. Raises Unreadable."""
    data = value(row, "data")
    if not isinstance(data, dict):
        raise Unreadable("data", "object")
    return EventRow(whole(row, "version"), text(row, "name"), data)


def _milestones(stored: Any) -> Iterator[tuple[int, tuple[str, int]]]:
    if not isinstance(stored, dict):
        raise Unreadable("milestone_states", "object")
    for key, found in stored.items():
        match found:
            case [str(state), int(at)] if key.isascii() and key.isdigit() and not isinstance(at, bool):
                yield int(key[:3]), (state, at)
            case _:
                raise Unreadable(f"milestone_states.{key}", "state and instant")


def _payouts(stored: Any) -> Iterator[PayoutRow]:
    if not isinstance(stored, list):
        raise Unreadable("payouts", "list")
    for place, one in enumerate(stored):
        match one:
            case {"party": str(party), "address": str(address), "amount_minor": int(minor), "paid": bool(paid)}:
                yield PayoutRow(party, address.lower(), minor, paid)
            case _:
                raise Unreadable(f"payouts[{place}]", "payout")
