"""Disputes: who may ask when, what the arbiter can say, and what silence means in each state."""

from typing import Any

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party
from contracts.terms import What
from tests.contracts.mutation.scene import MACHINE, SHIPPING, Scene, begin, to_customer, to_fees, to_maker
from tests.contracts.world import DAY, SECRET, World

OPEN, DELIVERED, RETAINED, DISPUTED = range(4)
DISPUTE = "{} disputes in {}, decision within 86400 s"


async def _deliver(order: Scene, penalty: str = "0.00") -> None:
    lines = [f"delivered 0 s ago, penalty {penalty}", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)


async def _retain(order: Scene) -> None:
    await _deliver(order)
    lines = ["credited Acceptance: payee 914.83, fee 23.45, payer 0.00", "Delivered → Retained", *to_maker("914.83")]
    await order.move("customer", agreement.accept, log=lines)


async def _dispute(order: Scene, who: str, state: str) -> None:
    party = Party.PAYEE if who == "maker" else Party.PAYER
    lines = [DISPUTE.format(who, state), f"{state} → Disputed"]
    await order.move(who, agreement.dispute, party, log=lines)


async def _disputed(world: World, state: str, **changes: Any) -> Scene:
    order = await begin(world, **changes)
    if state == "Delivered":
        await _deliver(order)
    elif state == "Retained":
        await _retain(order)
    await _dispute(order, "customer", state)
    return order


async def _ruling(order: Scene, bps: int, who: str = "arbiter") -> agreement.Authorisation:
    return await order.says(who, What.RESOLVE, order.ledger.disputed_at << 16 | bps)


@pytest.mark.parametrize(
    ("state", "bps", "net", "fee", "back", "fees"),
    [
        ("Open", 0, "0.00", "0.00", "987.66", "6.17"),
        ("Open", 3_333, "320.96", "8.22", "658.48", "14.39"),
        ("Open", 10_000, "962.97", "24.69", "0.00", "30.86"),
        ("Delivered", 3_333, "320.96", "8.22", "658.48", "14.39"),
        ("Retained", 3_333, "16.04", "0.41", "32.93", "30.03"),
        ("Retained", 10_000, "48.15", "1.23", "0.00", "30.85"),
    ],
)
async def test_arbiter_divides_what_is_left_until_the_last_second(
    world: World, state: str, bps: int, net: str, fee: str, back: str, fees: str
) -> None:
    order = await _disputed(world, state)
    consent = await _ruling(order, bps)
    order.until(order.ledger.disputed_at + DAY)
    lines = [f"credited Resolution: payee {net}, fee {fee}, payer {back}", "Disputed → Resolved"]
    paid = [*(to_maker(net) if net != "0.00" else []), *(to_customer(back) if back != "0.00" else []), *to_fees(fees)]
    await order.move("relayer", agreement.resolve, bps, consent, log=[*lines, *paid])


@pytest.mark.parametrize(
    ("state", "net", "fee", "back", "fees"),
    [
        # Nothing was delivered: all to the payer.
        ("Open", "0.00", "0.00", "987.66", "6.17"),
        # 60 % of 987.66 are 592.59.
        ("Delivered", "577.78", "14.81", "395.07", "20.98"),
        # 60 % of 49.38 are 29.62.
        ("Retained", "28.88", "0.74", "19.76", "30.36"),
    ],
)
async def test_silence_means_another_thing_in_each_state(
    world: World, state: str, net: str, fee: str, back: str, fees: str
) -> None:
    order = await _disputed(world, state)
    end = order.ledger.disputed_at + DAY
    order.until(end)
    await order.refuses("stranger", agreement.timeout, because="TooEarly", opensAfter=end)
    order.until(end + 1)
    late = await _ruling(order, 3_333)
    await order.refuses("relayer", agreement.resolve, 3_333, late, because="TooLate", closedAt=end)
    lines = [f"credited Timeout: payee {net}, fee {fee}, payer {back}", "Disputed → Resolved"]
    paid = [*(to_maker(net) if net != "0.00" else []), *to_customer(back), *to_fees(fees)]
    await order.move("stranger", agreement.timeout, log=[*lines, *paid])


