"""The way to a firm quote: registries that are away, suppliers who decline, manufacturers who want to look first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.application.acceptance_rule import rule, set_rule
from marketplace.application.cancel_order import cancel_order
from marketplace.application.decide_order import decide_order
from marketplace.application.gather_signatures import decline, requests
from marketplace.application.match_order import MISCONFIGURED_RETRY
from marketplace.application.view_orders import order as view_order
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.errors import Forbidden, InvalidTransition, NotFound
from marketplace.domain.order import Status
from marketplace.ports.fakes.supplier_directory import Listing
from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable
from tests.application.example import DRILLING, LISTINGS
from tests.application.world import World


async def asked(world: World, name: str, status: str = "open") -> list[str]:
    """Ids of the requests of this status before an organisation."""
    return [item.id for item in await requests(world.ctx, world[name], open_only=False) if item.status == status]


@pytest.mark.req(43, 61, 69)
async def test_a_dead_registry_makes_the_order_wait_and_say_so(world: World) -> None:
    world.directory.fail(DirectoryUnavailable("no answer"))
    order_id = (await world.place()).id
    await world.work()
    view = await view_order(world.ctx, world["customer"], order_id)
    assert view.status == Status.PLACED
    assert "registry does not answer" in (view.waiting_for or "")
    questions = len(world.directory.asked)
    world.pass_time(seconds=world.ctx.policy.search_retry_s - 1)
    await world.work()
    assert len(world.directory.asked) == questions  # patience: not before it is time
    world.pass_time(seconds=1)
    await world.work()
    assert len(world.directory.asked) == questions + 1
    world.directory.heal()
    world.pass_time(seconds=world.ctx.policy.search_retry_s)
    await world.work()
    view = await view_order(world.ctx, world["customer"], order_id)
    assert view.status == Status.SOURCING
    assert "registry" not in (view.waiting_for or "")
    assert await world.parked() == []


async def test_a_long_outage_is_asked_about_less_and_less_often(world: World) -> None:
    """Ten hours without a registry: a few searches an hour, not one every ten seconds, and never longer than that."""
    world.directory.fail(DirectoryUnavailable("no answer"))
    await world.place()
    await world.work()
    for _ in range(60):
        world.pass_time(minutes=10)
        await world.work()
    assert 60 <= len(world.directory.asked) <= 90


async def test_a_refused_sign_in_waits_longer_and_names_the_operator(world: World) -> None:
    world.directory.fail(DirectoryMisconfigured("credentials_refused"))
    order_id = (await world.place()).id
    await world.work()
    assert "operator" in ((await world.order(order_id)).waiting_reason or "")
    world.pass_time(seconds=60)
    await world.work()
    assert len(world.directory.asked) == 1
    world.directory.heal()
    world.set_time(world.clock.now() + MISCONFIGURED_RETRY)
    await world.work()
    assert await world.status(order_id) is Status.SOURCING


async def test_no_supplier_at_all_is_a_refusal_with_its_reason(world: World) -> None:
    world.directory.listings = [listing for listing in world.directory.listings if listing.category.endswith("base")]
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.REJECTED
    assert "covers" in ((await world.order(order_id)).waiting_reason or "")


async def test_a_partial_answer_without_a_choice_is_no_refusal_yet(world: World) -> None:
    kept = world.directory.listings
    world.directory.listings = []
    world.directory.fall_silent("elsewhere")
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.PLACED
    assert "not all registries" in ((await world.order(order_id)).waiting_reason or "")
    world.directory.listings = kept
    world.directory.heal()
    world.pass_time(seconds=world.ctx.policy.search_retry_s)
    await world.work()
    assert await world.status(order_id) is Status.SOURCING


async def test_suppliers_who_cannot_sign_here_are_not_chosen(world: World) -> None:
    cheapest = Listing("x-d", "stranger", "Stranger", "Drilling", DRILLING, 1, 1)
    world.directory.listings = [one for one in LISTINGS if one.supplier_id != "reconcavo"] + [cheapest]
    order_id = (await world.place()).id
    await world.work()
    assert {choice.supplier_id for choice in (await world.order(order_id)).choices} == {"amp", "tejo"}


@pytest.mark.req(52)
async def test_what_would_come_too_late_is_not_chosen(world: World) -> None:
    """Nine days to the delivery, one of them for the assembly: AMP's nine are one too many."""
    slow = [replace(one, lead_time_days=9) if one.supplier_id == "amp" else one for one in LISTINGS]
    world.directory.listings = slow
    order_id = (await world.place(deliver_by=world.day(9))).id
    await world.work()
    assert "amp" not in {choice.supplier_id for choice in (await world.order(order_id)).choices}


async def test_when_everybody_has_declined_the_order_is_refused(world: World) -> None:
    order_id = (await world.place()).id
    for name in ("amp", "tejo"):
        await world.work()
        for request in await asked(world, name):
            await decline(world.ctx, world[name], request, reason="no")
            break
    await world.work()
    assert await world.status(order_id) is Status.REJECTED


