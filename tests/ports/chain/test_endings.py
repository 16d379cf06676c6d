"""Every way in which an agreement ends without a dispute, to the cent. `withdrawn` follows `credited` at once."""

from collections import Counter
from dataclasses import replace

import pytest

from marketplace.domain.agreement import NEVER, ActionKind, Agreement, Milestone, OnChain
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import Consent
from marketplace.ports.fakes.chain_ledger import START
from tests.ports.chain.acting import (
    FEES,
    FINISHED,
    INSPECTED,
    accept,
    act,
    claim,
    credited,
    dispute,
    events,
    hand_over_by,
    last,
    names,
    now,
    refused,
    split,
    state,
    withdrawn,
)
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import CENT, DAY, LANES, MACHINE, SECRET, TESTED, opened, proof_of, signed_delivery

REVOKE, CANCEL, CONTEST = ActionKind.REVOKE, ActionKind.CANCEL, ActionKind.CONTEST
RETENTION = (*LANES, Milestone(500, EventCode.RETAINED))


class TestDeliveries:
    async def test_delivered_by_the_recipients_secret_and_accepted(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await refused("WrongState", accept(harness, delivery))
        for wrong in ("0x" + "00" * 32, SECRET[:-2], SECRET + "00", "0x"):
            await refused("WrongSecret", harness.chain.delivered_by_secret("d", delivery, wrong))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        at = await now(harness)
        assert await last(harness, 2) == [("delivered", {"at": at, "penalty_minor": 0}), state(OnChain.DELIVERED)]
        await refused("WrongState", harness.chain.delivered_by_secret("d2", delivery, SECRET))
        await refused("Unauthorised", accept(harness, delivery, "maker"))
        await refused("SignatureExpired", accept(harness, delivery, deadline=START))
        await refused("TooEarly", harness.chain.finalise("f", delivery))
        await accept(harness, delivery)
        # 799.98 € are left, the fee in it 19.99 €; that of the advance was 4.99 €.
        assert await last(harness, 5) == [
            credited("payee", 77_999),
            credited("fee", 1_999),
            state(OnChain.SETTLED),
            withdrawn("payee", 77_999),
            withdrawn("fee", 499 + 1_999),
        ]
        assert await harness.balance_minor(FEES) == 499 + 1_999

    async def test_delivered_late_by_the_carrier_and_settled_by_time(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + DAY)
        await refused("Unauthorised", hand_over_by(harness, delivery, "maker"))
        await hand_over_by(harness, delivery)
        # One second into the second day counts two: 2 % of 999.97 €, below the cap of 2.5 %.
        at = await now(harness)
        assert (await last(harness, 2))[0] == ("delivered", {"at": at, "penalty_minor": 1_999})
        await harness.warp(at + delivery.terms.accept_window - 1)
        await refused("TooEarly", harness.chain.finalise("f", delivery))
        await harness.warp(at + delivery.terms.accept_window)
        await harness.chain.finalise("f", delivery)
        assert credited("payer", 1_999) in await last(harness, 7)
        assert (await last(harness, 2))[0] == withdrawn("payer", 1_999)
        found = [event.fields["amount_minor"] for event in await events(harness) if event.name == "credited"]
        assert sum(found) == 99_997

    @pytest.mark.parametrize(
        ("after", "penalty"), [(0, 0), (1, 999), (DAY, 999), (DAY + 1, 1_999), (2 * DAY + 1, 2_499)]
    )
    async def test_lateness_counts_started_days_up_to_its_cap(self, harness: Harness, after: int, penalty: int) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + after - 1)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        assert (await last(harness, 2))[0][1]["penalty_minor"] == penalty

    async def test_a_penalty_is_never_more_than_what_is_left(self, harness: Harness) -> None:
        lanes = (Milestone(2_000, EventCode.OPENED), Milestone(8_000, INSPECTED, LANES[2].who))
        delivery = await opened(harness, milestones=lanes, cancel_until=NEVER)
        await act(harness, "customer", delivery, ActionKind.APPROVE, 1)
        await harness.warp(delivery.terms.deliver_by + DAY)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        assert (await last(harness, 2))[0][1]["penalty_minor"] == 1_999
        # 20 % and 80 % of 999.97 € leave one cent of dust.
        await accept(harness, delivery)
        assert (await last(harness, 4))[:3] == [credited("payer", 1), state(OnChain.SETTLED), withdrawn("payer", 1)]

    async def test_the_last_second_of_a_delivery_counts(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace - 1)
        await hand_over_by(harness, delivery)
        assert await now(harness) == delivery.terms.deliver_by + delivery.terms.grace