async def test_silence_after_a_late_delivery_takes_the_penalty_first(world: World) -> None:
    order = await begin(world)
    order.until(order.terms.deliver_by + 1)
    await _deliver(order, "12.34")
    await _dispute(order, "customer", "Delivered")
    order.until(order.ledger.disputed_at + DAY + 1)
    # 60 % of 987.66 less 12.34 are 585.19, 14.62 of that fee.
    lines = ["credited Timeout: payee 570.57, fee 14.62, payer 402.47", "Disputed → Resolved"]
    paid = [*to_maker("570.57"), *to_customer("402.47"), *to_fees("20.79")]
    await order.move("stranger", agreement.timeout, log=[*lines, *paid])


async def test_silence_about_the_retention_of_a_late_delivery_takes_no_penalty_again(world: World) -> None:
    order = await begin(world, timeout_bps=10_000)
    order.until(order.terms.deliver_by + 1)
    await _deliver(order, "12.34")
    # 987.66 less 12.34 and 49.38 are 925.94, 23.14 of it fee.
    lines = ["credited Acceptance: payee 902.80, fee 23.14, payer 12.34", "Delivered → Retained"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker("902.80"), *to_customer("12.34")])
    await _dispute(order, "customer", "Retained")
    order.until(order.ledger.disputed_at + DAY + 1)
    lines = ["credited Timeout: payee 48.15, fee 1.23, payer 0.00", "Disputed → Resolved"]
    await order.move("stranger", agreement.timeout, log=[*lines, *to_maker("48.15"), *to_fees("30.54")])


async def test_silence_after_a_delivery_worth_less_than_its_lateness(world: World) -> None:
    order = await begin(world, penalty_bps_per_day=9_000, penalty_cap_bps=9_000)
    order.until(order.terms.deliver_by + 1)
    await _deliver(order, "1111.11")
    await _dispute(order, "customer", "Delivered")
    order.until(order.ledger.disputed_at + DAY + 1)
    lines = ["credited Timeout: payee 0.00, fee 0.00, payer 987.66", "Disputed → Resolved"]
    await order.move("stranger", agreement.timeout, log=[*lines, *to_customer("987.66"), *to_fees("6.17")])


async def test_claims_wait_while_the_arbiter_thinks_and_lapse(world: World) -> None:
    order = await begin(world)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    await _dispute(order, "customer", "Open")
    order.until(order.now + 700)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")
    await order.refuses("customer", agreement.contest, MACHINE, because="WrongState", current=DISPUTED)
    await order.refuses("customer", agreement.approve, SHIPPING, because="WrongState", current=DISPUTED)
    order.until(order.ledger.disputed_at + DAY + 1)
    lines = ["credited Timeout: payee 0.00, fee 0.00, payer 987.66", "Disputed → Resolved"]
    await order.move("stranger", agreement.timeout, log=[*lines, *to_customer("987.66"), *to_fees("6.17")])


async def test_mature_claims_are_paid_before_a_dispute(world: World) -> None:
    order = await begin(world)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    order.until(order.now + 601)
    lines = [
        "credited Claim 1: payee 120.37, fee 3.08, payer 0.00",
        DISPUTE.format("maker", "Open"),
        "Open → Disputed",
        *to_maker("120.37"),
    ]
    await order.move("maker", agreement.dispute, Party.PAYEE, log=lines)


