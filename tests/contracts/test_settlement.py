"""An order's money from the first to the last unit."""

import pytest

from contracts import events
from contracts.bindings import agreement
from contracts.bindings.agreement import Party, Reason, State
from contracts.errors import AlreadyDone, BadProof, BadSignature, NotYet, Past, WrongState
from contracts.terms import OPENED, ZERO_ADDRESS, ZERO_WORD, Milestone, Terms, What, Witnessed, pack_milestones, part
from tests.contracts.world import (
    CENT,
    DAY,
    EURO,
    INSPECTION_PASSED,
    PRODUCTION_FINISHED,
    SECRET,
    START,
    World,
)


async def _deliver_supply(world: World, terms: Terms) -> None:
    consent = await world.consent("carrier", terms, What.DELIVERED)
    await world.send("relayer", agreement.delivered_by_carrier(world.address(terms), terms, consent))


@pytest.mark.req(78)
async def test_happy_path_pays_everybody_and_every_unit_is_in_the_logs(world: World) -> None:
    delivery, supply_a, supply_b = batch = world.batch()
    before = await world.balances()
    await world.open(batch)

    for supply, attestor in ((supply_a, "attestor_a"), (supply_b, "attestor_b")):
        await world.claim(supply, 0, await world.evidence(attestor, supply, PRODUCTION_FINISHED))
        await _deliver_supply(world, supply)
    await world.claim(delivery, 1, await world.evidence("attestor", delivery, PRODUCTION_FINISHED))
    await world.claim(
        delivery,
        2,
        await world.evidence("attestor", delivery, INSPECTION_PASSED),
        await world.evidence("witness", delivery, INSPECTION_PASSED),
    )
    await world.hand_over(delivery)
    consent = await world.consent("customer", delivery, What.ACCEPT)
    await world.send("relayer", agreement.accept(world.address(delivery), delivery, consent))
    assert (await world.books(delivery)).state is State.RETAINED

    world.rpc.warp(START + 3 * DAY)
    for supply in (supply_a, supply_b):
        await world.send("stranger", agreement.finalise(world.address(supply), supply))
    await world.send("stranger", agreement.release(world.address(delivery), delivery))
    for terms in batch:
        await world.pay_out(terms)
        books = await world.books(terms)
        assert (books.state, books.left) == (State.SETTLED, 0)
        assert await world.balance(world.address(terms)) == 0
        assert sum((await world.payouts())[world.id(terms)].values()) == terms.amount

    after = await world.balances()
    gained = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    fee = {terms: part(terms.amount, terms.fee_bps, CENT) for terms in batch}
    supplies = supply_a.amount + supply_b.amount
    assert gained == {
        "customer": -delivery.amount,
        "maker": delivery.amount - fee[delivery] - supplies,
        "supplier_a": supply_a.amount - fee[supply_a],
        "supplier_b": supply_b.amount - fee[supply_b],
        "fees": sum(fee.values()),
    }
    assert await world.balance(world.book.factory) == 0


async def test_credits_of_the_logs_sum_to_the_amount(world: World) -> None:
    batch = world.batch()
    await world.open(batch)
    await world.hand_over(batch[0])
    world.rpc.warp(START + DAY)
    await world.send("stranger", agreement.finalise(world.address(batch[0]), batch[0]))
    found = await world.events()
    credited = [event for event in found if isinstance(event, events.Credited)]
    moved = sum(event.to_payee + event.fee + event.to_payer for event in credited)
    moved += sum(event.amount for event in found if isinstance(event, events.AdvanceToSupply))
    moved += sum(event.amount + event.fee for event in found if isinstance(event, events.AdvanceToPayee))
    assert moved + (await world.books(batch[0])).left == batch[0].amount


async def test_advance_funds_the_supplies_and_the_payee_has_the_rest_at_once(world: World) -> None:
    delivery = world.delivery_terms(supplies=1)
    supply = world.supply_terms(delivery, "a")
    before = await world.balance("maker")
    await world.open([delivery, supply])
    books = await world.books(delivery)
    advance, fee = 200 * EURO, 5 * EURO
    surplus = advance - fee - supply.amount
    assert await world.balance("maker") - before == surplus
    assert (books.payee_due, books.fee_due, books.left) == (0, fee, delivery.amount - advance)
    assert await world.balance(world.address(delivery)) == delivery.amount - advance + fee
    found = await world.events()
    [spent] = [event for event in found if isinstance(event, events.AdvanceToSupply)]
    assert (spent.supply_id, spent.amount) == (world.id(supply), supply.amount)
    [paid] = [event for event in found if isinstance(event, events.AdvanceToPayee)]
    assert (paid.id, paid.to, paid.amount, paid.fee) == (world.id(delivery), delivery.payee, surplus, fee)


