"""Milestones are claimed by proof, contested or approved by the payer, and paid by time."""

from collections import Counter
from dataclasses import replace

from marketplace.domain.agreement import NEVER, ActionKind, Milestone
from marketplace.domain.evidence import EventCode, Witness
from tests.ports.chain.acting import (
    FINISHED,
    INSPECTED,
    accept,
    act,
    claim,
    credited,
    dispute,
    events,
    last,
    names,
    now,
    refused,
    split,
    withdrawn,
)
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import DAY, MACHINE, SECRET, SHIPPED, TESTED, opened, proof_of

CONTEST, APPROVE = ActionKind.CONTEST, ActionKind.APPROVE
PAID = [
    ("paid_milestone", {"milestone": MACHINE}),
    # 10 % of 999.97 € is 99.99 €, the fee in it 2.49 €.
    credited("payee", 9_750),
    credited("fee", 249),
]
TO_MAKER = withdrawn("payee", 9_750)


class TestClaims:
    async def test_a_proved_milestone_is_paid_once_its_window_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        at = await now(harness)
        assert await last(harness, 1) == [("claimed", {"milestone": MACHINE, "matures_at": at + 601})]
        # The next block is stamped a second later: first in it is the last second of the window, then the next.
        for stamp, paid in ((at, False), (at + 599, False), (at + 600, True)):
            await harness.warp(stamp)
            await harness.chain.pay_out(f"at {stamp}", delivery, "payee")
            assert ((await last(harness, 4)) == [*PAID, TO_MAKER]) is paid
        assert await harness.balance_minor("maker") == 1_000_000 + 19_500 + 9_750

    async def test_every_move_pays_what_has_matured(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 700)
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        at = await now(harness)
        assert await last(harness, 5) == [
            *PAID,
            ("claimed", {"milestone": TESTED, "matures_at": at + 601}),
            TO_MAKER,
        ]

    async def test_only_the_named_witness_proves_this_agreements_event(self, harness: Harness) -> None:
        delivery = await opened(harness)
        good = await proof_of(harness, delivery, FINISHED)
        foreign_id = await proof_of(harness, delivery, FINISHED, id="0x" + "99" * 32)
        foreign_spec = await proof_of(harness, delivery, FINISHED, spec="0x" + "99" * 32)
        failed = await proof_of(harness, delivery, EventCode.PRODUCTION_FAILED)
        stranger = await proof_of(harness, delivery, FINISHED, "stranger")
        elsewhere = replace(good, root="0x" + "99" * 32)
        reordered = replace(good, sequence=5)
        cases = [
            ("NotIncluded", MACHINE, foreign_id),
            ("NotIncluded", MACHINE, foreign_spec),
            ("NotIncluded", MACHINE, failed),
            ("NotIncluded", MACHINE, elsewhere),
            ("NotIncluded", TESTED, good),
            ("RootNotSigned", MACHINE, stranger),
            ("RootNotSigned", MACHINE, reordered),
            ("RootNotSigned", TESTED, await proof_of(harness, delivery, INSPECTED)),
            ("WrongMilestone", 0, good),
            ("WrongMilestone", SHIPPED, good),
            ("WrongMilestone", 7, good),
            ("WrongMilestone", 8, good),
        ]
        for error, milestone, proof in cases:
            await refused(error, harness.chain.claim("claim", delivery, milestone, [proof]))
        assert "claimed" not in await names(harness)
        await harness.chain.claim("claim", delivery, MACHINE, [good])
        await refused("AlreadyClaimed", harness.chain.claim("other", delivery, MACHINE, [good]))
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        assert Counter(await names(harness))["claimed"] == 2

    async def test_where_both_sign_both_proofs_are_asked_for_in_their_order(self, harness: Harness) -> None:
        lanes = (Milestone(1_000, FINISHED, Witness.BOTH),)
        delivery = await opened(harness, milestones=lanes, cancel_until=NEVER)
        makers = await proof_of(harness, delivery, FINISHED)
        witness = await proof_of(harness, delivery, FINISHED, "witness")
        foreign = await proof_of(harness, delivery, FINISHED, "witness", id="0x" + "99" * 32)
        for error, proofs in (
            ("WrongEvidenceCount", [makers]),
            ("WrongEvidenceCount", [makers, witness, witness]),
            ("WrongEvidenceCount", []),
            ("RootNotSigned", [witness, makers]),
            ("RootNotSigned", [makers, makers]),
            ("NotIncluded", [makers, foreign]),
        ):
            await refused(error, harness.chain.claim("claim", delivery, 0, proofs))
        await claim(harness, delivery, 0, FINISHED, "attestor", "witness")
        assert (await names(harness))[-1] == "claimed"

    async def test_nothing_is_claimed_after_date_and_grace_or_in_another_state(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery)
        await refused("WrongState", claim(harness, delivery, MACHINE))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await refused("WrongState", claim(harness, delivery, MACHINE))

    async def test_a_claim_after_date_and_grace_is_too_late(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace - 1)
        await claim(harness, delivery, MACHINE)
        await refused("TooLate", claim(harness, delivery, TESTED, INSPECTED, "witness"))

    async def test_a_claim_counts_before_the_delivery_only_if_its_window_ends_in_time(self, harness: Harness) -> None:
        """Clocks decide, not races: the window of the first ends in the last second, that of the other after it."""
        delivery = await opened(harness)
        end = delivery.terms.deliver_by + delivery.terms.grace
        await harness.warp(end - 600 - 1)
        await claim(harness, delivery, MACHINE)
        assert await now(harness) == end - 600
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        await harness.warp(end + DAY)
        await harness.chain.refund("r", delivery)
        assert [fields["milestone"] for name, fields in await last(harness, 8) if name == "paid_milestone"] == [MACHINE]

    async def test_a_handover_saves_a_claim_whose_window_ends_later(self, harness: Harness) -> None:
        delivery = await opened(harness)
        end = delivery.terms.deliver_by + delivery.terms.grace
        await harness.warp(end - 10)
        await claim(harness, delivery, MACHINE)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await harness.warp(end + 700)
        await harness.chain.pay_out("p", delivery, "payee")
        assert await last(harness, 4) == [*PAID, TO_MAKER]


