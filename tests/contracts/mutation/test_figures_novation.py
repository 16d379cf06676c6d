"""New terms for the same two: what the old agreement brings along, who adds the rest, who has what is over."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Authorisation, Party
from contracts.bindings.call import Call, build
from contracts.terms import Milestone, Terms, What, Witnessed, handover_hash, pack_milestones
from tests.contracts.mutation.scene import (
    GOODS_IN,
    LANES,
    MACHINE,
    ORDER,
    SHIPPING,
    Scene,
    begin,
    cast,
    opens,
    to_customer,
    to_fees,
    to_maker,
)
from tests.contracts.world import ADDRESS, CENT, DAY, SECRET, World

NO_CONSENT = Authorisation()


def _successor(world: World, old: Scene, cents: int = 1_234_57, **changes: Any) -> Terms:
    lanes = pack_milestones(changes.pop("lanes", LANES[1:]))
    wishes = {"amount": cents * CENT, "milestones": lanes, "handover": handover_hash(b"\x05" * 32)} | changes
    return world.successor_terms(old.terms, **wishes)


def _pair(world: World, old: Scene, terms: Terms) -> Scene:
    [new] = cast(world, successor=terms)
    old.names[old.address] = "old"
    old.ids[old.id] = "old"
    new.knows(old)
    old.knows(new)
    return new


async def _novation(world: World, old: Scene, *terms: Terms, least: int = 0, payee: Authorisation = NO_CONSENT) -> Call:
    entries = [await world.entry(one) for one in terms]
    consent = await world.consent_number("customer", terms[0], What.NOVATE, least)
    return factory.novate(world.book.factory, old.terms, entries, least, consent, payee)


async def _replaced(old: Scene, new: Scene, call: Call, log: list[str]) -> None:
    """Runs a novation and compares the books of both."""
    receipt = await old.world.force("relayer", call)
    if receipt["status"] != "0x1":
        await old.world.send("relayer", call)
    assert old.read(receipt) == log
    await old.compare()
    await new.compare()


async def test_successor_has_the_rest_and_the_payer_adds_what_is_missing(world: World) -> None:
    old = await begin(world)
    terms = _successor(world, old)
    new = _pair(world, old, terms)
    brought = 987_66 * CENT
    greedy = await _novation(world, old, terms, least=brought + 1)
    await old.refuses_call("relayer", greedy, because="CarriesLess", carried=brought, least=brought + 1)
    log = [
        "opened successor under nobody",
        "replaced by successor with 987.66",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "old → fees 6.17",
        "withdrawn FeeReceiver 6.17 to fees",
        "old → successor 987.66",
        "customer → successor 246.91",
    ]
    await _replaced(old, new, await _novation(world, old, terms, least=brought), log)
    again = await _novation(world, old, replace(terms, salt=b"\x08" * 32))
    await old.refuses_call("relayer", again, because="WrongState", current=6)


async def test_payer_has_what_the_successor_does_not_need(world: World) -> None:
    old = await begin(world)
    approved = ["credited Approval 3: payee 60.18, fee 1.54, payer 0.00", *to_maker("60.18")]
    await old.move("customer", agreement.approve, SHIPPING, log=approved)
    terms = _successor(world, old, 500_00, lanes=[Milestone(1_000, 400, Witnessed.WITNESS)])
    new = _pair(world, old, terms)
    log = [
        "opened successor under nobody",
        "replaced by successor with 500.00",
        # 987.66 less 61.72 and 500.00.
        "credited Replacement: payee 0.00, fee 0.00, payer 425.94",
        "Open → Resolved",
        "old → customer 425.94",
        "withdrawn Payer 425.94 to customer",
        "old → fees 7.71",
        "withdrawn FeeReceiver 7.71 to fees",
        "old → successor 500.00",
    ]
    await _replaced(old, new, await _novation(world, old, terms), log)


async def test_mature_claims_are_paid_and_others_lapse(world: World) -> None:
    old = await begin(world)
    proof = await old.proof(GOODS_IN, "witness")
    await old.move("stranger", agreement.claim, GOODS_IN, proof, log=["claimed 4, paid after 600 s, 7777"])
    old.until(old.now + 100)
    proof = await old.proof(MACHINE, "attestor")
    await old.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    old.until(old.now + 600)
    terms = _successor(world, old, 901_25)
    new = _pair(world, old, terms)
    log = [
        "opened successor under nobody",
        "credited Claim 4: payee 84.25, fee 2.16, payer 0.00",
        "replaced by successor with 901.25",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "old → maker 84.25",
        "withdrawn Payee 84.25 to maker",
        "old → fees 8.33",
        "withdrawn FeeReceiver 8.33 to fees",
        "old → successor 901.25",
    ]
    await _replaced(old, new, await _novation(world, old, terms), log)


async def test_nothing_left_is_nothing_carried(world: World) -> None:
    lanes = (Milestone(3_000, 1), Milestone(7_000, 700, Witnessed.PAYER))
    old = await begin(world, amount=1_000_00 * CENT, milestones=pack_milestones(lanes), cancel_until=255, fee_bps=0)
    approved = ["credited Approval 1: payee 700.00, fee 0.00, payer 0.00", *to_maker("700.00")]
    await old.move("customer", agreement.approve, 1, log=approved)
    terms = _successor(world, old, 50_00, lanes=lanes[1:])
    new = _pair(world, old, terms)
    log = [
        "opened successor under nobody",
        "replaced by successor with 0.00",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "customer → successor 50.00",
    ]
    await _replaced(old, new, await _novation(world, old, terms), log)


async def test_money_that_lies_at_the_known_address_is_no_part_of_what_is_carried(world: World) -> None:
    old = await begin(world)
    terms = _successor(world, old, 987_66)
    new = _pair(world, old, terms)
    assert world.book.test_euro is not None
    await world.send("maker", token.transfer(world.book.test_euro, new.address, 5))
    await world.send("relayer", await _novation(world, old, terms))
    assert await world.balance(new.address) == terms.amount + 5


@pytest.mark.parametrize("state", ["Delivered", "Retained", "Disputed"])
async def test_after_the_handover_the_payee_agrees_to_the_very_state(world: World, state: str) -> None:
    old = await begin(world)
    number = {"Delivered": 1, "Retained": 2, "Disputed": 3}[state]
    if state == "Disputed":
        lines = ["customer disputes in Open, decision within 86400 s", "Open → Disputed"]
        await old.move("customer", agreement.dispute, Party.PAYER, log=lines)
    else:
        lines = ["delivered 0 s ago, penalty 0.00", "Open → Delivered"]
        await old.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)
    if state == "Retained":
        lines = ["credited Acceptance: payee 914.83, fee 23.45, payer 0.00", "Delivered → Retained"]
        await old.move("customer", agreement.accept, log=[*lines, *to_maker("914.83")])
    left, fees = ("49.38", "29.62") if state == "Retained" else ("987.66", "6.17")
    terms = _successor(world, old, round(float(left) * 100))
    new = _pair(world, old, terms)
    for wrong in {0, 1, 2, 3} - {number}:
        consent = await world.consent_number("maker", terms, What.NOVATE, wrong)
        call = await _novation(world, old, terms, payee=consent)
        await old.refuses_call("relayer", call, because="Unauthorised", party=terms.payee)
    for foreign in (NO_CONSENT, await world.consent_number("customer", terms, What.NOVATE, number)):
        call = await _novation(world, old, terms, payee=foreign)
        await old.refuses_call("relayer", call, because="Unauthorised", party=terms.payee)
    log = [
        "opened successor under nobody",
        f"replaced by successor with {left}",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        f"{state} → Resolved",
        f"old → fees {fees}",
        f"withdrawn FeeReceiver {fees} to fees",
        f"old → successor {left}",
    ]
    consent = await world.consent_number("maker", terms, What.NOVATE, number)
    await _replaced(old, new, await _novation(world, old, terms, payee=consent), log)


async def test_consents_name_the_least_and_their_last_second(world: World) -> None:
    old = await begin(world)
    terms = _successor(world, old)
    new = _pair(world, old, terms)
    entry, address = await world.entry(terms), world.book.factory
    least = 987_66 * CENT
    other = await world.consent_number("customer", terms, What.NOVATE, least + 1)
    foreign = await world.consent_number("maker", terms, What.NOVATE, least)
    action = await world.consent_number("customer", terms, What.CANCEL, least)
    for who, consent in (("relayer", other), ("relayer", foreign), ("relayer", action), ("maker", NO_CONSENT)):
        call = factory.novate(address, old.terms, [entry], least, consent)
        await old.refuses_call(who, call, because="Unauthorised", party=terms.payer)
    deadline = old.now + 50
    dated = await world.consent("customer", terms, What.NOVATE, least.to_bytes(32, "big"), deadline)
    call = factory.novate(address, old.terms, [entry], least, dated)
    old.until(deadline + 1)
    await old.refuses_call("relayer", call, because="SignatureExpired", deadline=deadline)
    # The payer itself signs nothing but the terms.
    call = factory.novate(address, old.terms, [entry], least)
    log = [
        "opened successor under nobody",
        "replaced by successor with 987.66",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "old → fees 6.17",
        "withdrawn FeeReceiver 6.17 to fees",
        "old → successor 987.66",
        "customer → successor 246.91",
    ]
    receipt = await world.force("customer", call)
    assert receipt["status"] == "0x1"
    assert old.read(receipt) == log
    await new.compare()


async def test_consent_counts_in_its_last_second(world: World) -> None:
    old = await begin(world)
    terms = _successor(world, old)
    deadline = old.now + 50
    dated = await world.consent("customer", terms, What.NOVATE, bytes(32), deadline)
    call = factory.novate(world.book.factory, old.terms, [await world.entry(terms)], 0, dated)
    old.until(deadline)
    await world.send("relayer", call)


SELF_ATTESTED = (Milestone(1_000, 600), Milestone(500, 800, Witnessed.WITNESS))


@pytest.mark.parametrize(
    ("before", "cents", "refused"),
    [
        # 10 % of the price, 123.45, is what the maker's own word could still release.
        ("nothing", 1_234_57, None),
        ("nothing", 1_234_60, (123_46, 123_45)),
        ("claim", 1_234_57, None),
        ("approval", 1_234_57, (123_45, 0)),
        ("approval of another", 1_234_57, None),
    ],
)
async def test_cap_on_the_makers_own_word_does_not_restart(
    world: World, before: str, cents: int, refused: tuple[int, int] | None
) -> None:
    old = await begin(world)
    address = world.address(old.terms)
    if before == "claim":
        await world.claim(old.terms, MACHINE, *await old.proof(MACHINE, "attestor"))
    elif before != "nothing":
        lane = MACHINE if before == "approval" else GOODS_IN
        await world.send("customer", agreement.approve(address, old.terms, lane))
    terms = _successor(world, old, cents, lanes=SELF_ATTESTED)
    call = await _novation(world, old, terms)
    if refused is None:
        await world.send("relayer", call)
        assert (await world.books(terms)).left == terms.amount
    else:
        sums = {"selfAttested": refused[0] * CENT, "allowed": refused[1] * CENT}
        await old.refuses_call("relayer", call, because="CapRestarted", id=world.id(terms), **sums)


async def test_successor_brings_its_own_supplies_which_the_maker_pays(world: World) -> None:
    old = await begin(world)
    terms = _successor(world, old, 987_66, supply_count=1)
    supply = world.supply_terms(terms, "a", amount=80_00 * CENT)
    new, boards = cast(world, successor=terms, boards=supply)
    new.names[old.address], new.ids[old.id] = "old", "old"
    log = [
        "opened successor under nobody",
        "opened boards under successor",
        "replaced by successor with 987.66",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "old → fees 6.17",
        "withdrawn FeeReceiver 6.17 to fees",
        "old → successor 987.66",
        "maker → boards 80.00",
    ]
    await opens([new, boards], "relayer", await _novation(world, old, terms, supply), log=log)
    # A supply of the old delivery finds the open one through its successor.
    late = world.supply_terms(old.terms, "b", amount=70_00 * CENT)
    entry = await world.entry(late)
    call = factory.open_supply(world.book.factory, entry, [old.terms])
    await old.refuses_call("relayer", call, because="NotOpen", id=old.id)
    skipped = factory.open_supply(world.book.factory, entry, [terms])
    await old.refuses_call("relayer", skipped, because="ForeignParent")
    [metal] = cast(world, metal=late)
    metal.ids[old.id] = "old"
    call = factory.open_supply(world.book.factory, entry, [old.terms, terms])
    await opens([metal], "relayer", call, log=["opened metal under old", "maker → metal 70.00"])


async def test_supply_is_replaced_by_a_supply_of_the_same_delivery(world: World) -> None:
    delivery = world.delivery_terms(1, **ORDER)
    below = world.supply_terms(delivery, "a", amount=119_52 * CENT)
    await world.open([delivery, below])
    old = Scene(world, below)
    terms = world.successor_terms(below, amount=119_52 * CENT)
    with_supply = replace(terms, supply_count=1)
    entries = [await world.entry(with_supply), await world.entry(world.supply_terms(with_supply, "b"))]
    consent = await world.consent_number("maker", with_supply, What.NOVATE, 0)
    call = factory.novate(world.book.factory, below, entries, 0, consent)
    await old.refuses_call("relayer", call, because="WrongKind")
    consent = await world.consent_number("maker", terms, What.NOVATE, 0)
    orphan = replace(terms, parent=b"\x01" * 32)
    call = factory.novate(world.book.factory, below, [await world.entry(orphan)], 0, consent)
    await old.refuses_call("relayer", call, because="ForeignParent", expected=world.id(delivery))
    new = _pair(world, old, terms)
    new.ids[world.id(delivery)] = old.ids[world.id(delivery)] = "delivery"
    log = [
        "opened successor under delivery",
        "replaced by successor with 119.52",
        "credited Replacement: payee 0.00, fee 0.00, payer 0.00",
        "Open → Resolved",
        "old → successor 119.52",
    ]
    call = factory.novate(world.book.factory, below, [await world.entry(terms)], 0, consent)
    await _replaced(old, new, call, log)


async def test_successor_is_the_same_two_peoples_in_the_same_money(world: World) -> None:
    old = await begin(world)
    other = await begin(world, salt=b"\x02" * 32)
    for changes, error in (
        ({"payer": ADDRESS["supplier_b"]}, "ForeignPayer"),
        ({"payee": ADDRESS["supplier_b"]}, "ForeignPayee"),
        ({"unit": 1}, "MixedMoney"),
        ({"token": world.book.factory}, "TokenNotListed"),
        ({"handover": old.terms.handover}, "HandoverReused"),
        ({"lanes": LANES}, "UnexpectedAdvance"),
        ({"replaces": other.id}, "ForeignPredecessor"),
        ({"kind": 2, "parent": b"\x01" * 32}, "ForeignParent"),
        ({"kind": 2}, "WrongKind"),
        ({"supply_count": 1}, "WrongSupplyCount"),
    ):
        call = await _novation(world, old, _successor(world, old, **changes))
        await old.refuses_call("relayer", call, because=error)


async def test_what_never_opened_is_not_replaced(world: World) -> None:
    never = Scene(world, world.delivery_terms(0, **(ORDER | {"salt": b"\x09" * 32})))
    call = await _novation(world, never, _successor(world, never))
    await never.refuses_call("relayer", call, because="NotOpen", id=never.id)


async def test_secret_may_be_absent_twice(world: World) -> None:
    """A successor whose carrier signs needs no new secret: there was none."""
    old = await begin(world, handover=bytes(32))
    await world.send("relayer", await _novation(world, old, _successor(world, old, handover=bytes(32))))


@pytest.mark.parametrize("who", ["customer", "maker", "stranger"])
async def test_only_the_factory_replaces(world: World, who: str) -> None:
    old = await begin(world)

    def succeed(address: str, terms: Terms) -> Call:
        return build("DeliveryAgreement", address, "succeed", [terms.as_tuple(), bytes(32), ADDRESS[who], 1])

    await old.refuses(who, succeed, because="OnlyFactory", caller=ADDRESS[who])


async def test_ended_agreements_have_no_successor(world: World) -> None:
    old = await begin(world)
    old.until(old.last + 1)
    lines = ["credited Refund: payee 0.00, fee 0.00, payer 987.66", "Open → Refunded"]
    await old.move("stranger", agreement.refund, log=[*lines, *to_customer("987.66"), *to_fees("6.17")])
    terms = _successor(world, old, fund_by=old.now + DAY, deliver_by=old.now + DAY)
    await old.refuses_call("relayer", await _novation(world, old, terms), because="WrongState", current=5)
