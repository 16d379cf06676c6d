"""Orders: state, events and effects are written together; the older version loses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.domain.agreement import ZERO_ADDRESS, AgreementKind, AgreementStatus
from marketplace.domain.commands import CancelOrder, Command, DraftAgreements, RecordMatch
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.events import OrderPlaced, SupplyChoice
from marketplace.domain.lifecycle import decide
from marketplace.domain.order import Order
from marketplace.domain.parties import Role
from marketplace.domain.pricing import Price, PriceLine
from marketplace.persistence.mapping import event_from
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import Transaction
from tests.persistence.samples import CARRIER_ADDRESS, NOW, account, agreement, organisation, placing, terms

MATCH = RecordMatch(
    choices=(SupplyChoice("sup", "Supplier “Ü”", ("base", "cover"), 12_345, 4, ("cheapest",)),),
    price=Price("EUR", (PriceLine("base", 2**53 - 2), PriceLine("rebate", 1)), 7),
    partial=True,
    exception=None,
)
DRAFT = DraftAgreements("agr_1", ("agr_2",), ("agr_1:payee", "agr_2:payee"), "0xd1", NOW + timedelta(hours=1))


async def place(uow: SqlUnitOfWork, order_id: str = "ord_1", **fields: object) -> Order:
    decision = placing(order_id, **fields)  # type: ignore[arg-type]
    async with uow.write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
    return decision.order


async def act(tx: Transaction, order: Order, command: Command) -> Order:
    decision = decide(order, command, NOW)
    await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
    return decision.order


@pytest.mark.req(41, 48, 157)
async def test_an_order_comes_back_equal_in_every_state(uow: SqlUnitOfWork) -> None:
    order = await place(uow)
    for command in (MATCH, DRAFT):
        async with uow.read() as tx:
            assert await tx.orders.get("ord_1") == order
        async with uow.write() as tx:
            order = await act(tx, order, command)
    async with uow.read() as tx:
        assert await tx.orders.get("ord_1") == order
        assert await tx.orders.get("ord_2") is None
    assert order.price is not None
    assert order.firm_until is not None


@pytest.mark.req(88)
async def test_event_rows_grow_and_read_back_as_events(uow: SqlUnitOfWork) -> None:
    order = await place(uow)
    await place(uow, "ord_2")
    async with uow.write() as tx:
        await act(tx, order, MATCH)
    async with uow.read() as tx:
        mine = await tx.orders.events("ord_1")
        everything = await tx.orders.all_events(0, 100)
        assert await tx.orders.last_event_id() == everything[-1].id == 4
        assert [stored.id for stored in everything] == [1, 2, 3, 4]
        assert [stored.name for stored in mine] == ["OrderPlaced", "OrderMatched", "OrderAccepted"]
        assert [stored.id for stored in await tx.orders.events("ord_1", after=1)] == [3, 4]
        assert [stored.id for stored in await tx.orders.all_events(1, 2)] == [2, 3]
    assert {stored.at for stored in mine} == {NOW}
    first = event_from(mine[0].name, mine[0].data)
    assert isinstance(first, OrderPlaced)
    assert (first.configuration, first.deliver_by, first.at) == (order.configuration, order.deliver_by, NOW)


async def test_no_event_yet(uow: SqlUnitOfWork) -> None:
    async with uow.read() as tx:
        assert await tx.orders.last_event_id() == 0
        assert await tx.orders.all_events(0, 10) == []


async def test_a_transaction_reads_the_events_it_wrote(uow: SqlUnitOfWork) -> None:
    decision = placing()
    async with uow.write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        assert [stored.name for stored in await tx.orders.events("ord_1")] == ["OrderPlaced"]
        assert await tx.orders.last_event_id() == 1
    async with uow.read() as tx:
        assert len(await tx.orders.all_events(0, 10)) == 1


async def test_who_read_an_older_version_loses(uow: SqlUnitOfWork) -> None:
    order = await place(uow)
    async with uow.write() as tx:
        newer = await act(tx, order, MATCH)
    with pytest.raises(Conflict, match="ord_1"):
        async with uow.write() as tx:
            await act(tx, order, CancelOrder("too late"))
    async with uow.read() as tx:
        assert await tx.orders.get("ord_1") == newer
        names = [stored.name for stored in await tx.orders.events("ord_1")]
        assert "OrderCancelled" not in names


async def test_an_id_is_taken_once(uow: SqlUnitOfWork) -> None:
    await place(uow)
    with pytest.raises(Conflict):
        await place(uow, client_reference="another")
    async with uow.read() as tx:
        assert len(await tx.orders.events("ord_1")) == 1


async def test_saving_without_events_needs_the_same_version(uow: SqlUnitOfWork) -> None:
    order = await place(uow)
    async with uow.write() as tx:
        await tx.orders.save(order, (), (), NOW)
    with pytest.raises(Conflict):
        async with uow.write() as tx:
            await tx.orders.save(replace(order, version=2), (), (), NOW)


@pytest.mark.req(48, 49)
async def test_pages_are_newest_first_and_go_on_after_the_last_id(uow: SqlUnitOfWork) -> None:
    for number in range(5):
        # Two orders of one instant: the id decides.
        await place(uow, f"ord_{number}", now=NOW + timedelta(seconds=number // 2))
    await place(uow, "ord_foreign", customer_id="acc_other", manufacturer_id="org_other")
    async with uow.read() as tx:
        for page in (tx.orders.of_customer, tx.orders.of_manufacturer):
            party = "acc_customer" if page == tx.orders.of_customer else "org_maker"
            first = await page(party, 2, None)
            second = await page(party, 2, first[-1].id)
            third = await page(party, 2, second[-1].id)
            ids = [order.id for order in (*first, *second, *third)]
            assert ids == ["ord_4", "ord_3", "ord_2", "ord_1", "ord_0"]
            assert await page(party, 2, "ord_0") == []


async def test_a_cursor_is_the_callers_own(uow: SqlUnitOfWork) -> None:
    await place(uow)
    await place(uow, "ord_foreign", customer_id="acc_other")
    async with uow.read() as tx:
        for cursor in ("ord_foreign", "ord_none"):
            with pytest.raises(InvalidInput, match="before"):
                await tx.orders.of_customer("acc_customer", 10, cursor)


@pytest.mark.req(16, 49, 75)
async def test_parties_see_the_orders_they_supply_carry_or_pay(uow: SqlUnitOfWork) -> None:
    for number in range(5):
        await place(uow, f"ord_{number}", now=NOW + timedelta(seconds=number))
    supply, void = AgreementKind.SUPPLY, AgreementStatus.VOID
    carried, uncarried = terms(), terms(carrier=ZERO_ADDRESS)
    async with uow.write() as tx:
        for name, role, address in (
            ("org_maker", Role.MANUFACTURER, "0x" + "33" * 20),
            ("org_sup", Role.SUPPLIER, ZERO_ADDRESS),
            ("org_car", Role.CARRIER, CARRIER_ADDRESS.lower()),
            ("org_new", Role.CARRIER, None),
        ):
            own = organisation(name, kind=role, address=address)
            await tx.parties.add_account(account(f"acc_{name}", role=role, organisation=own))
        await tx.agreements.save(agreement("a0", "ord_0", terms=uncarried))
        await tx.agreements.save(
            agreement("a1", "ord_1", kind=supply, payer_id="org_maker", payee_id="org_sup", terms=carried)
        )
        await tx.agreements.save(
            agreement("a2", "ord_2", kind=supply, payee_id="org_sup", status=void, terms=uncarried)
        )
        await tx.agreements.save(agreement("a3", "ord_3", terms=carried))
        await tx.agreements.save(agreement("a4", "ord_3", kind=supply, payee_id="org_sup", terms=uncarried))
    async with uow.read() as tx:

        async def seen(party: str) -> list[str]:
            return [order.id for order in await tx.orders.of_party(party, 10, None)]

        assert await seen("org_sup") == ["ord_3", "ord_1"]
        assert await seen("org_car") == ["ord_3", "ord_1"]
        assert await seen("org_maker") == ["ord_1"]
        assert await seen("org_new") == []
        assert [order.id for order in await tx.orders.of_party("org_sup", 10, "ord_3")] == ["ord_1"]
