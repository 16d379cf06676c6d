"""The handover, the acceptance, the retention and what lateness costs."""

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party
from contracts.terms import ZERO_WORD, Milestone, What, Witnessed, pack_milestones
from tests.contracts.mutation.scene import (
    LANES,
    MACHINE,
    SHIPPING,
    Scene,
    begin,
    to_customer,
    to_fees,
    to_maker,
)
from tests.contracts.world import DAY, SECRET, World

ON_TIME = ["delivered 0 s ago, penalty 0.00", "Open → Delivered"]
ACCEPTED = ["credited Acceptance: payee 914.83, fee 23.45, payer 0.00", "Delivered → Retained", *to_maker("914.83")]
RELEASED = [
    "credited Retention: payee 48.15, fee 1.23, payer 0.00",
    "Retained → Settled",
    *to_maker("48.15"),
    *to_fees("30.85"),
]


async def _delivered(world: World, **changes: object) -> Scene:
    order = await begin(world, **changes)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    return order


async def test_order_without_events_is_paid_at_acceptance_and_at_the_end_of_the_retention(world: World) -> None:
    order = await _delivered(world)
    delivered = order.now
    for early in (agreement.release, agreement.refund, agreement.timeout):
        await order.refuses("stranger", early, because="WrongState", current=1)
    await order.move("customer", agreement.accept, log=ACCEPTED)
    for early in (agreement.finalise, agreement.refund, agreement.timeout):
        await order.refuses("stranger", early, because="WrongState", current=2)
    await order.refuses("customer", agreement.accept, because="WrongState", current=2)
    order.until(delivered + 2 * DAY)
    await order.refuses("stranger", agreement.release, because="TooEarly", opensAfter=delivered + 2 * DAY)
    order.until(delivered + 2 * DAY + 1)
    await order.move("stranger", agreement.release, log=RELEASED)


async def test_silence_is_acceptance_in_the_first_second_after_the_window(world: World) -> None:
    order = await _delivered(world)
    delivered = order.now
    order.until(delivered + 3_600)
    await order.refuses("stranger", agreement.finalise, because="TooEarly", opensAfter=delivered + 3_600)
    order.until(delivered + 3_601)
    await order.move("stranger", agreement.finalise, log=ACCEPTED)


async def test_order_without_retention_ends_with_the_acceptance(world: World) -> None:
    order = await begin(world, milestones=pack_milestones(LANES[:5]), retention_window=0)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    await order.move(
        "customer",
        agreement.accept,
        log=[
            "credited Acceptance: payee 962.97, fee 24.69, payer 0.00",
            "Delivered → Settled",
            *to_maker("962.97"),
            *to_fees("30.86"),
        ],
    )


async def test_order_without_advance_and_fee_is_all_the_payees(world: World) -> None:
    order = await begin(world, milestones=pack_milestones(LANES[1:5]), cancel_until=0, fee_bps=0)
    await order.compare()
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    await order.move(
        "customer",
        agreement.accept,
        log=[
            "credited Acceptance: payee 1234.57, fee 0.00, payer 0.00",
            "Delivered → Settled",
            *to_maker("1234.57"),
        ],
    )


@pytest.mark.parametrize(
    ("late_s", "penalty", "net", "fee"),
    [
        (0, "0.00", "914.83", "23.45"),
        (1, "12.34", "902.80", "23.14"),
        (DAY, "12.34", "902.80", "23.14"),
        (DAY + 1, "24.69", "890.76", "22.83"),
        (4 * DAY, "49.38", "866.68", "22.22"),
        (5 * DAY, "61.72", "854.65", "21.91"),
        (5 * DAY + 1, "61.72", "854.65", "21.91"),
        (14 * DAY, "61.72", "854.65", "21.91"),
    ],
)
async def test_every_started_day_costs_one_percent_up_to_five(
    world: World, late_s: int, penalty: str, net: str, fee: str
) -> None:
    order = await begin(world)
    order.until(order.terms.deliver_by + late_s)
    consent = await order.says("carrier", What.DELIVERED)
    lines = [f"delivered 0 s ago, penalty {penalty}", "Open → Delivered"]
    await order.move("relayer", agreement.delivered_by_carrier, consent, log=lines)
    refused = to_customer(penalty) if late_s else []
    lines = [f"credited Acceptance: payee {net}, fee {fee}, payer {penalty}", "Delivered → Retained"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker(net), *refused])


async def test_delivery_ends_with_its_last_second(world: World) -> None:
    order = await begin(world)
    order.until(order.last + 1)
    await order.refuses("stranger", agreement.delivered_by_secret, SECRET, because="TooLate", closedAt=order.last)
    await order.refuses("carrier", agreement.delivered_by_carrier, because="TooLate", closedAt=order.last)


# 30 % advance are 370.37, and 65 % that the payer approves are 802.47: 61.73 are left.
SHORT = (Milestone(3_000, 1), Milestone(6_500, 700, Witnessed.PAYER), Milestone(400, 2))


