"""Every way in which an agreement ends, to the cent."""

from collections import Counter

import pytest

from marketplace.domain.agreement import ActionKind, Milestone, OnChain
from marketplace.domain.evidence import EventCode
from marketplace.ports.fakes.chain_ledger import START
from tests.ports.chain.acting import FEES, FINISHED, accept, events, hand_over_by, names, refused
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import DAY, LANES, MACHINE, SECRET, opened, proof_of, signed_delivery


class TestEndings:
    async def test_delivered_by_the_recipients_secret_and_accepted(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await refused("WrongState", accept(harness, delivery))
        for wrong in ("0x" + "00" * 32, SECRET[:-2], SECRET + "00", "0x"):
            await refused("WrongSecret", harness.chain.delivered_by_secret("d", delivery, wrong))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        head = await harness.chain.head()
        assert [(event.name, event.fields) for event in (await events(harness))[-2:]] == [
            ("delivered", {"at": head.timestamp, "penalty_minor": 0}),
            ("state", {"state": OnChain.DELIVERED}),
        ]
        await refused("WrongState", harness.chain.delivered_by_secret("d2", delivery, SECRET))
        await refused("Unauthorised", accept(harness, delivery, "maker"))
        await refused("SignatureExpired", accept(harness, delivery, deadline=START))
        await refused("TooEarly", harness.chain.finalise("f", delivery))
        await accept(harness, delivery)
        found = await events(harness)
        assert [event.name for event in found[-3:]] == ["credited", "credited", "state"]
        assert found[-1].fields == {"state": OnChain.SETTLED}
        for party in ("payee", "payer", "fee"):
            await harness.chain.pay_out(f"pay:{party}", delivery, party)
        assert await harness.balance_minor(FEES) == 499 + 1_999

    async def test_delivered_late_by_the_carrier_and_settled_by_time(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + DAY)
        await refused("Unauthorised", hand_over_by(harness, delivery, "maker"))
        await hand_over_by(harness, delivery)
        # One second into the second day counts two: 2 % of 999.97 €, below the cap of 2.5 %.
        head = await harness.chain.head()
        delivered = (await events(harness))[-2]
        assert delivered.fields == {"at": head.timestamp, "penalty_minor": 1_999}
        await harness.warp(head.timestamp + delivery.terms.accept_window - 1)
        await refused("TooEarly", harness.chain.finalise("f", delivery))
        await harness.warp(head.timestamp + delivery.terms.accept_window)
        await harness.chain.finalise("f", delivery)
        credited = [event.fields for event in await events(harness) if event.name == "credited"]
        assert {"party": "payer", "amount_minor": 1_999} in credited
        assert sum(fields["amount_minor"] for fields in credited) == 99_997

    async def test_undelivered_money_goes_back_when_date_and_grace_are_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.claim("claim", delivery, MACHINE, await proof_of(harness, delivery, FINISHED))
        last = delivery.terms.deliver_by + delivery.terms.grace
        await harness.warp(last - 1)
        await refused("TooEarly", harness.chain.refund("r", delivery))
        await harness.warp(last)
        await refused("TooLate", harness.chain.delivered_by_secret("d", delivery, SECRET))
        await harness.chain.refund("r", delivery)
        found = await events(harness)
        # The mature claim is paid first, the rest goes back.
        assert [event.name for event in found[-5:]] == [
            *("paid_milestone", "credited", "credited"),
            *("credited", "state"),
        ]
        assert found[-2].fields == {"party": "payer", "amount_minor": 99_997 - 19_999 - 9_999}
        assert found[-1].fields == {"state": OnChain.REFUNDED}
        await refused("WrongState", harness.chain.refund("r2", delivery))
        await harness.chain.pay_out("pay", delivery, "payer")
        assert await harness.balance_minor("customer") == 1_000_000 - 19_999 - 9_999

    async def test_the_retention_share_stays_behind(self, harness: Harness) -> None:
        lanes = (*LANES, Milestone(500, EventCode.RETAINED))
        delivery = await opened(harness, milestones=lanes, retention_window=DAY)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await accept(harness, delivery)
        found = await events(harness)
        assert found[-1].fields == {"state": OnChain.RETAINED}
        credited = sum(event.fields["amount_minor"] for event in found if event.name == "credited")
        assert credited == 99_997 - 4_999

    async def test_paying_out_nothing_is_harmless_and_reaches_only_the_party(self, harness: Harness) -> None:
        delivery = await opened(harness)
        before = await harness.chain.head()
        for party in ("payer", "payer", "fee", "fee"):
            await harness.chain.pay_out(f"pay:{party}:{before.number}", delivery, party)
            before = await harness.chain.head()
        assert Counter(await names(harness))["withdrawn"] == 1
        assert await harness.balance_minor(FEES) == 499
        assert await harness.balance_minor("relayer") == 0

    async def test_an_agreement_that_is_not_open_is_moved_by_nothing(self, harness: Harness) -> None:
        delivery = await signed_delivery(harness)
        proof = await proof_of(harness, delivery, FINISHED)
        for move in (
            harness.chain.claim("k", delivery, MACHINE, proof),
            harness.chain.delivered_by_secret("k", delivery, SECRET),
            hand_over_by(harness, delivery),
            harness.chain.finalise("k", delivery),
            harness.chain.refund("k", delivery),
            harness.chain.pay_out("k", delivery, "payee"),
        ):
            await refused("NotOpened", move)

    @pytest.mark.parametrize("action", [ActionKind.CONTEST, ActionKind.APPROVE, ActionKind.CANCEL, ActionKind.DISPUTE])
    async def test_actions_that_nobody_relays_yet_are_refused(self, harness: Harness, action: ActionKind) -> None:
        delivery = await opened(harness)
        deadline = START + DAY
        signature = await harness.sign("customer", await harness.chain.action_to_sign(delivery.id, action, deadline))
        await refused(f"{action.name} is not relayed", harness.chain.act("k", delivery, action, signature, deadline))