async def test_before_the_delivery_either_party_asks_until_its_last_second(world: World) -> None:
    order = await begin(world)
    payer, payee = order.terms.payer, order.terms.payee
    for who, party, missing in (
        ("maker", Party.PAYER, payer),
        ("customer", Party.PAYEE, payee),
        ("stranger", Party.PAYER, payer),
        ("stranger", Party.PAYEE, payee),
        ("fees", Party.FEE_RECEIVER, payer),
    ):
        await order.refuses(who, agreement.dispute, party, because="Unauthorised", party=missing)
    order.until(order.last)
    await _dispute(order, "maker", "Open")
    late = await begin(world, salt=b"\x02" * 32, fund_by=order.now + 5, deliver_by=order.now + 5, grace=10)
    late.until(late.last + 1)
    for who, party in (("maker", Party.PAYEE), ("customer", Party.PAYER)):
        await late.refuses(who, agreement.dispute, party, because="TooLate", closedAt=late.last)


@pytest.mark.parametrize(("state", "window"), [("Delivered", 3_600), ("Retained", 2 * DAY)])
async def test_after_the_delivery_only_the_payer_asks_within_its_window(world: World, state: str, window: int) -> None:
    order = await begin(world)
    await (_deliver if state == "Delivered" else _retain)(order)
    end = order.ledger.delivered_at + window
    for who, party in (("maker", Party.PAYEE), ("maker", Party.PAYER), ("stranger", Party.PAYER)):
        await order.refuses(who, agreement.dispute, party, because="Unauthorised", party=order.terms.payer)
    for number in (0, 1, 2, 3):
        if number != (DELIVERED if state == "Delivered" else RETAINED):
            other = await order.says("customer", What.DISPUTE, number)
            await order.refuses("relayer", agreement.dispute, Party.PAYER, other, because="Unauthorised")
    consent = await order.says("customer", What.DISPUTE, DELIVERED if state == "Delivered" else RETAINED)
    order.until(end + 1)
    await order.refuses("relayer", agreement.dispute, Party.PAYER, consent, because="TooLate", closedAt=end)


@pytest.mark.parametrize(("state", "window"), [("Delivered", 3_600), ("Retained", 2 * DAY)])
async def test_payer_may_ask_in_the_last_second_of_the_window(world: World, state: str, window: int) -> None:
    order = await begin(world)
    await (_deliver if state == "Delivered" else _retain)(order)
    consent = await order.says("customer", What.DISPUTE, DELIVERED if state == "Delivered" else RETAINED)
    order.until(order.ledger.delivered_at + window)
    lines = [DISPUTE.format("customer", state), f"{state} → Disputed"]
    # Whoever names the payee here means the payer: there is nobody else to ask.
    await order.move("relayer", agreement.dispute, Party.PAYEE, consent, log=lines)
    for move in (agreement.accept, agreement.dispute):
        arguments = [Party.PAYER] if move is agreement.dispute else []
        await order.refuses("customer", move, *arguments, because="WrongState", current=DISPUTED)
    for early in (agreement.finalise, agreement.release, agreement.refund):
        await order.refuses("stranger", early, because="WrongState", current=DISPUTED)
    await order.refuses("stranger", agreement.delivered_by_secret, SECRET, because="WrongState", current=DISPUTED)


async def test_ruling_is_the_arbiters_for_this_dispute_and_this_share(world: World) -> None:
    order = await begin(world)
    await order.refuses("arbiter", agreement.resolve, 3_333, because="WrongState", current=OPEN)
    await order.refuses("stranger", agreement.timeout, because="WrongState", current=OPEN)
    await _dispute(order, "customer", "Open")
    arbiter = order.terms.arbiter
    for who in ("customer", "maker", "carrier", "stranger"):
        await order.refuses(who, agreement.resolve, 3_333, because="Unauthorised", party=arbiter)
        foreign = await _ruling(order, 3_333, who)
        await order.refuses("relayer", agreement.resolve, 3_333, foreign, because="Unauthorised", party=arbiter)
    ruling = await _ruling(order, 3_333)
    await order.refuses("relayer", agreement.resolve, 3_334, ruling, because="Unauthorised", party=arbiter)
    bare = await order.says("arbiter", What.RESOLVE, 3_333)
    await order.refuses("relayer", agreement.resolve, 3_333, bare, because="Unauthorised", party=arbiter)
    await order.refuses("arbiter", agreement.resolve, 10_001, because="RateTooHigh", bps=10_001)
    lines = ["credited Resolution: payee 320.96, fee 8.22, payer 658.48", "Disputed → Resolved"]
    paid = [*to_maker("320.96"), *to_customer("658.48"), *to_fees("14.39")]
    await order.move("arbiter", agreement.resolve, 3_333, log=[*lines, *paid])


