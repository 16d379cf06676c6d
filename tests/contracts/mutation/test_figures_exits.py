"""The ways out: refund, revocation, cancellation, split. What is gone stays gone; the rest is divided to the cent."""

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party
from contracts.terms import What
from tests.contracts.mutation.scene import (
    GOODS_IN,
    INSPECTION,
    MACHINE,
    SHIPPING,
    Scene,
    begin,
    to_customer,
    to_fees,
    to_maker,
)
from tests.contracts.world import SECRET, World

DEAD = {"Refunded": 5, "Resolved": 6}


async def _is_over(order: Scene, state: str) -> None:
    """No move works any more, whoever makes it."""
    over = {"because": "WrongState", "current": DEAD[state]}
    proof = await order.proof(MACHINE, "attestor")
    await order.refuses("stranger", agreement.claim, MACHINE, proof, **over)
    for move in (agreement.contest, agreement.approve):
        await order.refuses("customer", move, SHIPPING, **over)
    await order.refuses("customer", agreement.cancel, 2**255, **over)
    await order.refuses("customer", agreement.accept, **over)
    await order.refuses("customer", agreement.dispute, Party.PAYER, **over)
    await order.refuses("maker", agreement.revoke, **over)
    if order.now < order.last:
        await order.refuses("stranger", agreement.delivered_by_secret, SECRET, **over)
    await order.refuses("arbiter", agreement.resolve, 5_000, **over)
    consents = [await order.world.split_consent(who, order.terms, 5_000) for who in ("customer", "maker")]
    await order.refuses("relayer", agreement.split, 5_000, *consents, **over)
    order.until(order.last + 1_000_000)
    for move in (agreement.finalise, agreement.release, agreement.refund, agreement.timeout):
        await order.refuses("stranger", move, **over)
    for party in Party:
        await order.refuses("stranger", agreement.withdraw, party, because="NothingDue", party=party)


async def _claim(order: Scene, lane: int, *signers: str) -> None:
    proof = await order.proof(lane, *signers)
    await order.move("stranger", agreement.claim, lane, proof, log=[f"claimed {lane}, paid after 600 s, 7777"])


async def test_refund_starts_one_second_after_the_last_delivery(world: World) -> None:
    order = await begin(world)
    order.until(order.last)
    await order.refuses("customer", agreement.refund, because="TooEarly", opensAfter=order.last)
    order.until(order.last + 1)
    lines = ["credited Refund: payee 0.00, fee 0.00, payer 987.66", "Open → Refunded"]
    await order.move("stranger", agreement.refund, log=[*lines, *to_customer("987.66"), *to_fees("6.17")])
    await _is_over(order, "Refunded")


async def test_refund_of_an_order_without_advance_is_the_whole_price(world: World) -> None:
    order = await begin(world, milestones=0, cancel_until=255)
    order.until(order.last + 1)
    lines = ["credited Refund: payee 0.00, fee 0.00, payer 1234.57", "Open → Refunded"]
    await order.move("stranger", agreement.refund, log=[*lines, *to_customer("1234.57")])


async def test_revocation_is_the_payees_and_gives_all_but_what_matured_back(world: World) -> None:
    order = await begin(world)
    payee = order.terms.payee
    for who in ("customer", "arbiter", "stranger"):
        await order.refuses(who, agreement.revoke, because="Unauthorised", party=payee)
    await _claim(order, MACHINE, "attestor")
    order.until(order.now + 300)
    await _claim(order, GOODS_IN, "witness")
    order.until(order.now + 301)
    foreign = await order.says("maker", What.CANCEL)
    await order.refuses("relayer", agreement.revoke, foreign, because="Unauthorised", party=payee)
    consent = await order.says("maker", What.REVOKE)
    lines = [
        "credited Claim 1: payee 120.37, fee 3.08, payer 0.00",
        # The claim that still waits lapses.
        "credited Revocation: payee 0.00, fee 0.00, payer 864.21",
        "Open → Refunded",
        *to_maker("120.37"),
        *to_customer("864.21"),
        *to_fees("9.25"),
    ]
    await order.move("relayer", agreement.revoke, consent, log=lines)
    await _is_over(order, "Refunded")


async def test_revocation_and_cancellation_end_with_the_last_delivery(world: World) -> None:
    order = await begin(world)
    order.until(order.last + 1)
    await order.refuses("maker", agreement.revoke, because="TooLate", closedAt=order.last)
    await order.refuses("customer", agreement.cancel, 2**255, because="TooLate", closedAt=order.last)