class TestRetention:
    async def test_the_retention_share_stays_behind_until_its_window_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness, milestones=RETENTION, retention_window=2 * DAY)
        await refused("WrongState", harness.chain.release("r", delivery))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        at = await now(harness)
        await accept(harness, delivery)
        # 5 % of 999.97 € is 49.99 €: 749.99 € are paid.
        assert await last(harness, 4) == [
            credited("payee", 73_125),
            credited("fee", 1_874),
            state(OnChain.RETAINED),
            withdrawn("payee", 73_125),
        ]
        await refused("WrongState", accept(harness, delivery))
        await harness.warp(at + 2 * DAY - 1)
        await refused("TooEarly", harness.chain.release("r", delivery))
        await harness.warp(at + 2 * DAY)
        await harness.chain.release("r", delivery)
        assert await last(harness, 5) == [
            credited("payee", 4_875),
            credited("fee", 124),
            state(OnChain.SETTLED),
            withdrawn("payee", 4_875),
            withdrawn("fee", 499 + 1_874 + 124),
        ]
        await refused("WrongState", harness.chain.release("r2", delivery))

    async def test_where_nothing_is_left_to_retain_it_is_settled_at_once(self, harness: Harness) -> None:
        lanes = (Milestone(9_000, INSPECTED, LANES[2].who), Milestone(1_000, EventCode.RETAINED))
        late = {"penalty_bps_per_day": 1_001, "penalty_cap_bps": 1_001}
        delivery = await opened(harness, milestones=lanes, retention_window=DAY, cancel_until=NEVER, **late)
        await act(harness, "customer", delivery, ActionKind.APPROVE, 0)
        await harness.warp(delivery.terms.deliver_by + 1)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await accept(harness, delivery)
        assert state(OnChain.SETTLED) in await last(harness, 4)


class TestRefunds:
    async def test_undelivered_money_goes_back_when_date_and_grace_are_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        end = delivery.terms.deliver_by + delivery.terms.grace
        await harness.warp(end - 1)
        await refused("TooEarly", harness.chain.refund("r", delivery))
        await harness.warp(end)
        await refused("TooLate", harness.chain.delivered_by_secret("d", delivery, SECRET))
        await refused("TooLate", hand_over_by(harness, delivery))
        await harness.chain.refund("r", delivery)
        # The mature claim is paid first, the rest goes back.
        rest = 99_997 - 19_999 - 9_999
        assert await last(harness, 8) == [
            ("paid_milestone", {"milestone": MACHINE}),
            credited("payee", 9_750),
            credited("fee", 249),
            credited("payer", rest),
            state(OnChain.REFUNDED),
            withdrawn("payee", 9_750),
            withdrawn("payer", rest),
            withdrawn("fee", 499 + 249),
        ]
        await refused("WrongState", harness.chain.refund("r2", delivery))
        assert await harness.balance_minor("customer") == 1_000_000 - 19_999 - 9_999

    async def test_the_payee_gives_up_and_keeps_what_has_matured(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 600)
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        await refused("Unauthorised", act(harness, "customer", delivery, REVOKE))
        await act(harness, "maker", delivery, REVOKE)
        rest = 99_997 - 19_999 - 9_999
        assert await last(harness, 4) == [
            credited("payer", rest),
            state(OnChain.REFUNDED),
            withdrawn("payer", rest),
            withdrawn("fee", 499 + 249),
        ]
        await refused("WrongState", act(harness, "maker", delivery, REVOKE))

    async def test_nobody_gives_up_after_date_and_grace(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace)
        await refused("TooLate", act(harness, "maker", delivery, REVOKE))
        await refused("TooLate", act(harness, "customer", delivery, CANCEL, delivery.terms.amount))


