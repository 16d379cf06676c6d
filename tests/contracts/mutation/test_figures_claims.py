"""Claims, contests and approvals, to the cent and to the second. `ORDER` of `scene` says what each lane is worth."""

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party
from contracts.terms import Milestone, What, Witnessed, pack_milestones
from tests.contracts.mutation.scene import (
    ADVANCE,
    GOODS_IN,
    INSPECTION,
    MACHINE,
    RETENTION,
    SHIPPING,
    begin,
    taken,
    to_customer,
    to_fees,
    to_maker,
)
from tests.contracts.world import SECRET, World

CLAIMED = "claimed {}, paid after 600 s, 7777"
MACHINE_PAID = ["credited Claim 1: payee 120.37, fee 3.08, payer 0.00"]


async def test_fresh_order_has_paid_its_advance_and_owes_nobody_anything(world: World) -> None:
    order = await begin(world)
    await order.compare()
    for party in Party:
        await order.refuses("stranger", agreement.withdraw, party, because="NothingDue", party=party)


async def test_claim_is_paid_in_the_first_second_after_its_window_and_once(world: World) -> None:
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    claimed = order.now
    order.until(claimed + 600)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue", party=Party.PAYEE)
    order.until(claimed + 601)
    await order.refuses("customer", agreement.contest, MACHINE, because="NothingToContest", milestone=MACHINE)
    paid = [
        *MACHINE_PAID,
        *taken("120.37"),
    ]
    # What matured is the payee's, whoever asks for a due of somebody else's.
    for party in (Party.PAYER, Party.FEE_RECEIVER):
        await order.refuses("stranger", agreement.withdraw, party, because="NothingDue", party=party)
    await order.move("stranger", agreement.withdraw, Party.PAYEE, log=paid)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")
    again = await order.proof(MACHINE, "attestor")
    await order.refuses("stranger", agreement.claim, MACHINE, again, because="AlreadyClaimed", milestone=MACHINE)
    await order.refuses("customer", agreement.approve, MACHINE, because="AlreadyClaimed", milestone=MACHINE)
    await order.refuses("customer", agreement.contest, MACHINE, because="NothingToContest", milestone=MACHINE)


async def test_every_lane_is_worth_its_share_and_matures_on_its_own(world: World) -> None:
    order = await begin(world)
    start = order.now + 10
    for seconds, lane, signers in (
        (0, GOODS_IN, ["witness"]),
        (100, MACHINE, ["attestor"]),
        (200, INSPECTION, ["attestor", "witness"]),
    ):
        order.until(start + seconds)
        await order.move(
            "stranger", agreement.claim, lane, await order.proof(lane, *signers), log=[CLAIMED.format(lane)]
        )
    # 601 seconds behind the first claim and not yet behind the others.
    order.until(start + 601)
    await order.move(
        "customer",
        agreement.approve,
        SHIPPING,
        log=[
            "credited Claim 4: payee 84.25, fee 2.16, payer 0.00",
            "credited Approval 3: payee 60.18, fee 1.54, payer 0.00",
            *to_maker("144.43"),
        ],
    )
    # The last window ends with this second: two claims are past theirs.
    order.until(start + 800)
    await order.move(
        "stranger",
        agreement.withdraw,
        Party.PAYEE,
        log=[
            *MACHINE_PAID,
            *taken("120.37"),
        ],
    )
    order.until(start + 801)
    await order.move(
        "stranger",
        agreement.delivered_by_secret,
        SECRET,
        log=[
            "credited Claim 2: payee 180.56, fee 4.62, payer 0.00",
            "delivered 0 s ago, penalty 0.00",
            "Open → Delivered",
            *to_maker("180.56"),
        ],
    )
    # 987.66 less 86.41, 61.72, 123.45 and 185.18 are 530.90; less 49.38 of retention 481.52 are earned.
    await order.move(
        "customer",
        agreement.accept,
        log=[
            "credited Acceptance: payee 469.49, fee 12.03, payer 0.00",
            "Delivered → Retained",
            *to_maker("469.49"),
        ],
    )


async def test_claim_by_way_of_another_claim(world: World) -> None:
    """Every move pays what has matured, a claim or a contest of another lane too."""
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    order.until(order.now + 601)
    paid = [
        *to_maker("120.37"),
    ]
    await order.move(
        "stranger",
        agreement.claim,
        GOODS_IN,
        await order.proof(GOODS_IN, "witness"),
        log=[*MACHINE_PAID, CLAIMED.format(4), *paid],
    )
    order.until(order.now + 600)
    await order.move("customer", agreement.contest, GOODS_IN, log=["contested 4"])