async def test_the_manufacturers_no_ends_the_order(world: World) -> None:
    order_id = (await world.place()).id
    await world.work()
    (mine, *_) = await asked(world, "maker")
    await decline(world.ctx, world["maker"], mine, reason="machine broken")
    assert await world.status(order_id) is Status.REJECTED
    for name in ("amp", "reconcavo", "maker"):
        assert await asked(world, name) == []


class TestExceptions:
    """Orders that the manufacturer's rule does not cover."""

    @pytest.mark.req(49, 50)
    @pytest.mark.parametrize("accept", [True, False])
    async def test_a_person_decides(self, world: World, accept: bool) -> None:
        await set_rule(world.ctx, world["maker"], AcceptanceRule(max_total_minor=59_999))
        order_id = (await world.place()).id
        await world.work()
        view = await view_order(world.ctx, world["maker"], order_id)
        assert view.status == Status.MATCHED
        assert view.next_action is not None
        assert view.next_action.action == "decide"
        assert "larger" in (view.waiting_for or "")
        await decide_order(world.ctx, world["maker"], order_id, accept=accept, reason="too much work")
        await world.work()
        assert await world.status(order_id) is (Status.SOURCING if accept else Status.REJECTED)
        if not accept:
            assert (await view_order(world.ctx, world["customer"], order_id)).waiting_for == "too much work"

    @pytest.mark.parametrize("limits", [{"accept_automatically": False}, {"max_total_minor": 1}, {"min_days": 15}])
    async def test_each_limit_of_the_rule_asks(self, world: World, limits: dict[str, int]) -> None:
        await set_rule(world.ctx, world["maker"], AcceptanceRule(**limits))  # type: ignore[arg-type]
        order_id = (await world.place()).id
        await world.work()
        assert await world.status(order_id) is Status.MATCHED

    async def test_within_the_rule_nobody_is_asked(self, world: World) -> None:
        await set_rule(world.ctx, world["maker"], AcceptanceRule(max_total_minor=60_000, min_days=14))
        order_id = (await world.place()).id
        await world.work()
        assert await world.status(order_id) is Status.SOURCING
        assert "DecisionAsked" not in await world.events(order_id)

    async def test_only_the_manufacturer_decides_and_only_once(self, world: World) -> None:
        await set_rule(world.ctx, world["maker"], AcceptanceRule(accept_automatically=False))
        order_id = (await world.place()).id
        await world.work()
        for name in ("customer", "amp", "carrier"):
            with pytest.raises(NotFound):
                await decide_order(world.ctx, world[name], order_id, accept=True, reason="")
        await decide_order(world.ctx, world["maker"], order_id, accept=True, reason="")
        with pytest.raises(InvalidTransition):
            await decide_order(world.ctx, world["maker"], order_id, accept=True, reason="")

    async def test_rules_are_the_manufacturers(self, world: World) -> None:
        assert await rule(world.ctx, world["maker"]) == AcceptanceRule()
        changed = AcceptanceRule(False, 1, 9)
        assert await set_rule(world.ctx, world["maker"], changed) == changed == await rule(world.ctx, world["maker"])
        with pytest.raises(Forbidden):
            await rule(world.ctx, world["customer"])
        with pytest.raises(Forbidden):
            await set_rule(world.ctx, world["amp"], changed)


class TestCancelling:
    """The customer withdraws before signing."""

    async def test_before_the_search_and_after_the_quote(self, world: World) -> None:
        placed, quoted = (await world.place()).id, await world.quoted()
        for order_id in (placed, quoted):
            view = await cancel_order(world.ctx, world["customer"], order_id, reason="found another")
            assert view.status == Status.CANCELLED
        await world.work()
        assert await asked(world, "amp") == []
        assert await world.status(placed) is Status.CANCELLED

    async def test_after_signing_it_is_too_late(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        with pytest.raises(InvalidTransition):
            await cancel_order(world.ctx, world["customer"], order_id, reason="")

    async def test_nobody_else_cancels(self, world: World) -> None:
        order_id = await world.quoted()
        for name in ("maker", "amp", "carrier"):
            with pytest.raises(NotFound):
                await cancel_order(world.ctx, world[name], order_id, reason="")


async def test_a_carrier_must_have_joined_before_terms_are_written(world: World) -> None:
    async with world.ctx.uow.write() as tx:
        await tx.parties.set_address(world["carrier"], "")
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.ACCEPTED
    assert await world.parked() == []
    async with world.ctx.uow.write() as tx:
        await tx.parties.set_address(world["carrier"], world["carrier"].address or "")
    world.set_time(world.clock.now() + timedelta(minutes=1))
    await world.work()
    assert await world.status(order_id) is Status.SOURCING
