"""One more supply under a running delivery: another supplier takes a failed one's place."""

import dataclasses
from collections.abc import Sequence

import pytest

from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import State
from contracts.errors import AlreadyDone, BadSignature, BadTerms, Past, WrongState
from contracts.terms import OPENED, ZERO_WORD, Milestone, Terms, pack_milestones
from tests.contracts.world import ADDRESS, DAY, EURO, World


async def _opened(world: World) -> tuple[Terms, Terms]:
    """A running delivery and its supply."""
    delivery = world.delivery_terms(supplies=1, fund_by=world.delivery_terms().deliver_by)
    supply = world.supply_terms(delivery)
    await world.open([delivery, supply])
    return delivery, supply


async def test_another_supplier_takes_the_place_of_one_who_gave_up(world: World) -> None:
    delivery, failed = await _opened(world)
    before = await world.balance("maker")
    await world.act("supplier_a", agreement.revoke, failed)
    assert await world.balance("maker") - before == failed.amount
    second = world.supply_terms(delivery, "b", amount=failed.amount)
    await world.open_supply(second, delivery)
    assert await world.balance("maker") == before
    assert (await world.books(second)).left == second.amount
    assert await world.balance(world.address(second)) == second.amount
    # Its rules are a supply's: the carrier delivers, time accepts.
    await world.act("carrier", agreement.delivered_by_carrier, second)
    await world.leave_to_strangers(second)
    assert (await world.books(second)).state is State.SETTLED


async def test_advance_of_a_new_supply_is_paid_at_once(world: World) -> None:
    assert world.book.test_euro is not None
    delivery, _ = await _opened(world)
    await world.send("maker", token.approve(world.book.test_euro, world.book.factory, 0))
    lanes = pack_milestones([Milestone(2_500, OPENED)])
    second = world.supply_terms(delivery, "b", milestones=lanes)
    entry = await world.entry(second, await world.permit("maker", second.amount))
    await world.send("relayer", factory.open_supply(world.book.factory, entry, [delivery]))
    assert await world.balance("supplier_b") == 19_50 * EURO // 100
    assert (await world.books(second)).left == 60 * EURO


async def test_parent_is_followed_through_its_successors(world: World) -> None:
    first, _ = await _opened(world)
    second = world.successor_terms(first)
    third = world.successor_terms(second, handover=ZERO_WORD, salt=b"\x5b" * 32)
    await world.novate(first, second)
    await world.novate(second, third)
    supply = world.supply_terms(first, "b")
    for broken in ([first], [first, second], [first, third]):
        with pytest.raises((WrongState, BadTerms), match=r"^(NotOpen|ForeignPredecessor)"):
            await world.open_supply(supply, *broken)
    with pytest.raises(BadTerms, match="ForeignParent"):
        await world.open_supply(supply, second, third)
    await world.open_supply(supply, first, second, third)
    of_third = world.supply_terms(third, "b", salt=b"\x0c" * 32)
    await world.open_supply(of_third, third)


@pytest.mark.parametrize("state", [State.DELIVERED, State.RETAINED, State.DISPUTED, State.REFUNDED])
async def test_only_an_open_delivery_takes_a_new_supply(world: World, state: State) -> None:
    delivery, _ = await _opened(world)
    await world.bring_to(delivery, state)
    with pytest.raises(WrongState, match="NotOpen"):
        await world.open_supply(world.supply_terms(delivery, "b"), delivery)


async def test_delivery_that_can_only_be_refunded_takes_none(world: World) -> None:
    delivery, _ = await _opened(world)
    late = {"fund_by": delivery.deliver_by + 30 * DAY, "deliver_by": delivery.deliver_by + 40 * DAY}
    world.rpc.warp(delivery.deliver_by + delivery.grace - 1)
    await world.open_supply(world.supply_terms(delivery, "b", **late), delivery)
    with pytest.raises(WrongState, match="NotOpen"):
        await world.open_supply(world.supply_terms(delivery, "a", salt=b"\x0c" * 32, **late), delivery)


async def _refused(world: World, kind: type[Exception], name: str, supply: Terms, lineage: Sequence[Terms]) -> None:
    before = await world.balances()
    with pytest.raises(kind, match=f"^{name}"):
        await world.open_supply(supply, *lineage)
    assert await world.balances() == before


async def test_every_link_between_supply_and_delivery_counts(world: World) -> None:
    delivery, running = await _opened(world)
    good = world.supply_terms(delivery, "b")
    drafted = world.delivery_terms(supplies=0, salt=b"\x07" * 32)
    for name, supply, lineage in (
        ("ForeignParent", dataclasses.replace(good, parent=b"\x01" * 32), [delivery]),
        ("ForeignPayer", dataclasses.replace(good, payer=ADDRESS["customer"]), [delivery]),
        ("MixedMoney", dataclasses.replace(good, unit=1), [delivery]),
        ("WrongKind", dataclasses.replace(drafted, parent=world.id(delivery)), [delivery]),
        ("ForeignPredecessor", dataclasses.replace(good, replaces=world.id(running)), [delivery]),
        ("WrongSupplyCount", dataclasses.replace(good, supply_count=1), [delivery]),
        ("WrongBatchSize", good, []),
        ("WrongBatchSize", good, [delivery] * 33),
        ("ForeignPredecessor", good, [delivery, delivery]),
        ("TokenNotListed", dataclasses.replace(good, token=ADDRESS["stranger"]), [delivery]),
    ):
        await _refused(world, BadTerms, name, supply, lineage)
    await _refused(world, WrongState, "NotOpen", world.supply_terms(drafted), [drafted])
    # A supply has no supplies.
    await _refused(world, WrongState, "NotOpen", world.supply_terms(running), [running])
    await world.open_supply(good, delivery)
    with pytest.raises(AlreadyDone, match="FailedDeployment"):
        await world.open_supply(good, delivery)


async def test_new_supply_is_signed_by_both_and_in_time(world: World) -> None:
    delivery, _ = await _opened(world)
    supply = world.supply_terms(delivery, "b")
    entry = await world.entry(supply)
    for missing in ("payer_signature", "payee_signature"):
        unsigned = dataclasses.replace(entry, **{missing: b""})
        with pytest.raises(BadSignature, match="NotSigned"):
            await world.send("relayer", factory.open_supply(world.book.factory, unsigned, [delivery]))
    world.rpc.warp(supply.fund_by)
    with pytest.raises(Past, match="FundingExpired"):
        await world.open_supply(supply, delivery)