async def test_contest_in_the_last_second_of_the_window_keeps_the_share(world: World) -> None:
    order = await begin(world)
    await order.refuses("customer", agreement.contest, MACHINE, because="NothingToContest", milestone=MACHINE)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    order.until(order.now + 600)
    await order.move("customer", agreement.contest, MACHINE, log=["contested 1"])
    await order.refuses("customer", agreement.contest, MACHINE, because="NothingToContest", milestone=MACHINE)
    again = await order.proof(MACHINE, "attestor")
    await order.refuses("stranger", agreement.claim, MACHINE, again, because="AlreadyClaimed", milestone=MACHINE)
    order.until(order.now + 1_000)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")
    await order.move(
        "customer",
        agreement.approve,
        MACHINE,
        log=[
            "credited Approval 1: payee 120.37, fee 3.08, payer 0.00",
            *to_maker("120.37"),
        ],
    )


async def test_approval_of_a_pending_claim_pays_it_once(world: World) -> None:
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    await order.move(
        "customer",
        agreement.approve,
        MACHINE,
        log=[
            "credited Approval 1: payee 120.37, fee 3.08, payer 0.00",
            *to_maker("120.37"),
        ],
    )
    await order.refuses("customer", agreement.contest, MACHINE, because="NothingToContest", milestone=MACHINE)
    order.until(order.now + 700)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")


async def test_neither_advance_nor_retention_nor_an_empty_lane_is_earned(world: World) -> None:
    order = await begin(world)
    for lane in (ADVANCE, RETENTION, 6, 7, 8, 2**255):
        await order.refuses("customer", agreement.approve, lane, because="WrongMilestone", milestone=lane)
        await order.refuses("customer", agreement.contest, lane, because="WrongMilestone", milestone=lane)
        proof = await order.proof(MACHINE, "attestor")
        await order.refuses("stranger", agreement.claim, lane, proof, because="WrongMilestone", milestone=lane)


async def test_last_lane_of_eight_is_a_lane_like_others(world: World) -> None:
    lanes = [Milestone(100, 600 + index, Witnessed.ATTESTOR) for index in range(8)]
    order = await begin(world, milestones=pack_milestones(lanes), cancel_until=7)
    await order.move("stranger", agreement.claim, 7, await order.proof(7, "attestor"), log=[CLAIMED.format(7)])
    await order.move("stranger", agreement.claim, 0, await order.proof(0, "attestor"), log=[CLAIMED.format(0)])
    await order.refuses("customer", agreement.cancel, 2**255, because="NotCancellable", cancelUntil=7)
    order.until(order.now + 601)
    # 1 % of 1,234.57 is 12.3457; 2.5 % of 12.34 is 0.3085.
    await order.move(
        "stranger",
        agreement.withdraw,
        Party.PAYEE,
        log=[
            "credited Claim 0: payee 12.04, fee 0.30, payer 0.00",
            "credited Claim 7: payee 12.04, fee 0.30, payer 0.00",
            *taken("24.08"),
        ],
    )
    await order.move(
        "customer",
        agreement.approve,
        6,
        log=[
            "credited Approval 6: payee 12.04, fee 0.30, payer 0.00",
            *to_maker("12.04"),
        ],
    )


async def test_claims_and_approvals_end_with_the_last_second_of_a_delivery(world: World) -> None:
    order = await begin(world)
    proof = await order.proof(MACHINE, "attestor")
    order.until(order.last)
    await order.move("stranger", agreement.claim, MACHINE, proof, log=[CLAIMED.format(1)])
    late = await begin(world, salt=b"\x02" * 32, fund_by=order.now + 5, deliver_by=order.now + 5, grace=10)
    late.until(late.last)
    await late.move(
        "customer",
        agreement.approve,
        SHIPPING,
        log=[
            "credited Approval 3: payee 60.18, fee 1.54, payer 0.00",
            *to_maker("60.18"),
        ],
    )
    late.until(late.last + 1)
    await late.refuses("customer", agreement.approve, MACHINE, because="TooLate", closedAt=late.last)
    proof = await late.proof(MACHINE, "attestor")
    await late.refuses("stranger", agreement.claim, MACHINE, proof, because="TooLate", closedAt=late.last)


@pytest.mark.parametrize(("early_s", "counts"), [(600, True), (599, False), (0, False)])
async def test_claim_counts_without_a_delivery_only_if_its_window_ends_in_time(
    world: World, early_s: int, counts: bool
) -> None:
    order = await begin(world)
    order.until(order.last - early_s)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    order.until(order.last + 5_000)
    if counts:
        log = [
            *MACHINE_PAID,
            "credited Refund: payee 0.00, fee 0.00, payer 864.21",
            "Open → Refunded",
            *to_maker("120.37"),
            *to_customer("864.21"),
            *to_fees("9.25"),
        ]
    else:
        # It can never mature any more: there is nothing left to contest either.
        await order.refuses("customer", agreement.contest, MACHINE, because="TooLate")
        log = [
            "credited Refund: payee 0.00, fee 0.00, payer 987.66",
            "Open → Refunded",
            *to_customer("987.66"),
            *to_fees("6.17"),
        ]
    await order.move("stranger", agreement.refund, log=log)


