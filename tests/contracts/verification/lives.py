"""Orders that were lived: each gives the terms of its agreements in the order of opening."""

import dataclasses
from typing import Any

from contracts.bindings import agreement, token
from contracts.bindings.agreement import Party
from contracts.terms import (
    RETAINED,
    ZERO_ADDRESS,
    Milestone,
    Terms,
    What,
    Witnessed,
    handover_hash,
    pack_milestones,
)
from tests.contracts.verification.gateways import Plant, spec_hash
from tests.contracts.world import (
    DAY,
    EURO,
    INSPECTION_PASSED,
    PRODUCTION_FINISHED,
    SECOND_SECRET,
    SECRET,
    SHIPPED,
    World,
)

STARTED, STEP = 200, 300
SALTS = {"delivery": "0xd1", "a": "0xa1", "b": "0xb1"}
SUCCESSOR_MILESTONES = (
    Milestone(500, PRODUCTION_FINISHED, Witnessed.ATTESTOR),
    Milestone(1_500, SHIPPED, Witnessed.PAYER),
    Milestone(500, RETAINED),
)


def _batch(world: World, salt: bytes) -> list[Terms]:
    delivery = world.delivery_terms(spec_hash=spec_hash(SALTS["delivery"]), salt=salt * 32)
    return [delivery, *(world.supply_terms(delivery, one, spec_hash=spec_hash(SALTS[one])) for one in ("a", "b"))]


async def carried(world: World, terms: Terms) -> None:
    """The carrier signs that it arrived."""
    consent = await world.consent("carrier", terms, What.DELIVERED)
    await world.act("relayer", agreement.delivered_by_carrier, terms, consent)


async def accepted(world: World, who: str, terms: Terms) -> None:
    """The payer accepts; the relayer sends it."""
    await world.act("relayer", agreement.accept, terms, await world.consent(who, terms, What.ACCEPT))


async def settled_late(world: World) -> Plant:
    """Two supplies, claims by attestor and by both, delivered three days and a second late, all paid out."""
    plant = Plant(world)
    plant.terms += (batch := _batch(world, b"\x01"))
    delivery, supply_a, supply_b = batch
    await world.open(batch)
    plant.gateway("attestor_a").report(world.id(supply_a), supply_a, STARTED, PRODUCTION_FINISHED)
    await world.claim(supply_a, 0, plant.gateway("attestor_a").evidence(world.id(supply_a), PRODUCTION_FINISHED))
    for supply in (supply_a, supply_b):
        await carried(world, supply)
    await accepted(world, "maker", supply_b)
    identity = world.id(delivery)
    plant.gateway("attestor").report(identity, delivery, STARTED, STEP, STEP)
    plant.gateway("attestor").report(identity, delivery, PRODUCTION_FINISHED)
    plant.gateway("attestor").report(identity, delivery, INSPECTION_PASSED)
    plant.gateway("witness").report(identity, delivery, INSPECTION_PASSED)
    await world.claim(delivery, 1, plant.gateway("attestor").evidence(identity, PRODUCTION_FINISHED))
    both = [plant.gateway(who).evidence(identity, INSPECTION_PASSED) for who in ("attestor", "witness")]
    await world.claim(delivery, 2, *both)
    world.rpc.warp(delivery.deliver_by + 3 * DAY)
    await world.hand_over(delivery)
    await accepted(world, "customer", delivery)
    world.rpc.warp(delivery.deliver_by + 6 * DAY)
    await world.act("stranger", agreement.finalise, supply_a)
    await world.act("stranger", agreement.release, delivery)
    for terms in batch:
        await world.pay_out(terms)
    return plant


