"""What people may not do, each refusal with its own type and words that say what would be right."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.application.accept_delivery import accept_delivery, acceptance
from marketplace.application.confirm_quote import confirm_quote, confirmation
from marketplace.application.gather_signatures import decline, requests
from marketplace.application.gather_signatures import sign as sign_request
from marketplace.application.hand_over import hand_over
from marketplace.application.indicative_quote import FURTHEST, indicative_quote
from marketplace.application.report_by_hand import report
from marketplace.application.ship_order import ship_order
from marketplace.application.view_orders import order as view_order
from marketplace.application.view_timeline import timeline
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput, InvalidTransition, NotFound
from marketplace.domain.order import Status
from marketplace.domain.parties import Role
from marketplace.domain.production import JobState
from marketplace.ports.chain import ChainFundsLow
from tests.application.example import CONFIGURATION, SECRET, address_of
from tests.application.world import World


class TestPlacing:
    @pytest.mark.req(42)
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"configuration": {"colour": "red"}}, "configuration.colour"),
            ({"configuration": {"base": "base-30mm"}}, "configuration.base"),
            ({"configuration": {"amount": 0}}, "configuration.amount"),
            ({"configuration": {"amount": 501}}, "configuration.amount"),
            ({"configuration": {"amount": True}}, "configuration.amount"),
            ({"configuration": {"amount": "40"}}, "configuration.amount"),
            ({"configuration": {"engraving": "€"}}, "configuration.engraving"),
            ({"configuration": {"engraving": "X" * 17}}, "configuration.engraving"),
            ({"payer_address": "0x" + "11" * 20}, "payer_address"),
        ],
    )
    async def test_what_cannot_be_made_names_the_field(self, world: World, changes: dict[str, Any], field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            await world.place(**changes)
        assert refused.value.field == field
        assert await world.rows("SELECT 1 FROM orders") == []

    @pytest.mark.req(40, 45, 52)
    async def test_only_dates_that_can_be_kept(self, world: World) -> None:
        day = world.day(14)
        earliest = await indicative_quote(
            world.ctx, world["customer"], "pneumatic-cylinder", configuration=CONFIGURATION, deliver_by=day
        )
        first, last = earliest.earliest_delivery, world.day(0) + FURTHEST
        for impossible in (world.day(0), first - timedelta(days=1), last + timedelta(days=1)):
            with pytest.raises(InvalidInput, match="deliver_by"):
                await world.place(deliver_by=impossible)
        for possible in (first, last):
            assert (await world.place(deliver_by=possible)).deliver_by == possible

    async def test_an_unknown_product_is_not_found(self, world: World) -> None:
        with pytest.raises(NotFound):
            await world.place(product_id="perpetual-motion")

    async def test_only_customers_order(self, world: World) -> None:
        world.people["customer"] = world["maker"]
        with pytest.raises(Forbidden):
            await world.place()

    @pytest.mark.req(41)
    async def test_the_same_reference_is_the_same_order(self, world: World) -> None:
        first = await world.place(client_reference="ref-1")
        assert (await world.place(client_reference="ref-1")).id == first.id
        other = await world.place(client_reference="ref-2")
        assert other.id != first.id
        await world.join("neighbour", Role.CUSTOMER)
        world.people["customer"] = world["neighbour"]
        assert (await world.place(client_reference="ref-1")).id != first.id


@pytest.mark.req(9, 15, 17)
async def test_someone_elses_order_looks_like_none(world: World) -> None:
    await world.join("neighbour", Role.CUSTOMER)
    await world.join("rival", Role.MANUFACTURER, "Rival Works")
    order_id = await world.quoted()
    outsiders = [world[name] for name in ("neighbour", "rival", "tejo")]
    for caller in outsiders:
        for refused in (
            view_order(world.ctx, caller, order_id),
            timeline(world.ctx, caller, order_id),
            confirmation(world.ctx, caller, order_id),
            confirm_quote(world.ctx, caller, order_id, terms_signature="0x", permit_signature="0x"),
            acceptance(world.ctx, caller, order_id),
            accept_delivery(world.ctx, caller, order_id, signature="0x"),
            ship_order(world.ctx, caller, order_id),
            hand_over(world.ctx, caller, order_id, secret=SECRET),
        ):
            with pytest.raises(NotFound) as theirs:
                await refused
            with pytest.raises(NotFound) as nobodys:
                await view_order(world.ctx, caller, "ord_none")
            assert str(theirs.value) == str(nobodys.value)
    # The control: those who take part do see it.
    for name in ("customer", "maker", "amp", "reconcavo", "carrier"):
        assert (await view_order(world.ctx, world[name], order_id)).id == order_id


async def test_parties_of_an_order_do_not_act_for_each_other(world: World) -> None:
    order_id = await world.quoted()
    for name in ("maker", "amp", "carrier"):
        with pytest.raises(NotFound):
            await confirmation(world.ctx, world[name], order_id)
    for name in ("customer", "amp", "carrier"):
        with pytest.raises(NotFound):
            await ship_order(world.ctx, world[name], order_id)


class TestSigning:
    async def test_another_key_is_named_as_wrong(self, world: World) -> None:
        await world.place()
        await world.work()
        (mine,) = await requests(world.ctx, world["amp"], open_only=True)
        for wrong in (
            world.signature("maker", dict(mine.typed_data)),
            world.signature("amp", dict(mine.typed_data) | {"primaryType": "Other"}),
            "0x" + "00" * 65,
            "",
        ):
            with pytest.raises(InvalidInput, match=address_of("amp")):
                await sign_request(world.ctx, world["amp"], mine.id, signature=wrong)
        (still,) = await requests(world.ctx, world["amp"], open_only=True)
        assert still == mine

    async def test_somebody_elses_request_is_not_found(self, world: World) -> None:
        await world.place()
        await world.work()
        (mine,) = await requests(world.ctx, world["amp"], open_only=True)
        for name in ("tejo", "maker", "customer"):
            with pytest.raises(NotFound):
                await sign_request(world.ctx, world[name], mine.id, signature="0x")
            with pytest.raises(NotFound):
                await decline(world.ctx, world[name], mine.id, reason="")

    async def test_signing_twice_is_signing_once(self, world: World) -> None:
        order_id = (await world.place()).id
        await world.work()
        (mine,) = await requests(world.ctx, world["amp"], open_only=True)
        for _ in range(2):
            assert (await world.sign("amp", mine.id, dict(mine.typed_data))).status == "signed"
        assert (await world.events(order_id)).count("TermsSigned") == 1
        with pytest.raises(Conflict, match="signed"):
            await decline(world.ctx, world["amp"], mine.id, reason="too late")

    async def test_an_arrival_cannot_be_declined(self, world: World) -> None:
        await world.contracted()
        await world.make("amp")
        await world.work()
        (arrival,) = await requests(world.ctx, world["carrier"], open_only=True)
        assert arrival.purpose == "delivered"
        with pytest.raises(InvalidInput, match="purpose"):
            await decline(world.ctx, world["carrier"], arrival.id, reason="no")


class TestConfirming:
    @pytest.mark.req(47)
    async def test_before_the_quote_is_firm_there_is_nothing_to_sign(self, world: World) -> None:
        order_id = (await world.place()).id
        await world.work()
        with pytest.raises(InvalidTransition, match="firm"):
            await confirmation(world.ctx, world["customer"], order_id)
        with pytest.raises(InvalidTransition, match="firm"):
            await confirm_quote(world.ctx, world["customer"], order_id, terms_signature="0x", permit_signature="0x")

    @pytest.mark.parametrize("wrong", ["terms_signature", "permit_signature"])
    async def test_both_signatures_must_be_by_the_payers_key(self, world: World, wrong: str) -> None:
        order_id = await world.quoted()
        shown = await confirmation(world.ctx, world["customer"], order_id)
        given = {
            "terms_signature": world.signature("customer", shown.terms),
            "permit_signature": world.signature("customer", shown.permit),
        }
        forged = world.signature("amp", shown.terms if wrong == "terms_signature" else shown.permit)
        with pytest.raises(InvalidInput) as refused:
            await confirm_quote(world.ctx, world["customer"], order_id, **(given | {wrong: forged}))
        assert refused.value.field == wrong
        assert await world.status(order_id) is Status.QUOTED
        # A signature under one message is none under the other.
        swapped = {"terms_signature": given["permit_signature"], "permit_signature": given["terms_signature"]}
        with pytest.raises(InvalidInput):
            await confirm_quote(world.ctx, world["customer"], order_id, **swapped)

    async def test_without_money_for_gas_nothing_is_confirmed_and_the_quote_stays(self, world: World) -> None:
        order_id = await world.quoted()
        shown = await confirmation(world.ctx, world["customer"], order_id)
        given = {
            "terms_signature": world.signature("customer", shown.terms),
            "permit_signature": world.signature("customer", shown.permit),
        }
        world.chain.node.is_poor = True
        with pytest.raises(ChainFundsLow):
            await confirm_quote(world.ctx, world["customer"], order_id, **given)
        assert await world.status(order_id) is Status.QUOTED
        world.chain.node.is_poor = False
        assert (await confirm_quote(world.ctx, world["customer"], order_id, **given)).status == Status.CONFIRMED
        # What is confirmed is shown as before, and goes on.
        world.chain.node.is_poor = True
        assert (await confirm_quote(world.ctx, world["customer"], order_id, **given)).status == Status.CONFIRMED
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_confirming_twice_is_confirming_once(self, world: World) -> None:
        order_id = await world.quoted()
        shown = await confirmation(world.ctx, world["customer"], order_id)
        given = {
            "terms_signature": world.signature("customer", shown.terms),
            "permit_signature": world.signature("customer", shown.permit),
        }
        for _ in range(2):
            assert (await confirm_quote(world.ctx, world["customer"], order_id, **given)).status == Status.CONFIRMED
        await world.work()
        assert (await confirm_quote(world.ctx, world["customer"], order_id, **given)).status == Status.CONTRACTED
        assert (await world.events(order_id)).count("QuoteConfirmed") == 1
        await world.make("amp")
        with pytest.raises(InvalidTransition):
            await confirm_quote(world.ctx, world["customer"], order_id, **given)


class TestHandingOver:
    async def test_only_the_right_secret_and_only_on_the_way(self, world: World) -> None:
        order_id = await world.supplied()
        with pytest.raises(InvalidTransition):
            await hand_over(world.ctx, world["maker"], order_id, secret=SECRET)
        await world.make("maker")
        with pytest.raises(InvalidTransition):
            await accept_delivery(world.ctx, world["customer"], order_id, signature="0x")
        await ship_order(world.ctx, world["maker"], order_id)
        with pytest.raises(InvalidTransition):
            await ship_order(world.ctx, world["maker"], order_id)
        for wrong in ("0x" + "00" * 32, SECRET[:-2], SECRET + "00", "0x", "0xzz", "code"):
            with pytest.raises(InvalidInput, match="secret"):
                await hand_over(world.ctx, world["carrier"], order_id, secret=wrong)
        for _ in range(2):
            await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
        await world.work()
        assert (await world.events(order_id)).count("HandoverPresented") == 1
        assert await world.status(order_id) is Status.DELIVERED

    async def test_acceptance_is_signed_by_the_payers_key(self, world: World) -> None:
        order_id = await world.delivered()
        shown = await acceptance(world.ctx, world["customer"], order_id)
        forged = world.signature("maker", shown.typed_data)
        with pytest.raises(InvalidInput, match="signature"):
            await accept_delivery(world.ctx, world["customer"], order_id, signature=forged)
        for _ in range(2):
            await world.accept(order_id)
        await world.work()
        assert (await world.events(order_id)).count("DeliveryAccepted") == 1


class TestReporting:
    @pytest.mark.req(184)
    async def test_reports_on_ended_jobs_are_refused(self, world: World) -> None:
        await world.contracted()
        await world.report("reconcavo", "started", "step", "finished")
        (job,) = await world.rows('SELECT id, state, done, "of" FROM jobs WHERE gateway IS NULL')
        assert (job.state, job.done, job.of) == (JobState.ENDED, 2, 2)
        for kind in ("started", "step", "finished", "scrapped"):
            with pytest.raises(Conflict, match="ended"):
                await report(world.ctx, world["reconcavo"], job.id, kind=kind, note="")

    async def test_a_scrapped_job_is_over_and_people_look(self, world: World) -> None:
        order_id = await world.contracted()
        await world.report("reconcavo", "started", "scrapped", note="broken drill")
        order = await world.order(order_id)
        assert order.waiting_reason == "broken drill"
        assert "ProductionFailed" in await world.events(order_id)
        (job,) = await world.rows("SELECT id FROM jobs WHERE gateway IS NULL")
        with pytest.raises(Conflict, match="failed"):
            await report(world.ctx, world["reconcavo"], job.id, kind="finished", note="")

    async def test_a_person_does_not_speak_for_a_machine_or_for_others(self, world: World) -> None:
        await world.contracted()
        (queued, *_) = world.dispatch.queued(world.gateways["amp"].id)
        with pytest.raises(Conflict, match="machine"):
            await report(world.ctx, world["amp"], queued[0].id, kind="finished", note="")
        (by_hand,) = await world.rows("SELECT id FROM jobs WHERE gateway IS NULL")
        for name in ("amp", "maker", "customer"):
            with pytest.raises(NotFound):
                await report(world.ctx, world[name], by_hand.id, kind="finished", note="")
        with pytest.raises(NotFound):
            await report(world.ctx, world["reconcavo"], "job-none", kind="finished", note="")
        with pytest.raises(InvalidInput, match="kind"):
            await report(world.ctx, world["reconcavo"], by_hand.id, kind="celebrated", note="")

    async def test_a_persons_report_is_shown_as_one_and_proves_nothing(self, world: World) -> None:
        order_id = await world.contracted()
        await world.report("reconcavo", "started", "finished")
        await world.work()
        items = await timeline(world.ctx, world["customer"], order_id)
        told = [item for item in items if item.name == "ProductionProgressed"]
        assert {(item.reported_by, item.vouched_by) for item in told} == {("person", "reported by a person")}
        assert "MilestoneProved" not in await world.events(order_id)
        assert await world.rows("SELECT 1 FROM outbox WHERE kind = 'claim_milestone'") == []