async def test_after_the_delivery_no_claim_lapses(world: World) -> None:
    order = await begin(world)
    order.until(order.last - 1)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    claimed = order.now
    await order.move(
        "stranger",
        agreement.delivered_by_secret,
        SECRET,
        log=["delivered 0 s ago, penalty 61.72", "Open → Delivered"],
    )
    await order.refuses("stranger", agreement.claim, GOODS_IN, [], because="WrongState", current=1)
    await order.refuses("customer", agreement.approve, GOODS_IN, because="WrongState", current=1)
    order.until(claimed + 601)
    await order.move(
        "stranger",
        agreement.withdraw,
        Party.PAYEE,
        log=[
            *MACHINE_PAID,
            *taken("120.37"),
        ],
    )


async def test_claim_in_the_second_of_the_last_delivery_is_paid_too(world: World) -> None:
    """The least that is kept of a claim: one second before the one after the last."""
    order = await begin(world)
    claim = agreement.claim(order.address, order.terms, MACHINE, await order.proof(MACHINE, "attestor"))
    order.until(order.last)
    await order.in_one_block(
        ("stranger", claim),
        ("carrier", agreement.delivered_by_carrier(order.address, order.terms)),
        log=[CLAIMED.format(1), "delivered 0 s ago, penalty 61.72", "Open → Delivered"],
    )
    order.until(order.last + 5_000)
    log = [*MACHINE_PAID, *taken("120.37")]
    await order.move("stranger", agreement.withdraw, Party.PAYEE, log=log)


async def test_claim_in_the_second_of_a_cancellation_is_paid_too(world: World) -> None:
    order = await begin(world)
    claim = agreement.claim(order.address, order.terms, MACHINE, await order.proof(MACHINE, "attestor"))
    order.until(order.last)
    await order.in_one_block(
        ("stranger", claim),
        ("customer", agreement.cancel(order.address, order.terms, 2**255)),
        # 987.66 less 123.45 are 864.21; a tenth of it 86.42, 2.16 of that fee.
        log=[
            CLAIMED.format(1),
            *MACHINE_PAID,
            "credited Cancellation: payee 84.26, fee 2.16, payer 777.79",
            "Open → Refunded",
            *to_maker("204.63"),
            *to_customer("777.79"),
            *to_fees("11.41"),
        ],
    )


async def test_contest_reaches_into_the_delivery(world: World) -> None:
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    claimed = order.now
    await order.move(
        "stranger", agreement.delivered_by_secret, SECRET, log=["delivered 0 s ago, penalty 0.00", "Open → Delivered"]
    )
    consent = await order.says("customer", What.CONTEST, MACHINE)
    order.until(claimed + 600)
    await order.move("relayer", agreement.contest, MACHINE, consent, log=["contested 1"])
    order.until(claimed + 700)
    await order.move(
        "customer",
        agreement.accept,
        log=[
            "credited Acceptance: payee 914.83, fee 23.45, payer 0.00",
            "Delivered → Retained",
            *to_maker("914.83"),
        ],
    )


@pytest.mark.parametrize("who", ["maker", "relayer", "attestor", "witness", "carrier", "arbiter", "fees", "stranger"])
async def test_only_the_payer_contests_and_approves(world: World, who: str) -> None:
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    payer = order.terms.payer
    await order.refuses(who, agreement.contest, MACHINE, because="Unauthorised", party=payer)
    await order.refuses(who, agreement.approve, MACHINE, because="Unauthorised", party=payer)
    for what, move in ((What.CONTEST, agreement.contest), (What.APPROVE, agreement.approve)):
        foreign = await order.says(who, what, MACHINE)
        await order.refuses("relayer", move, MACHINE, foreign, because="Unauthorised", party=payer)


async def test_consent_names_its_move_its_lane_and_its_last_second(world: World) -> None:
    order = await begin(world)
    await order.move(
        "stranger", agreement.claim, MACHINE, await order.proof(MACHINE, "attestor"), log=[CLAIMED.format(1)]
    )
    deadline = order.now + 100
    contest = await order.says("customer", What.CONTEST, MACHINE, deadline)
    approve = await order.says("customer", What.APPROVE, MACHINE, deadline)
    await order.refuses("relayer", agreement.approve, MACHINE, contest, because="Unauthorised")
    await order.refuses("relayer", agreement.contest, MACHINE, approve, because="Unauthorised")
    await order.refuses("relayer", agreement.approve, SHIPPING, approve, because="Unauthorised")
    order.until(deadline + 1)
    await order.refuses("relayer", agreement.contest, MACHINE, contest, because="SignatureExpired", deadline=deadline)
    later = await order.says("customer", What.CONTEST, MACHINE, deadline + 2)
    order.until(deadline + 2)
    await order.move("relayer", agreement.contest, MACHINE, later, log=["contested 1"])