async def changed(world: World) -> Plant:
    """A contested claim, then new terms with another supply; one more joins; each ends in a way of its own."""
    plant = Plant(world)
    plant.terms += (batch := _batch(world, b"\x03"))
    delivery, supply_a, supply_b = batch
    await world.open(batch)
    identity = world.id(delivery)
    plant.gateway("attestor").report(identity, delivery, PRODUCTION_FINISHED)
    await world.claim(delivery, 1, plant.gateway("attestor").evidence(identity, PRODUCTION_FINISHED))
    consent = await world.consent_number("customer", delivery, What.CONTEST, 1)
    await world.act("relayer", agreement.contest, delivery, 1, consent)
    new = dataclasses.replace(
        delivery,
        supply_count=1,
        amount=1_100 * EURO,
        milestones=pack_milestones(SUCCESSOR_MILESTONES),
        cancel_until=0,
        replaces=identity,
        handover=handover_hash(SECOND_SECRET),
        salt=b"\x02" * 32,
    )
    supply_c = world.supply_terms(new, "a", amount=50 * EURO, salt=b"\x0c" * 32)
    await world.novate(delivery, new, supply_c, least=700 * EURO)
    late = world.supply_terms(delivery, "b", amount=30 * EURO, salt=b"\x0d" * 32)
    await world.open_supply(late, delivery, new)
    cheaper = dataclasses.replace(supply_a, amount=100 * EURO, replaces=world.id(supply_a), salt=b"\x0e" * 32)
    await world.novate(supply_a, cheaper)
    plant.terms += [new, supply_c, late, cheaper]

    approval = await world.consent_number("customer", new, What.APPROVE, 1)
    await world.act("stranger", agreement.approve, new, 1, approval)
    await world.act("customer", agreement.dispute, new, Party.PAYER)
    await carried(world, new)
    await world.act("relayer", agreement.resolve, new, 6_000, await world.verdict(new, 6_000))
    await world.act("supplier_a", agreement.revoke, supply_c)
    shares = [await world.split_consent(who, late, 2_500) for who in ("maker", "supplier_b")]
    await world.act("relayer", agreement.split, late, 2_500, *shares)
    world.rpc.warp(supply_b.deliver_by + supply_b.grace + 1)
    await world.act("stranger", agreement.refund, supply_b)
    return plant


async def replaced_after_delivery(world: World) -> Plant:
    """The goods came and are wrong: both agree on new terms, and the payee names the state that it gives up."""
    terms = await world.open_lone()
    await world.hand_over(terms)
    new = dataclasses.replace(
        terms,
        amount=500 * EURO,
        milestones=pack_milestones(SUCCESSOR_MILESTONES),
        replaces=world.id(terms),
        handover=handover_hash(SECOND_SECRET),
        salt=b"\x02" * 32,
    )
    await world.novate(terms, new, least=500 * EURO)
    await world.hand_over(new)
    await accepted(world, "customer", new)
    return Plant(world, terms=[terms, new])


async def cancelled(world: World) -> Plant:
    """The payer cancels while a claim waits; the signature names the most that it leaves the payee."""
    terms = await world.open_lone(cancel_until=3)
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    consent = await world.consent_number("customer", terms, What.CANCEL, 400 * EURO)
    await world.act("relayer", agreement.cancel, terms, 400 * EURO, consent)
    return Plant(world, terms=[terms])


async def timed_out_open(world: World) -> Plant:
    """The payee disputes, nothing arrives, the arbiter is silent."""
    terms = await world.open_lone()
    await world.act("maker", agreement.dispute, terms, Party.PAYEE)
    await _silence(world, terms)
    return Plant(world, terms=[terms])


async def timed_out_delivered(world: World) -> Plant:
    """Late goods are disputed, the arbiter is silent."""
    terms = await world.open_lone(timeout_bps=7_777)
    world.rpc.warp(terms.deliver_by + 1)
    await world.hand_over(terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await _silence(world, terms)
    return Plant(world, terms=[terms])


async def timed_out_retained(world: World) -> Plant:
    """The retention is disputed, the arbiter is silent."""
    terms = await world.open_lone(timeout_bps=3_333)
    await world.hand_over(terms)
    await accepted(world, "customer", terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await _silence(world, terms)
    return Plant(world, terms=[terms])


async def given_to(world: World) -> Plant:
    """A stranger sends money to the address before it opens; everything else goes back after date and grace."""
    assert world.book.test_euro is not None
    terms = world.delivery_terms(supplies=0, handover=handover_hash(SECRET), carrier=ZERO_ADDRESS)
    await world.send("customer", token.transfer(world.book.test_euro, world.address(terms), 7 * EURO))
    await world.open([terms])
    world.rpc.warp(terms.deliver_by + terms.grace)
    await world.act("stranger", agreement.refund, terms)
    return Plant(world, terms=[terms])


async def still_open(world: World) -> Plant:
    """A claim whose window is still open, and one that is mature and that no move has paid yet."""
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    evidence: list[Any] = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    world.rpc.warp((await agreement.claimed_at(world.rpc, world.address(terms), terms))[1] + terms.contest_window - 2)
    await world.claim(terms, 2, *evidence)
    world.rpc.warp(world.rpc.node.head_timestamp + 100)
    return Plant(world, terms=[terms])


async def _silence(world: World, terms: Terms) -> None:
    books = await world.books(terms)
    world.rpc.warp(books.disputed_at + terms.arbiter_window)
    await world.act("stranger", agreement.timeout, terms)


LIVES = (
    settled_late,
    changed,
    replaced_after_delivery,
    cancelled,
    timed_out_open,
    timed_out_delivered,
    timed_out_retained,
    given_to,
    still_open,
)
