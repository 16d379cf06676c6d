"""What is disputed waits for the arbiter, and not for ever. `withdrawn` follows `credited` at once."""

from typing import Any

import pytest

from marketplace.domain.agreement import ZERO_ADDRESS, ActionKind, Agreement, OnChain
from tests.ports.chain.acting import (
    FINISHED,
    INSPECTED,
    accept,
    act,
    claim,
    credited,
    dispute,
    hand_over_by,
    last,
    names,
    now,
    refused,
    resolve,
    state,
    withdrawn,
)
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import DAY, MACHINE, SECRET, TESTED, opened
from tests.ports.chain.test_endings import RETENTION

LEFT = 79_998


async def delivered(harness: Harness, **changes: Any) -> Agreement:
    delivery = await opened(harness, **changes)
    await harness.chain.delivered_by_secret("d", delivery, SECRET)
    return delivery


class TestDisputes:
    @pytest.mark.parametrize(("who", "by"), [("customer", "payer"), ("maker", "payee")])
    async def test_before_the_delivery_either_party_may(self, harness: Harness, who: str, by: str) -> None:
        delivery = await opened(harness)
        other = "maker" if who == "customer" else "customer"
        await refused("Unauthorised", dispute(harness, delivery, other, by))
        await dispute(harness, delivery, who, by)
        at = await now(harness)
        assert await last(harness, 2) == [
            ("disputed", {"by": who, "decide_by": at + DAY}),
            state(OnChain.DISPUTED),
        ]
        await refused("WrongState", dispute(harness, delivery, who, by))

    async def test_after_it_only_the_payer_and_within_the_acceptance_window(self, harness: Harness) -> None:
        delivery = await delivered(harness)
        at = await now(harness)
        await refused("Unauthorised", dispute(harness, delivery, "maker", "payee"))
        await harness.warp(at + delivery.terms.accept_window)
        await refused("TooLate", dispute(harness, delivery))
        await harness.chain.finalise("f", delivery)
        await refused("WrongState", dispute(harness, delivery))

    async def test_a_signature_disputes_the_state_that_it_names(self, harness: Harness) -> None:
        delivery = await opened(harness)
        for other in (OnChain.DELIVERED, OnChain.RETAINED):
            await refused("Unauthorised", dispute(harness, delivery, about=other))
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await refused("Unauthorised", dispute(harness, delivery, about=OnChain.OPEN))
        await dispute(harness, delivery)

    async def test_the_last_second_of_each_window_counts(self, harness: Harness) -> None:
        delivery = await delivered(harness, milestones=RETENTION, retention_window=3 * DAY)
        at = await now(harness)
        await harness.warp(at + delivery.terms.accept_window - 1)
        await dispute(harness, delivery)
        assert await now(harness) == at + delivery.terms.accept_window

    async def test_of_what_is_retained_until_its_window_is_over(self, harness: Harness) -> None:
        delivery = await delivered(harness, milestones=RETENTION, retention_window=3 * DAY)
        at = await now(harness)
        await accept(harness, delivery)
        await refused("Unauthorised", dispute(harness, delivery, "maker", "payee"))
        await harness.warp(at + 3 * DAY - 1)
        await dispute(harness, delivery)
        await refused("WrongState", harness.chain.release("r", delivery))
        await resolve(harness, delivery, 0)
        assert (await last(harness, 4))[:3] == [
            credited("payer", 4_999),
            state(OnChain.RESOLVED),
            withdrawn("payer", 4_999),
        ]

    async def test_a_retention_that_nobody_disputed_in_time(self, harness: Harness) -> None:
        delivery = await delivered(harness, milestones=RETENTION, retention_window=3 * DAY)
        at = await now(harness)
        await accept(harness, delivery)
        await harness.warp(at + 3 * DAY)
        await refused("TooLate", dispute(harness, delivery))

    async def test_nobody_disputes_an_undelivered_agreement_after_date_and_grace(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace)
        await refused("TooLate", dispute(harness, delivery))
        await refused("TooLate", dispute(harness, delivery, "maker", "payee"))

    async def test_mature_claims_are_paid_first_and_the_others_are_frozen(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 600)
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        await dispute(harness, delivery)
        await harness.warp(await now(harness) + 700)
        await harness.chain.pay_out("p", delivery, "payee")
        assert (await names(harness))[-2:] == ["disputed", "state"]
        await refused("WrongState", act(harness, "customer", delivery, ActionKind.CONTEST, TESTED))
        await refused("WrongState", act(harness, "customer", delivery, ActionKind.APPROVE, TESTED))
        await refused("WrongState", claim(harness, delivery, MACHINE, FINISHED))
        await resolve(harness, delivery, 10_000)
        assert (await last(harness, 2))[0] == withdrawn("payee", (LEFT - 9_999) - 1_749)