class TestContests:
    async def test_a_contested_share_stays_with_the_rest_for_good(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await refused("Unauthorised", act(harness, "maker", delivery, CONTEST, MACHINE))
        await act(harness, "customer", delivery, CONTEST, MACHINE)
        assert await last(harness, 1) == [("contested", {"milestone": MACHINE})]
        await refused("NothingToContest", act(harness, "customer", delivery, CONTEST, MACHINE))
        await refused("AlreadyClaimed", claim(harness, delivery, MACHINE, FINISHED))
        await harness.warp(await now(harness) + DAY)
        await harness.chain.pay_out("p", delivery, "payee")
        assert (await names(harness))[-1] == "contested"
        # With the delivery it is paid all the same: it never left the price.
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await accept(harness, delivery)
        paid = sum(fields["amount_minor"] for name, fields in await last(harness, 99) if name == "credited")
        assert paid == 99_997

    async def test_what_was_not_claimed_or_is_paid_cannot_be_contested(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await refused("NothingToContest", act(harness, "customer", delivery, CONTEST, MACHINE))
        for reserved_or_none in (0, 7, 8):
            await refused("WrongMilestone", act(harness, "customer", delivery, CONTEST, reserved_or_none))
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 600)
        await refused("NothingToContest", act(harness, "customer", delivery, CONTEST, MACHINE))

    async def test_the_last_second_of_the_window_counts(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 599)
        await act(harness, "customer", delivery, CONTEST, MACHINE)

    async def test_a_claim_that_can_no_longer_mature_is_not_contested_for_ever(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace - 10)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 600)
        await refused("TooLate", act(harness, "customer", delivery, CONTEST, MACHINE))

    async def test_a_handover_does_not_cut_the_payers_window(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await act(harness, "customer", delivery, CONTEST, MACHINE)
        await accept(harness, delivery)
        await refused("WrongState", act(harness, "customer", delivery, CONTEST, MACHINE))

    async def test_a_consent_names_its_milestone_and_ends(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        typed = await harness.chain.action_to_sign(delivery.id, CONTEST, await now(harness) + 99, TESTED)
        assert typed["message"]["data"] == "0x" + "00" * 31 + "02"
        await refused("SignatureExpired", act(harness, "customer", delivery, CONTEST, MACHINE, deadline=1))


class TestApprovals:
    async def test_the_payer_releases_what_is_proved_contested_or_neither(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await act(harness, "customer", delivery, CONTEST, MACHINE)
        await refused("Unauthorised", act(harness, "maker", delivery, APPROVE, MACHINE))
        await act(harness, "customer", delivery, APPROVE, MACHINE)
        assert await last(harness, 4) == [*PAID, TO_MAKER]
        await act(harness, "customer", delivery, APPROVE, SHIPPED)
        await refused("AlreadyClaimed", act(harness, "customer", delivery, APPROVE, SHIPPED))
        await refused("AlreadyClaimed", claim(harness, delivery, MACHINE))
        for reserved_or_none in (0, 7, 8):
            await refused("WrongMilestone", act(harness, "customer", delivery, APPROVE, reserved_or_none))
        # 5 % of 999.97 € is 49.99 €, the fee in it 1.24 €.
        assert await harness.balance_minor("maker") == 1_000_000 + 19_500 + 9_750 + 4_875

    async def test_nothing_is_approved_in_another_state_or_too_late(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace)
        await refused("TooLate", act(harness, "customer", delivery, APPROVE, SHIPPED))
        await split(harness, delivery, 0)
        await refused("WrongState", act(harness, "customer", delivery, APPROVE, SHIPPED))
        assert (await events(harness))[-1].name == "withdrawn"
