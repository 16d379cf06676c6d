"""Text that PostgreSQL cannot keep, numbers that 64 bits cannot hold: refused by name before any driver sees them."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Date, LargeBinary, String, Table

from marketplace.domain.errors import InvalidInput
from marketplace.persistence.columns import Instant, Json, Whole, Words, serial
from marketplace.persistence.tables import metadata
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.samples import NAUGHTY, NOW, account, agreement, job, message, placing, request

BAD_TEXTS = ["\x00", "a\x00b", "\ud800", "x\udfff", "\udc00\ud800"]


@pytest.mark.parametrize("bad", BAD_TEXTS)
async def test_bad_text_is_refused_by_field(uow: SqlUnitOfWork, bad: str) -> None:
    async with uow.write() as tx:
        with pytest.raises(InvalidInput, match="display_name"):
            await tx.parties.add_account(account(display_name=bad))
        with pytest.raises(InvalidInput, match="body"):
            await tx.inbox.add(message(body=bad))
        with pytest.raises(InvalidInput, match="typed_data"):
            await tx.signatures.add(request(typed_data={"deep": [{"er": bad}]}))
        with pytest.raises(InvalidInput, match="typed_data"):
            await tx.signatures.add(request(typed_data={bad: 1}))
        decision = placing(configuration={"engraving": bad})
        with pytest.raises(InvalidInput, match="configuration"):
            await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
    async with uow.read() as tx:
        with pytest.raises(InvalidInput, match="email"):
            await tx.parties.account_by_email(bad)
        assert await tx.orders.all_events(0, 10) == []


async def test_other_strange_text_comes_back_byte_for_byte(uow: SqlUnitOfWork) -> None:
    strange = NAUGHTY + "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x10000)])) + "\U0010ffff"
    async with uow.write() as tx:
        await tx.inbox.add(message(body=strange))
    async with uow.read() as tx:
        found = await tx.inbox.get("msg_1")
    assert found is not None
    assert found.body == strange


@pytest.mark.parametrize("bad", [2**63, -(2**63) - 1, True, 1.0, "1"])
async def test_numbers_that_are_none_are_refused_by_field(uow: SqlUnitOfWork, bad: Any) -> None:
    async with uow.write() as tx:
        with pytest.raises(InvalidInput, match="quantity"):
            await tx.production.add_job(job(quantity=bad))


async def test_an_instant_without_a_zone_is_refused(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        with pytest.raises(InvalidInput, match="time zone"):
            await tx.inbox.add(message(at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_infinite_numbers_in_json_are_refused(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        with pytest.raises(InvalidInput, match="permit"):
            await tx.agreements.save(agreement(permit={"v": float("nan")}))


def careless(table: Table) -> list[str]:
    """Columns whose type would let a driver decide what to refuse."""
    kinds = (Words, Whole, Instant, Json, Boolean, Date, LargeBinary)
    return [
        f"{table.name}.{column.name}"
        for column in table.columns
        if not isinstance(column.type, kinds) and column.type.compile() != serial().type.compile()
    ]


def test_no_table_has_a_careless_column() -> None:
    assert [name for table in metadata.tables.values() for name in careless(table)] == []
    assert careless(Table("planted", metadata.__class__(), Column("bare", String))) == ["planted.bare"]