class TestDecisions:
    @pytest.mark.parametrize(("bps", "payee", "fee"), [(0, 0, 0), (3_333, 25_997, 666), (10_000, 77_999, 1_999)])
    async def test_the_arbiter_divides_what_is_left(self, harness: Harness, bps: int, payee: int, fee: int) -> None:
        delivery = await opened(harness)
        await refused("WrongState", resolve(harness, delivery, bps))
        await dispute(harness, delivery)
        for who in ("customer", "maker", "relayer"):
            await refused("Unauthorised", resolve(harness, delivery, bps, who))
        await refused("RateTooHigh", resolve(harness, delivery, 10_001))
        await resolve(harness, delivery, bps)
        rest = LEFT - payee - fee
        wanted = [credited("payee", payee), credited("fee", fee), credited("payer", rest), state(OnChain.RESOLVED)]
        wanted += [withdrawn("payee", payee), withdrawn("payer", rest), withdrawn("fee", 499 + fee)]
        wanted = [entry for entry in wanted if entry[1].get("amount_minor") != 0]
        assert await last(harness, len(wanted)) == wanted

    async def test_the_arbiters_time_ends(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery)
        at = await now(harness)
        await harness.warp(at + DAY - 1)
        await refused("TooEarly", harness.chain.timeout("t", delivery))
        await harness.warp(at + DAY)
        await refused("TooLate", resolve(harness, delivery, 10_000))
        await harness.chain.timeout("t", delivery)
        # Nothing was delivered: all of it goes back.
        assert await last(harness, 4) == [
            credited("payer", LEFT),
            state(OnChain.RESOLVED),
            withdrawn("payer", LEFT),
            withdrawn("fee", 499),
        ]
        await refused("WrongState", harness.chain.timeout("t2", delivery))

    @pytest.mark.parametrize("timeout_bps", [0, 5_000, 10_000])
    async def test_silence_after_a_late_delivery(self, harness: Harness, timeout_bps: int) -> None:
        delivery = await opened(harness, timeout_bps=timeout_bps)
        await harness.warp(delivery.terms.deliver_by)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await dispute(harness, delivery)
        await harness.warp(await now(harness) + DAY)
        await harness.chain.timeout("t", delivery)
        # 1 % lateness first, then the share of the rest.
        gross = (LEFT - 999) * timeout_bps // 10_000
        payer = LEFT - gross
        found = {
            fields["party"]: fields["amount_minor"] for name, fields in await last(harness, 7) if name == "credited"
        }
        assert found == {
            key: value
            for key, value in (
                ("payee", gross - gross * 250 // 10_000),
                ("fee", gross * 250 // 10_000),
                ("payer", payer),
            )
            if value
        }

    async def test_silence_about_what_is_retained(self, harness: Harness) -> None:
        terms = {"milestones": RETENTION, "retention_window": 3 * DAY, "timeout_bps": 5_000}
        delivery = await opened(harness, **terms)
        await harness.warp(delivery.terms.deliver_by)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await accept(harness, delivery)
        await dispute(harness, delivery)
        await harness.warp(await now(harness) + DAY)
        await harness.chain.timeout("t", delivery)
        # Lateness was deducted at acceptance and is not deducted again.
        assert (await last(harness, 2))[0] == withdrawn("payer", 4_999 - 2_499)


class TestHandoverDuringADispute:
    async def test_a_decision_given_before_answers_another_question(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery)
        before = await now(harness)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await refused("Unauthorised", resolve(harness, delivery, 0, at=before))
        await resolve(harness, delivery, 10_000)
        assert state(OnChain.RESOLVED) in await last(harness, 3)

    async def test_it_changes_the_question_and_starts_the_arbiters_time_again(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery, "maker", "payee")
        await harness.warp(await now(harness) + DAY // 2)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        at = await now(harness)
        assert await last(harness, 2) == [
            ("delivered", {"at": at, "penalty_minor": 0}),
            ("disputed", {"by": ZERO_ADDRESS, "decide_by": at + DAY}),
        ]
        for again in (hand_over_by(harness, delivery), harness.chain.delivered_by_secret("d2", delivery, SECRET)):
            await refused("WrongState", again)
        await refused("WrongState", accept(harness, delivery))
        await refused("WrongState", harness.chain.finalise("f", delivery))
        await harness.warp(at + DAY - 1)
        await refused("TooEarly", harness.chain.timeout("t", delivery))
        await harness.warp(at + DAY)
        await harness.chain.timeout("t", delivery)
        # Delivered: silence now speaks for the payee, by the terms' share.
        assert (await last(harness, 2))[0] == withdrawn("payee", LEFT - 1_999)

    async def test_it_comes_too_late_for_an_arbiter_whose_time_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await dispute(harness, delivery)
        await harness.warp(await now(harness) + DAY)
        await refused("TooLate", harness.chain.delivered_by_secret("d", delivery, SECRET))
        await refused("TooLate", hand_over_by(harness, delivery))

    async def test_it_works_until_the_last_second_of_date_and_grace(self, harness: Harness) -> None:
        delivery = await opened(harness)
        end = delivery.terms.deliver_by + delivery.terms.grace
        await harness.warp(end - 2)
        await dispute(harness, delivery)
        await hand_over_by(harness, delivery)
        assert await now(harness) == end

    async def test_a_dispute_in_the_last_second_leaves_no_time_to_deliver(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace - 1)
        await dispute(harness, delivery)
        await refused("TooLate", hand_over_by(harness, delivery))
        await refused("WrongState", harness.chain.refund("r", delivery))
