"""Milestones are claimed by proof and paid by time."""

from collections import Counter
from dataclasses import replace

from marketplace.domain.agreement import NEVER, Milestone
from marketplace.domain.evidence import EventCode, Witness
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import FINISHED, INSPECTED, events, names, refused
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import MACHINE, SHIPPED, TESTED, opened, proof_of


class TestClaims:
    async def test_a_proved_milestone_is_paid_once_its_window_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.claim("claim", delivery, MACHINE, await proof_of(harness, delivery, FINISHED))
        head = await harness.chain.head()
        claimed = (await events(harness))[-1]
        assert (claimed.name, claimed.fields) == ("claimed", {"milestone": MACHINE, "matures_at": head.timestamp + 601})
        await harness.chain.pay_out("advance", delivery, "payee")
        await harness.chain.pay_out("early", delivery, "payee")
        assert Counter(await names(harness))["withdrawn"] == 1
        # The next block is stamped a second later: first in it is the last second of the window, then the next.
        await harness.warp(head.timestamp + 599)
        await harness.chain.pay_out("just early", delivery, "payee")
        await harness.warp(head.timestamp + 600)
        await harness.chain.pay_out("ripe", delivery, "payee")
        # 10 % of 999.97 € is 99.99 €, the fee in it 2.49 €.
        assert [(event.name, event.fields) for event in (await events(harness))[-4:]] == [
            ("paid_milestone", {"milestone": MACHINE}),
            ("credited", {"party": "payee", "amount_minor": 9_750}),
            ("credited", {"party": "fee", "amount_minor": 249}),
            ("withdrawn", {"party": "payee", "address": ADDRESS["maker"].lower(), "amount_minor": 9_750}),
        ]
        assert await harness.balance_minor("maker") == 1_000_000 + 19_500 + 9_750

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
            await refused(error, harness.chain.claim("claim", delivery, milestone, proof))
        assert "claimed" not in await names(harness)
        await harness.chain.claim("claim", delivery, MACHINE, good)
        await refused("AlreadyClaimed", harness.chain.claim("other", delivery, MACHINE, good))
        tested = await proof_of(harness, delivery, INSPECTED, "witness")
        await harness.chain.claim("claim 2", delivery, TESTED, tested)
        assert Counter(await names(harness))["claimed"] == 2

    async def test_two_witnesses_are_more_than_one_proof(self, harness: Harness) -> None:
        lanes = (Milestone(1_000, FINISHED, Witness.BOTH),)
        delivery = await opened(harness, milestones=lanes, cancel_until=NEVER)
        proof = await proof_of(harness, delivery, FINISHED)
        await refused("WrongEvidenceCount", harness.chain.claim("claim", delivery, 0, proof))

    async def test_a_claim_after_date_and_grace_is_too_late(self, harness: Harness) -> None:
        delivery = await opened(harness)
        proof = await proof_of(harness, delivery, FINISHED)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace)
        await refused("TooLate", harness.chain.claim("claim", delivery, MACHINE, proof))