async def test_maker_adds_what_the_advance_does_not_cover(world: World) -> None:
    delivery = world.delivery_terms(supplies=1)
    supply = world.supply_terms(delivery, "a", amount=300 * EURO)
    before = await world.balance("maker")
    await world.open([delivery, supply])
    assert before - await world.balance("maker") == 300 * EURO - 195 * EURO
    assert await world.balance(world.address(supply)) == supply.amount


async def test_claim_is_paid_by_the_next_call_after_its_window(world: World) -> None:
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    matures = (await agreement.claimed_at(world.rpc, world.address(terms), terms))[1] + terms.contest_window
    world.rpc.warp(matures - 1)
    with pytest.raises(AlreadyDone, match="NothingDue"):
        await world.act("stranger", agreement.withdraw, terms, Party.PAYEE)
    assert (await world.books(terms)).released == 0b00001
    before = await world.balance("maker")
    world.rpc.warp(matures)
    await world.act("stranger", agreement.withdraw, terms, Party.PAYEE)
    assert (await world.books(terms)).released == 0b00011
    assert await world.balance("maker") - before == 9_750 * CENT
    claims = [e for e in await world.events() if isinstance(e, events.Credited) and e.reason is Reason.CLAIM]
    assert [(e.milestone, e.to_payee, e.fee) for e in claims] == [(1, 9_750 * CENT, 250 * CENT)]


async def test_contest_joins_the_rest_and_is_not_paid_by_time(world: World) -> None:
    terms = await world.open_lone()
    address = world.address(terms)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    consent = await world.consent_number("customer", terms, What.CONTEST, 1)
    await world.send("relayer", agreement.contest(address, terms, 1, consent))
    world.rpc.warp(terms.deliver_by + terms.grace)
    await world.send("stranger", agreement.refund(address, terms))
    books = await world.books(terms)
    assert (books.state, books.left) == (State.REFUNDED, 0)
    assert (await world.paid(terms))["PAYER"] == 800 * EURO


async def test_contest_needs_the_payer_a_pending_claim_and_its_window(world: World) -> None:
    terms = await world.open_lone()
    address = world.address(terms)
    with pytest.raises(AlreadyDone, match="NothingToContest"):
        await world.send("customer", agreement.contest(address, terms, 1))
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    with pytest.raises(BadSignature):
        await world.send("maker", agreement.contest(address, terms, 1))
    foreign = await world.consent_number("customer", terms, What.CONTEST, 2)
    with pytest.raises(BadSignature):
        await world.send("relayer", agreement.contest(address, terms, 1, foreign))
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    with pytest.raises(AlreadyDone, match="NothingToContest"):
        await world.send("customer", agreement.contest(address, terms, 1))


async def test_contest_of_a_claim_that_can_never_mature_is_late_too(world: World) -> None:
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + terms.grace - 2)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    with pytest.raises(Past, match="TooLate"):
        await world.act("customer", agreement.contest, terms, 1)


async def test_contest_window_outlives_the_handover(world: World) -> None:
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    await world.hand_over(terms)
    await world.send("customer", agreement.contest(world.address(terms), terms, 1))
    assert (await agreement.claimed_at(world.rpc, world.address(terms), terms))[1] == agreement.CONTESTED
    world.rpc.warp(world.rpc.node.head_timestamp + terms.accept_window)
    await world.act("stranger", agreement.finalise, terms)
    # It follows with the rest, at the settlement, and not as a claim.
    assert (await world.books(terms)).released == 0b00001


async def test_approval_releases_at_once_even_a_contested_share(world: World) -> None:
    terms = await world.open_lone()
    address = world.address(terms)
    consent = await world.consent_number("customer", terms, What.APPROVE, 3)
    await world.send("relayer", agreement.approve(address, terms, 3, consent))
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    await world.send("customer", agreement.contest(address, terms, 1))
    await world.send("customer", agreement.approve(address, terms, 1))
    books, paid = await world.books(terms), await world.paid(terms)
    assert paid["PAYEE"] + books.fee_due == (200 + 50 + 100) * EURO
    with pytest.raises(AlreadyDone):
        await world.send("customer", agreement.approve(address, terms, 1))
    for reserved in (0, 4, 7):
        with pytest.raises(BadProof, match="WrongMilestone"):
            await world.send("customer", agreement.approve(address, terms, reserved))