async def test_handover_in_a_dispute_asks_anew(world: World) -> None:
    order = await _disputed(world, "Open")
    ruling = await _ruling(order, 3_333)
    order.until(order.ledger.disputed_at + DAY)
    lines = ["delivered 0 s ago, penalty 0.00", DISPUTE.format("nobody", "Delivered")]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)
    await order.refuses("relayer", agreement.resolve, 3_333, ruling, because="Unauthorised")
    await order.refuses("stranger", agreement.delivered_by_secret, SECRET, because="WrongState", current=DISPUTED)
    end = order.now + DAY
    order.until(end)
    await order.refuses("stranger", agreement.timeout, because="TooEarly", opensAfter=end)
    order.until(end + 1)
    lines = ["credited Timeout: payee 577.78, fee 14.81, payer 395.07", "Disputed → Resolved"]
    paid = [*to_maker("577.78"), *to_customer("395.07"), *to_fees("20.98")]
    await order.move("stranger", agreement.timeout, log=[*lines, *paid])


async def test_late_handover_in_a_dispute_costs_its_penalty(world: World) -> None:
    order = await begin(world, grace=DAY // 2)
    order.until(order.last - 100)
    await _dispute(order, "maker", "Open")
    order.until(order.last)
    lines = ["delivered 0 s ago, penalty 12.34", DISPUTE.format("nobody", "Delivered")]
    await order.move("carrier", agreement.delivered_by_carrier, log=lines)
    order.until(order.now + DAY + 1)
    lines = ["credited Timeout: payee 570.57, fee 14.62, payer 402.47", "Disputed → Resolved"]
    paid = [*to_maker("570.57"), *to_customer("402.47"), *to_fees("20.79")]
    await order.move("stranger", agreement.timeout, log=[*lines, *paid])


async def test_handover_in_a_dispute_ends_with_the_arbiters_time_and_with_the_last_delivery(world: World) -> None:
    order = await _disputed(world, "Open")
    end = order.ledger.disputed_at + DAY
    order.until(end + 1)
    await order.refuses("stranger", agreement.delivered_by_secret, SECRET, because="TooLate", closedAt=end)
    late = await begin(world, salt=b"\x02" * 32, fund_by=order.now + 50, deliver_by=order.now + 50, grace=10)
    late.until(late.last)
    await _dispute(late, "customer", "Open")
    await late.refuses("stranger", agreement.delivered_by_secret, SECRET, because="TooLate", closedAt=late.last)


@pytest.mark.parametrize("state", ["Open", "Retained"])
async def test_parties_may_split_what_is_disputed(world: World, state: str) -> None:
    order = await _disputed(world, state)
    consents = [await world.split_consent(who, order.terms, 3_333) for who in ("customer", "maker")]
    net, fee, back, fees = {
        "Open": ("320.96", "8.22", "658.48", "14.39"),
        "Retained": ("16.04", "0.41", "32.93", "30.03"),
    }[state]
    lines = [f"credited Split: payee {net}, fee {fee}, payer {back}", "Disputed → Resolved"]
    paid = [*to_maker(net), *to_customer(back), *to_fees(fees)]
    await order.move("relayer", agreement.split, 3_333, *consents, log=[*lines, *paid])