@pytest.mark.parametrize(
    ("bps", "penalty", "logged", "kept"),
    [
        # The penalty comes before the retention, which has what is left of its 49.38.
        (400, "49.38", "49.38", "12.35"),
        # Everything that is left, though the lateness would cost more.
        (9_000, "61.73", "1111.11", None),
    ],
)
async def test_penalty_comes_before_the_retention_and_takes_no_more_than_is_left(
    world: World, bps: int, penalty: str, logged: str, kept: str | None
) -> None:
    lanes = pack_milestones(SHORT)
    order = await begin(
        world, milestones=lanes, penalty_bps_per_day=bps, penalty_cap_bps=bps, cancel_until=255, retention_window=DAY
    )
    # 2.5 % of 802.47 are 20.06.
    approved = ["credited Approval 1: payee 782.41, fee 20.06, payer 0.00", *to_maker("782.41")]
    await order.move("customer", agreement.approve, 1, log=approved)
    order.until(order.terms.deliver_by + 1)
    lines = [f"delivered 0 s ago, penalty {logged}", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=lines)
    credited = f"credited Acceptance: payee 0.00, fee 0.00, payer {penalty}"
    # Fee of the advance: 9.25.
    if kept is None:
        end = [credited, "Delivered → Settled", *to_customer(penalty), *to_fees("29.31")]
        await order.move("customer", agreement.accept, log=end)
        return
    await order.move("customer", agreement.accept, log=[credited, "Delivered → Retained", *to_customer(penalty)])
    order.until(order.ledger.delivered_at + DAY + 1)
    await order.move(
        "stranger",
        agreement.release,
        log=[
            "credited Retention: payee 12.05, fee 0.30, payer 0.00",
            "Retained → Settled",
            *to_maker("12.05"),
            *to_fees("29.61"),
        ],
    )


async def test_retention_of_nothing_ends_the_order_at_acceptance(world: World) -> None:
    lanes = pack_milestones([*LANES[:5], Milestone(0, 2)])
    order = await begin(world, milestones=lanes)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    lines = ["credited Acceptance: payee 962.97, fee 24.69, payer 0.00", "Delivered → Settled"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker("962.97"), *to_fees("30.86")])


async def test_claims_pending_at_the_acceptance_are_part_of_it(world: World) -> None:
    order = await begin(world)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    approved = ["credited Approval 3: payee 60.18, fee 1.54, payer 0.00", *to_maker("60.18")]
    await order.move("customer", agreement.approve, SHIPPING, log=approved)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    # 938.28 less 61.72 are 876.56, 21.91 of them fee.
    lines = ["credited Acceptance: payee 854.65, fee 21.91, payer 0.00", "Delivered → Retained"]
    await order.move("customer", agreement.accept, log=[*lines, *to_maker("854.65")])
    # Its window passes while the retention is kept, and nothing is paid twice.
    order.until(order.now + 1_000)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")
    order.until(order.ledger.delivered_at + 2 * DAY + 1)
    lines = ["credited Retention: payee 48.15, fee 1.23, payer 0.00", "Retained → Settled"]
    await order.move("stranger", agreement.release, log=[*lines, *to_maker("48.15"), *to_fees("30.85")])


async def test_claims_mature_at_the_acceptance_are_paid_as_claims(world: World) -> None:
    order = await begin(world)
    proof = await order.proof(MACHINE, "attestor")
    await order.move("stranger", agreement.claim, MACHINE, proof, log=["claimed 1, paid after 600 s, 7777"])
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    order.until(order.ledger.delivered_at + 3_601)
    # 938.28 less 123.45 are 814.83, 20.37 of them fee.
    lines = [
        "credited Claim 1: payee 120.37, fee 3.08, payer 0.00",
        "credited Acceptance: payee 794.46, fee 20.37, payer 0.00",
        "Delivered → Retained",
        *to_maker("914.83"),
    ]
    await order.move("stranger", agreement.finalise, log=lines)


async def test_handover_is_proved_by_the_secret_or_the_carrier_alone(world: World) -> None:
    order = await begin(world)
    carrier = order.terms.carrier
    for secret in (ZERO_WORD, SECRET[::-1]):
        await order.refuses("customer", agreement.delivered_by_secret, secret, because="WrongSecret")
    for who in ("customer", "maker", "arbiter", "witness", "attestor", "relayer"):
        await order.refuses(who, agreement.delivered_by_carrier, because="Unauthorised", party=carrier)
        foreign = await order.says(who, What.DELIVERED)
        await order.refuses("relayer", agreement.delivered_by_carrier, foreign, because="Unauthorised", party=carrier)
    other = await order.says("carrier", What.ACCEPT)
    await order.refuses("relayer", agreement.delivered_by_carrier, other, because="Unauthorised", party=carrier)
    await order.move("carrier", agreement.delivered_by_carrier, log=ON_TIME)
    await order.refuses("carrier", agreement.delivered_by_carrier, because="WrongState", current=1)
    await order.refuses("stranger", agreement.delivered_by_secret, SECRET, because="WrongState", current=1)


async def test_without_a_handover_hash_no_secret_delivers(world: World) -> None:
    order = await begin(world, handover=ZERO_WORD)
    for secret in (ZERO_WORD, SECRET):
        await order.refuses("stranger", agreement.delivered_by_secret, secret, because="WrongSecret")


async def test_only_the_payer_accepts_and_only_a_delivery(world: World) -> None:
    order = await begin(world)
    await order.refuses("customer", agreement.accept, because="WrongState", current=0)
    await order.refuses("stranger", agreement.finalise, because="WrongState", current=0)
    await order.refuses("stranger", agreement.release, because="WrongState", current=0)
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=ON_TIME)
    for who in ("maker", "arbiter", "carrier", "stranger"):
        await order.refuses(who, agreement.accept, because="Unauthorised", party=order.terms.payer)
    wrong = await order.says("customer", What.APPROVE)
    await order.refuses("relayer", agreement.accept, wrong, because="Unauthorised", party=order.terms.payer)
    await order.move("relayer", agreement.accept, await order.says("customer", What.ACCEPT), log=ACCEPTED)