async def test_acceptance_is_the_payers_or_comes_by_time(world: World) -> None:
    terms = await world.open_lone()
    address = world.address(terms)
    with pytest.raises(WrongState):
        await world.send("customer", agreement.accept(address, terms))
    await world.hand_over(terms)
    with pytest.raises(BadSignature):
        await world.send("maker", agreement.accept(address, terms))
    end = (await world.books(terms)).delivered_at + terms.accept_window
    world.rpc.warp(end - 1)
    with pytest.raises(NotYet) as caught:
        await world.send("stranger", agreement.finalise(address, terms))
    assert caught.value.arguments["opensAfter"] == end
    world.rpc.warp(end)
    await world.send("stranger", agreement.finalise(address, terms))
    with pytest.raises(WrongState):
        await world.send("stranger", agreement.finalise(address, terms))


async def test_refund_opens_one_second_after_the_last_delivery(world: World) -> None:
    terms = await world.open_lone()
    end = terms.deliver_by + terms.grace
    world.rpc.warp(end - 1)
    with pytest.raises(NotYet):
        await world.send("stranger", agreement.refund(world.address(terms), terms))
    world.rpc.warp(end)
    for late in (agreement.delivered_by_secret(world.address(terms), terms, SECRET),):
        with pytest.raises(Past, match="TooLate"):
            await world.send("stranger", late)
    await world.send("stranger", agreement.refund(world.address(terms), terms))
    assert (await world.paid(terms))["PAYER"] == 800 * EURO


async def test_delivery_in_the_last_second_counts(world: World) -> None:
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + terms.grace - 1)
    await world.hand_over(terms)
    assert (await world.books(terms)).state is State.DELIVERED


async def test_refund_pays_mature_claims_first(world: World) -> None:
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    world.rpc.warp(terms.deliver_by + terms.grace)
    await world.send("stranger", agreement.refund(world.address(terms), terms))
    assert await world.paid(terms) == {"PAYEE": 29_250 * CENT, "FEE_RECEIVER": 750 * CENT, "PAYER": 700 * EURO}


@pytest.mark.parametrize(("early_s", "refunded"), [(0, 700 * EURO), (-1, 800 * EURO)])
async def test_claim_counts_only_if_its_window_ends_by_the_last_delivery(
    world: World, early_s: int, refunded: int
) -> None:
    """The clock decides, not the race: a long time later the refund still knows which of the two it was."""
    terms = await world.open_lone()
    last = terms.deliver_by + terms.grace
    world.rpc.warp(last - terms.contest_window - early_s - 1)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    claimed = (await agreement.claimed_at(world.rpc, world.address(terms), terms))[1]
    assert claimed + terms.contest_window + early_s == last
    world.rpc.warp(last + 30 * DAY)
    await world.act("stranger", agreement.refund, terms)
    assert (await world.paid(terms))["PAYER"] == refunded


async def test_late_claim_is_paid_once_the_goods_are_there(world: World) -> None:
    """Delivered in time, the window of a late claim may end after the last delivery: nothing lapses any more."""
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + terms.grace - 2)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    await world.hand_over(terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    await world.act("stranger", agreement.withdraw, terms, Party.PAYEE)
    assert (await world.books(terms)).released == 0b00011


@pytest.mark.parametrize(
    ("late_s", "bps"), [(0, 0), (1, 100), (DAY, 100), (DAY + 1, 200), (4 * DAY, 400), (13 * DAY, 500)]
)
async def test_penalty_counts_started_days_up_to_its_cap(world: World, late_s: int, bps: int) -> None:
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + late_s - 1)
    await world.hand_over(terms)
    # Acceptance long after changes nothing: the handover's block fixed the lateness.
    world.rpc.warp(terms.deliver_by + terms.grace + DAY)
    await world.send("stranger", agreement.finalise(world.address(terms), terms))
    penalty = part(terms.amount, bps, CENT)
    assert (await world.paid(terms)).get("PAYER", 0) == penalty
    assert (await world.books(terms)).left == 50 * EURO
    [delivered] = [event for event in await world.events() if isinstance(event, events.Delivered)]
    assert delivered.penalty == penalty