class TestCancellations:
    async def test_the_payer_cancels_for_a_share_of_the_rest(self, harness: Harness) -> None:
        delivery = await opened(harness)
        everything = delivery.terms.amount
        await refused("Unauthorised", act(harness, "maker", delivery, CANCEL, everything))
        # 10 % of the 799.98 € that are left.
        costs = 19_999 + 7_999
        await refused("CostsMore", act(harness, "customer", delivery, CANCEL, costs * CENT - 1))
        await act(harness, "customer", delivery, CANCEL, costs * CENT)
        assert await last(harness, 7) == [
            credited("payee", 7_800),
            credited("fee", 199),
            credited("payer", 99_997 - costs),
            state(OnChain.REFUNDED),
            withdrawn("payee", 7_800),
            withdrawn("payer", 99_997 - costs),
            withdrawn("fee", 499 + 199),
        ]

    async def test_uncontested_claims_are_paid_and_contested_ones_are_rest(self, harness: Harness) -> None:
        delivery = await opened(harness, cancel_until=3)
        await claim(harness, delivery, MACHINE)
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        await act(harness, "customer", delivery, CONTEST, MACHINE)
        await act(harness, "customer", delivery, CANCEL, delivery.terms.amount)
        # The test house's 149.99 € are paid; of the other 649.99 € a tenth.
        assert [entry for entry in await last(harness, 10) if entry[0] in {"paid_milestone", "withdrawn"}] == [
            ("paid_milestone", {"milestone": TESTED}),
            withdrawn("payee", 14_999 - 374 + 6_499 - 162),
            withdrawn("payer", 99_997 - 19_999 - 14_999 - 6_499),
            withdrawn("fee", 499 + 374 + 162),
        ]

    @pytest.mark.parametrize("how", ["claimed", "contested", "approved"])
    async def test_a_claim_ends_the_right_for_good(self, harness: Harness, how: str) -> None:
        delivery = await opened(harness)
        if how == "approved":
            await act(harness, "customer", delivery, ActionKind.APPROVE, MACHINE)
        else:
            await claim(harness, delivery, MACHINE)
        if how == "contested":
            await act(harness, "customer", delivery, CONTEST, MACHINE)
        await refused("NotCancellable", act(harness, "customer", delivery, CANCEL, delivery.terms.amount))

    @pytest.mark.parametrize("until", [NEVER, 0])
    async def test_terms_may_give_no_such_right(self, harness: Harness, until: int) -> None:
        """Nor does the advance as limit: it is paid as the agreement opens."""
        delivery = await opened(harness, cancel_until=until)
        await refused("NotCancellable", act(harness, "customer", delivery, CANCEL, delivery.terms.amount))

    async def test_what_is_disputed_or_delivered_cannot_be_cancelled(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery)
        for who, action in (("customer", CANCEL), ("maker", REVOKE)):
            await refused("WrongState", act(harness, who, delivery, action, delivery.terms.amount))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        for who, action in (("customer", CANCEL), ("maker", REVOKE)):
            await refused("WrongState", act(harness, who, delivery, action, delivery.terms.amount))


