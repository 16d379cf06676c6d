"""Domain objects ↔ rows. A field is a column of the same name; nested values are JSON, enums their values."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args

from sqlalchemy import Column, RowMapping, Table

from marketplace.domain.agreement import Agreement
from marketplace.domain.events import Event
from marketplace.domain.parties import Account, Organisation
from marketplace.persistence.codec import hints_of, plain, restore
from marketplace.persistence.tables import accounts, agreements, organisations

T = TypeVar("T")

EVENT_TYPES: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Class name → class of every event: the name under which its rows are stored."""


def row_of(table: Table, value: Any, **extra: Any) -> dict[str, Any]:
    """The row of a dataclass: those of its fields that the table has, and `extra`."""
    return {name: _cell(getattr(value, name)) for name in _shared(table, type(value))} | extra  # type: ignore[arg-type]


def value_of(kind: type[T], row: RowMapping | Mapping[str, Any]) -> T:
    """The dataclass of a row; columns that it has no field for are left aside. Raises Unreadable."""
    known = hints_of(kind)  # type: ignore[arg-type]
    return restore(kind, {name: cell for name, cell in row.items() if name in known})


@cache
def _shared(table: Table, kind: Any) -> Sequence[str]:
    """The fields of a dataclass that are columns of the table."""
    return [field.name for field in fields(kind) if field.name in table.c]


def columns_of(table: Table, kind: Any) -> list[Column[Any]]:
    """The columns that `value_of` needs."""
    return [table.c[name] for name in hints_of(kind) if name in table.c]


def event_data(event: Event) -> tuple[str, dict[str, Any]]:
    """(name, plain values) of an event."""
    return type(event).__name__, plain(event)


def event_from(name: str, data: Mapping[str, Any]) -> Event:
    """The event of a stored row. Raises Unreadable, or KeyError for a name that no event has."""
    return restore(EVENT_TYPES[name], data)


def agreement_row(agreement: Agreement) -> dict[str, Any]:
    """The row of an agreement, with the carrier in its own column to be found by."""
    return row_of(agreements, agreement, carrier_key=address_key(agreement.terms.carrier))


def account_row(account: Account) -> dict[str, Any]:
    """The row of an account; its organisation is a row of its own."""
    organisation_id = account.organisation.id if account.organisation else None
    return row_of(accounts, account, email_key=email_key(account.email), organisation_id=organisation_id)


def account_columns() -> list[Column[Any]]:
    """The columns of an account beside its organisation's (outer join), for `account_of`."""
    joined = [column.label(f"organisation_{column.name}") for column in columns_of(organisations, Organisation)]
    return [*columns_of(accounts, Account), *joined]  # type: ignore[list-item]


def account_of(row: RowMapping) -> Account:
    """The account of a row of `account_columns`."""
    organisation = None
    if row["organisation_id"] is not None:
        organisation = {name: row[f"organisation_{name}"] for name in hints_of(Organisation)}
    own = {name: row[name] for name in hints_of(Account) if name in row}
    return restore(Account, {**own, "organisation": organisation})


def email_key(email: str) -> str:
    """The form under which an e-mail address is unique."""
    return email.strip().casefold()


def address_key(address: str) -> str:
    """The form under which a 0x-address is compared: without the checksum's capitals (EIP-55)."""
    return address.lower()


def _cell(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