@pytest.mark.parametrize("move", ["revoke", "cancel"])
async def test_revocation_and_cancellation_work_in_the_last_second_of_a_delivery(world: World, move: str) -> None:
    order = await begin(world)
    order.until(order.last)
    if move == "revoke":
        lines = ["credited Revocation: payee 0.00, fee 0.00, payer 987.66", "Open → Refunded"]
        await order.move("maker", agreement.revoke, log=[*lines, *to_customer("987.66"), *to_fees("6.17")])
    else:
        lines = ["credited Cancellation: payee 96.30, fee 2.46, payer 888.90", "Open → Refunded"]
        paid = [*to_maker("96.30"), *to_customer("888.90"), *to_fees("8.63")]
        await order.move("customer", agreement.cancel, 345_67 * 10_000, log=[*lines, *paid])


async def test_cancellation_leaves_a_tenth_of_the_rest_and_not_a_cent_more_than_agreed(world: World) -> None:
    order = await begin(world)
    # 98.76 of the rest and the advance of 246.91.
    costs = 345_67 * 10_000
    await order.refuses("customer", agreement.cancel, costs - 1, because="CostsMore", costs=costs, most=costs - 1)
    other = await order.says("customer", What.CANCEL, costs + 1)
    await order.refuses("relayer", agreement.cancel, costs, other, because="Unauthorised", party=order.terms.payer)
    consent = await order.says("customer", What.CANCEL, costs)
    lines = [
        "credited Cancellation: payee 96.30, fee 2.46, payer 888.90",
        "Open → Refunded",
        *to_maker("96.30"),
        *to_customer("888.90"),
        *to_fees("8.63"),
    ]
    await order.move("relayer", agreement.cancel, costs, consent, log=lines)
    await _is_over(order, "Refunded")


async def test_cancellation_pays_claims_that_wait_and_not_those_that_were_contested(world: World) -> None:
    order = await begin(world)
    await _claim(order, MACHINE, "attestor")
    await _claim(order, GOODS_IN, "witness")
    await order.move("customer", agreement.contest, MACHINE, log=["contested 1"])
    # 987.66 less 86.41 are 901.25; a tenth of it 90.12, 2.25 of that fee.
    costs = (1_234_57 - 811_13) * 10_000
    await order.refuses("customer", agreement.cancel, costs - 1, because="CostsMore", costs=costs, most=costs - 1)
    lines = [
        "credited Claim 4: payee 84.25, fee 2.16, payer 0.00",
        "credited Cancellation: payee 87.87, fee 2.25, payer 811.13",
        "Open → Refunded",
        *to_maker("172.12"),
        *to_customer("811.13"),
        *to_fees("10.58"),
    ]
    await order.move("customer", agreement.cancel, costs, log=lines)


async def test_cancellation_pays_what_matured_and_what_waits_once(world: World) -> None:
    order = await begin(world)
    await _claim(order, MACHINE, "attestor")
    order.until(order.now + 601)
    await _claim_with_sweep(order)
    # 987.66 less 123.45 and 86.41 are 777.80; a tenth 77.78, 1.94 of that fee.
    lines = [
        "credited Claim 4: payee 84.25, fee 2.16, payer 0.00",
        "credited Cancellation: payee 75.84, fee 1.94, payer 700.02",
        "Open → Refunded",
        *to_maker("160.09"),
        *to_customer("700.02"),
        *to_fees("13.35"),
    ]
    await order.move("customer", agreement.cancel, 2**255, log=lines)


async def _claim_with_sweep(order: Scene) -> None:
    lines = [
        "credited Claim 1: payee 120.37, fee 3.08, payer 0.00",
        "claimed 4, paid after 600 s, 7777",
        *to_maker("120.37"),
    ]
    await order.move("stranger", agreement.claim, GOODS_IN, await order.proof(GOODS_IN, "witness"), log=lines)


async def test_cancellation_ends_with_the_claim_of_its_lane_contested_or_not(world: World) -> None:
    order = await begin(world)
    refused = {"because": "NotCancellable", "cancelUntil": INSPECTION}
    await _claim(order, INSPECTION, "attestor", "witness")
    await order.refuses("customer", agreement.cancel, 2**255, **refused)
    await order.move("customer", agreement.contest, INSPECTION, log=["contested 2"])
    await order.refuses("customer", agreement.cancel, 2**255, **refused)


async def test_cancellation_ends_with_the_approval_of_its_lane(world: World) -> None:
    order = await begin(world, cancel_until=SHIPPING)
    approved = ["credited Approval 3: payee 60.18, fee 1.54, payer 0.00", *to_maker("60.18")]
    await order.move("customer", agreement.approve, SHIPPING, log=approved)
    await order.refuses("customer", agreement.cancel, 2**255, because="NotCancellable", cancelUntil=SHIPPING)