class TestSplits:
    @pytest.mark.parametrize(("bps", "payee", "fee"), [(0, 0, 0), (5_000, 39_000, 999), (10_000, 77_999, 1_999)])
    async def test_both_divide_what_is_left(self, harness: Harness, bps: int, payee: int, fee: int) -> None:
        delivery = await opened(harness)
        await split(harness, delivery, bps)
        paid = [
            credited("payee", payee),
            credited("fee", fee),
            credited("payer", 79_998 - payee - fee),
            state(OnChain.RESOLVED),
            withdrawn("payee", payee),
            withdrawn("payer", 79_998 - payee - fee),
            withdrawn("fee", 499 + fee),
        ]
        wanted = [entry for entry in paid if entry[1].get("amount_minor") != 0]
        assert await last(harness, len(wanted)) == wanted
        await refused("WrongState", split(harness, delivery, bps))

    async def test_both_must_sign_the_same_share_of_this_agreement(self, harness: Harness) -> None:
        delivery = await opened(harness)
        for who in (("customer", "customer"), ("maker", "customer"), ("customer", "stranger"), ("arbiter", "maker")):
            await refused("Unauthorised", split(harness, delivery, 5_000, *who))
        await refused("Unauthorised", split(harness, delivery, 5_000, "customer", "maker", other=5_001))
        await refused("RateTooHigh", split(harness, delivery, 10_001))

    async def test_a_consent_to_split_has_an_end(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(START + 200 * DAY)
        await refused("SignatureExpired", split(harness, delivery, 5_000))

    @pytest.mark.parametrize("where", [OnChain.DELIVERED, OnChain.RETAINED, OnChain.DISPUTED])
    async def test_in_every_state_that_holds_money(self, harness: Harness, where: OnChain) -> None:
        delivery = await opened(harness, milestones=RETENTION, retention_window=DAY)
        if where is OnChain.DISPUTED:
            await dispute(harness, delivery)
        else:
            await harness.chain.delivered_by_secret("d", delivery, SECRET)
        if where is OnChain.RETAINED:
            await accept(harness, delivery)
        await split(harness, delivery, 0)
        left = 4_999 if where is OnChain.RETAINED else 79_998
        assert (await last(harness, 3))[:2] == [state(OnChain.RESOLVED), withdrawn("payer", left)]


class TestPayments:
    async def test_paying_out_nothing_is_harmless(self, harness: Harness) -> None:
        """Fees wait for the end, everything else was paid by the move that credited it."""
        delivery = await opened(harness)
        before = await harness.chain.head()
        for party in ("payer", "payee", "fee"):
            await harness.chain.pay_out(f"pay:{party}", delivery, party)
        assert Counter(await names(harness))["withdrawn"] == 1  # the advance
        await accept_at_once(harness, delivery)
        for party in ("payer", "payee", "fee"):
            await harness.chain.pay_out(f"pay again:{party}", delivery, party)
        assert Counter(await names(harness))["withdrawn"] == 3
        assert (await harness.chain.head()).number == before.number + 2
        assert await harness.balance_minor("relayer") == 0

    async def test_an_agreement_that_is_not_open_is_moved_by_nothing(self, harness: Harness) -> None:
        delivery = await signed_delivery(harness)
        proof = await proof_of(harness, delivery, FINISHED)
        chain = harness.chain
        for move in (
            chain.claim("k", delivery, MACHINE, [proof]),
            chain.delivered_by_secret("k", delivery, SECRET),
            hand_over_by(harness, delivery),
            split(harness, delivery, 0),
            chain.pay_out("k", delivery, "payee"),
            *(move("k", delivery) for move in (chain.finalise, chain.release, chain.refund, chain.timeout)),
            *(act(harness, "customer", delivery, action) for action in ActionKind if action is not ActionKind.NOVATE),
        ):
            await refused("NotOpened", move)

    async def test_a_novation_is_no_action_of_one_party(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await refused("NOVATE is not relayed", act(harness, "customer", delivery, ActionKind.NOVATE))

    async def test_a_signature_is_for_one_agreement_and_one_action(self, harness: Harness) -> None:
        delivery = await opened(harness)
        other = await _another(harness, delivery)
        foreign = await harness.chain.action_to_sign(other.id, ActionKind.CANCEL, START + 99 * DAY, 2**90)
        signature = await harness.sign("customer", foreign)
        consent = Consent(signature, START + 99 * DAY, 2**90)
        for action, given in (
            (CANCEL, consent),
            (ActionKind.DISPUTE, consent),
            (CANCEL, Consent("", START + 99 * DAY, 2**90)),
        ):
            await refused("Unauthorised", harness.chain.act("k", delivery, action, given))


async def accept_at_once(harness: Harness, delivery: Agreement) -> None:
    await harness.chain.delivered_by_secret("d", delivery, SECRET)
    await accept(harness, delivery)


async def _another(harness: Harness, like: Agreement) -> Agreement:
    terms = replace(like.terms, salt="0x" + "99" * 32)
    identity, address = await harness.chain.terms_id(terms)
    return replace(like, id=identity, address=address, terms=terms)