async def test_penalty_is_never_more_than_what_is_left(world: World) -> None:
    lanes = (Milestone(3_000, OPENED), Milestone(6_500, 800, Witnessed.PAYER))
    terms = await world.open_lone(
        milestones=pack_milestones(lanes), penalty_bps_per_day=9_000, penalty_cap_bps=9_000, cancel_until=255
    )
    await world.send("customer", agreement.approve(world.address(terms), terms, 1))
    world.rpc.warp(terms.deliver_by + 1)
    await world.hand_over(terms)
    await world.send("customer", agreement.accept(world.address(terms), terms))
    books = await world.books(terms)
    assert (books.state, books.left) == (State.SETTLED, 0)
    assert (await world.paid(terms))["PAYER"] == 50 * EURO


async def test_dust_of_the_shares_stays_in_the_price(world: World) -> None:
    terms = await world.open_lone(amount=100_003 * CENT)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    world.rpc.warp(START + DAY)
    await world.hand_over(terms)
    await world.send("customer", agreement.accept(world.address(terms), terms))
    assert (await world.books(terms)).left == 5_000 * CENT
    world.rpc.warp(START + 4 * DAY)
    await world.send("stranger", agreement.release(world.address(terms), terms))
    await world.pay_out(terms)
    paid = await world.paid(terms)
    assert all(amount % CENT == 0 for amount in paid.values())
    assert sum(paid.values()) == terms.amount
    assert "PAYER" not in paid


async def test_handover_needs_the_right_secret(world: World) -> None:
    terms = await world.open_lone()
    for wrong in (ZERO_WORD, SECRET[::-1]):
        with pytest.raises(BadProof, match="WrongSecret"):
            await world.send("maker", agreement.delivered_by_secret(world.address(terms), terms, wrong))
    await world.hand_over(terms)
    with pytest.raises(WrongState):
        await world.hand_over(terms)


async def test_without_a_handover_hash_no_secret_delivers(world: World) -> None:
    terms = await world.open_lone(handover=ZERO_WORD)
    with pytest.raises(BadProof, match="WrongSecret"):
        await world.hand_over(terms)


async def test_carrier_signs_the_delivery_and_only_the_carrier(world: World) -> None:
    terms = await world.open_lone()
    address = world.address(terms)
    for who in ("maker", "witness", "attestor"):
        consent = await world.consent(who, terms, What.DELIVERED)
        with pytest.raises(BadSignature):
            await world.send("relayer", agreement.delivered_by_carrier(address, terms, consent))
    expired = await world.consent("carrier", terms, What.DELIVERED, deadline=START)
    with pytest.raises(BadSignature, match="SignatureExpired"):
        await world.send("relayer", agreement.delivered_by_carrier(address, terms, expired))
    await _deliver_supply(world, terms)
    assert (await world.books(terms)).state is State.DELIVERED


async def test_absent_carrier_is_nobody(world: World) -> None:
    terms = await world.open_lone(carrier=ZERO_ADDRESS)
    consent = await world.consent("maker", terms, What.DELIVERED)
    for signature in (consent.signature, bytes(65)):
        forged = agreement.Authorisation(consent.deadline, signature)
        with pytest.raises(BadSignature):
            await world.send("maker", agreement.delivered_by_carrier(world.address(terms), terms, forged))


async def test_other_terms_move_nothing(world: World) -> None:
    terms = await world.open_lone()
    other = world.delivery_terms(supplies=0, salt=b"\x09" * 32)
    with pytest.raises(BadProof, match="WrongTerms"):
        await world.send("customer", agreement.approve(world.address(terms), other, 1))


async def test_retention_waits_for_its_window(world: World) -> None:
    terms = await world.open_lone()
    await world.hand_over(terms)
    await world.send("customer", agreement.accept(world.address(terms), terms))
    end = (await world.books(terms)).delivered_at + terms.retention_window
    world.rpc.warp(end - 1)
    with pytest.raises(NotYet):
        await world.send("stranger", agreement.release(world.address(terms), terms))
    world.rpc.warp(end)
    await world.send("stranger", agreement.release(world.address(terms), terms))
    assert (await world.books(terms)).left == 0


async def test_fees_are_paid_with_the_last_division(world: World) -> None:
    terms = await world.open_lone()
    await world.act("customer", agreement.approve, terms, 1)
    await world.hand_over(terms)
    await world.act("customer", agreement.accept, terms)
    assert (await world.books(terms)).fee_due == part(950 * EURO, terms.fee_bps, CENT)
    assert await world.balance("fees") == 0
    for party in Party:
        with pytest.raises(AlreadyDone, match="NothingDue"):
            await world.act("stranger", agreement.withdraw, terms, party)
    world.rpc.warp(START + 4 * DAY)
    await world.act("stranger", agreement.release, terms)
    assert (await world.books(terms)).fee_due == 0
    assert await world.balance("fees") == 25 * EURO