@pytest.mark.parametrize("until", [0, 255])
async def test_advance_or_never_means_that_nobody_cancels(world: World, until: int) -> None:
    order = await begin(world, cancel_until=until)
    await order.refuses("customer", agreement.cancel, 2**255, because="NotCancellable", cancelUntil=until)


async def test_only_the_payer_cancels(world: World) -> None:
    order = await begin(world)
    for who in ("maker", "arbiter", "stranger"):
        await order.refuses(who, agreement.cancel, 2**255, because="Unauthorised", party=order.terms.payer)


@pytest.mark.parametrize(
    ("bps", "net", "fee", "back", "fees"),
    [
        (0, "0.00", "0.00", "987.66", "6.17"),
        (3_333, "320.96", "8.22", "658.48", "14.39"),
        (10_000, "962.97", "24.69", "0.00", "30.86"),
    ],
)
async def test_split_divides_what_is_left(world: World, bps: int, net: str, fee: str, back: str, fees: str) -> None:
    order = await begin(world)
    consents = [await world.split_consent(who, order.terms, bps) for who in ("customer", "maker")]
    lines = [f"credited Split: payee {net}, fee {fee}, payer {back}", "Open → Resolved"]
    paid = [*(to_maker(net) if net != "0.00" else []), *(to_customer(back) if back != "0.00" else []), *to_fees(fees)]
    await order.move("relayer", agreement.split, bps, *consents, log=[*lines, *paid])
    await _is_over(order, "Resolved")


async def test_split_needs_both_and_the_very_share(world: World) -> None:
    order = await begin(world)
    payer, payee = order.terms.payer, order.terms.payee
    deadline = order.now + 100
    by_payer = await world.split_consent("customer", order.terms, 5_000, deadline)
    by_payee = await world.split_consent("maker", order.terms, 5_000, deadline)
    nobody = agreement.SENT_BY_PARTY
    refused: tuple[tuple[str, int, object, object, str], ...] = (
        ("maker", 5_000, nobody, nobody, payer),
        ("customer", 5_000, nobody, nobody, payee),
        ("relayer", 5_000, by_payer, by_payer, payee),
        ("relayer", 5_000, by_payee, by_payee, payer),
        ("relayer", 5_000, by_payee, by_payer, payer),
        ("relayer", 5_001, by_payer, by_payee, payer),
        ("customer", 5_001, nobody, by_payee, payee),
    )
    for who, bps, one, two, missing in refused:
        await order.refuses(who, agreement.split, bps, one, two, because="Unauthorised", party=missing)
    for who, one, two in (("customer", nobody, by_payee), ("maker", by_payer, nobody)):
        order.until(max(order.now + 1, deadline + 1))
        await order.refuses(who, agreement.split, 5_000, one, two, because="SignatureExpired", deadline=deadline)
    much = [await world.split_consent(who, order.terms, 10_001) for who in ("customer", "maker")]
    await order.refuses("relayer", agreement.split, 10_001, *much, because="RateTooHigh", bps=10_001)


async def test_split_of_a_delivery_and_of_a_retention(world: World) -> None:
    order = await begin(world)
    delivered = ["delivered 0 s ago, penalty 0.00", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=delivered)
    consents = [await world.split_consent(who, order.terms, 3_333) for who in ("customer", "maker")]
    lines = ["credited Split: payee 320.96, fee 8.22, payer 658.48", "Delivered → Resolved"]
    paid = [*to_maker("320.96"), *to_customer("658.48"), *to_fees("14.39")]
    await order.move("relayer", agreement.split, 3_333, *consents, log=[*lines, *paid])

    kept = await begin(world, salt=b"\x02" * 32)
    await kept.move("stranger", agreement.delivered_by_secret, SECRET, log=delivered)
    accepted = ["credited Acceptance: payee 914.83, fee 23.45, payer 0.00", "Delivered → Retained"]
    await kept.move("customer", agreement.accept, log=[*accepted, *to_maker("914.83")])
    consents = [await world.split_consent(who, kept.terms, 3_333) for who in ("customer", "maker")]
    lines = ["credited Split: payee 16.04, fee 0.41, payer 32.93", "Retained → Resolved"]
    paid = [*to_maker("16.04"), *to_customer("32.93"), *to_fees("30.03")]
    await kept.move("relayer", agreement.split, 3_333, *consents, log=[*lines, *paid])
