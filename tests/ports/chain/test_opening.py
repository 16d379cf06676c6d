"""A batch opens whole or not at all, and only on terms that get nobody stuck."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketplace.domain.agreement import NEVER, ZERO_ADDRESS, ZERO_HASH, Agreement, AgreementKind, Milestone
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainRefused, ChainUnavailable
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import FINISHED, credited, events, last, names, refused, withdrawn
from tests.ports.chain.conftest import Deployed, opened_real
from tests.ports.chain.harness import FakeHarness, Harness, signed
from tests.ports.chain.story import (
    CENT,
    DAY,
    LANES,
    delivery_terms,
    drafted,
    funded,
    opened,
    signed_batch,
    signed_delivery,
    supply_terms,
)

OPENING: list[tuple[str, dict[str, Any]]] = [
    ("TokenNotListed", {"token": ADDRESS["stranger"].lower()}),
    ("PartyMissing", {"arbiter": ZERO_ADDRESS}),
    ("RoleConflict", {"payee": ADDRESS["customer"].lower()}),
    ("RoleConflict", {"arbiter": ADDRESS["maker"].lower()}),
    ("RoleConflict", {"witness": ADDRESS["attestor"].lower()}),
    ("RoleConflict", {"carrier": ADDRESS["customer"].lower()}),
    ("NoDeliveryProof", {"carrier": ZERO_ADDRESS, "handover": ZERO_HASH}),
    ("BadAmount", {"amount": 0}),
    ("BadAmount", {"amount": CENT + 1}),
    ("FeeTooHigh", {"fee_bps": 1_001}),
    ("RateTooHigh", {"penalty_cap_bps": 10_001}),
    ("FundingExpired", {"fund_by": START - 1}),
    ("BadDeadlines", {"deliver_by": START + DAY - 1}),
    ("BadDeadlines", {"deliver_by": START + 1458 * DAY}),
    ("BadWindow", {"contest_window": 0}),
    ("BadWindow", {"accept_window": 1461 * DAY}),
    ("BadWindow", {"arbiter_window": 0}),
    ("BadWindow", {"milestones": (Milestone(500, EventCode.RETAINED),), "cancel_until": NEVER}),
    ("BadEventCode", {"milestones": (LANES[1], LANES[1])}),
    ("BadEventCode", {"milestones": (LANES[1], LANES[0])}),
    ("SignerMissing", {"witness": ZERO_ADDRESS}),
    ("SignerMissing", {"attestor": ZERO_ADDRESS}),
    ("SelfAttestedTooHigh", {"milestones": (LANES[0], Milestone(1_001, FINISHED))}),
    ("BadCancelUntil", {"cancel_until": 4}),
    ("WrongSupplyCount", {"supply_count": 1}),
    ("ForeignParent", {"parent": "0x" + "77" * 32}),
    ("ForeignPredecessor", {"replaces": "0x" + "77" * 32}),
]


class TestOpening:
    async def test_all_open_in_one_transaction_and_the_advance_pays_the_supplies(self, harness: Harness) -> None:
        await funded(harness)
        delivery, supplies = await signed_batch(harness)
        await harness.chain.open_batch("open", delivery, supplies)
        found = await events(harness)
        assert [event.name for event in found] == [
            *("opened", "paid_milestone"),
            *("opened", "advanced", "opened", "advanced"),
            "credited",
        ]
        assert len({(event.block, event.block_hash, event.transaction) for event in found}) == 1
        assert found[0].fields["transaction"] == found[0].transaction
        opened_ids = [event.agreement_id for event in found if event.name == "opened"]
        assert opened_ids == [delivery.id, *(item.id for item in supplies)]
        # 20 % of 999.97 € is 199.99 €, less 2.5 % fee (4.99 €) 195.00 €: 120.00 € for a, the rest for b.
        assert [event.fields for event in found if event.name == "advanced"] == [
            {"supply_id": supplies[0].id, "amount_minor": 12_000},
            {"supply_id": supplies[1].id, "amount_minor": 7_500},
        ]
        assert (found[1].fields, found[6].fields) == ({"milestone": 0}, {"party": "fee", "amount_minor": 499})
        # The maker adds what the advance lacks, the customer pays the whole delivery.
        assert await harness.balance_minor("maker") == 1_000_000 - 500
        assert await harness.balance_minor("customer") == 1_000_000 - 99_997

    async def test_an_opening_tells_its_terms_again_if_it_was_ours(self, harness: Harness) -> None:
        await funded(harness)
        delivery, supplies = await signed_batch(harness)
        await harness.chain.open_batch("open", delivery, supplies)
        openings = [event for event in await events(harness) if event.name == "opened"]
        told = [await harness.chain.opened_by_us(event) for event in openings]
        assert told == [agreement.terms for agreement in (delivery, *supplies)]
        gone = replace(openings[0], agreement_id="0x" + "77" * 32)
        with pytest.raises(ChainUnavailable):
            await harness.chain.opened_by_us(gone)

    async def test_what_somebody_else_opened_is_not_ours(self, harness: Harness) -> None:
        await funded(harness)
        await harness.open_from_outside(await signed_delivery(harness))
        (opening,) = [event for event in await events(harness) if event.name == "opened"]
        assert await harness.chain.opened_by_us(opening) is None

    async def test_what_the_supplies_leave_of_the_advance_is_the_makers_at_once(self, harness: Harness) -> None:
        delivery = await opened(harness)
        assert await last(harness, 5) == [
            ("opened", {"address": delivery.address, "transaction": (await events(harness))[0].transaction}),
            ("paid_milestone", {"milestone": 0}),
            credited("payee", 19_500),
            credited("fee", 499),
            withdrawn("payee", 19_500),
        ]
        assert await harness.balance_minor("maker") == 1_000_000 + 19_500

    async def test_a_supply_may_have_an_advance_of_its_own(self, harness: Harness) -> None:
        """The customer's money goes through: to the supply as far as it holds, then to the supplier."""
        await funded(harness)
        terms = await delivery_terms(harness, supplies=1)
        lanes = (Milestone(2_500, EventCode.OPENED),)
        supply = await supply_terms(harness, terms, "a", 12_000, milestones=lanes, fee_bps=0)
        batch = [await signed(harness, await drafted(harness, one), permit=one is terms) for one in (terms, supply)]
        await harness.chain.open_batch("open", batch[0], batch[1:])
        assert await harness.balance_minor("supplier_a") == 3_000
        # 195.00 € of advance: 120.00 € for the supply, of which the supplier has 30.00 €; 75.00 € for the maker.
        assert await harness.balance_minor("maker") == 1_000_000 + 7_500
        assert await harness.balance_minor("customer") == 1_000_000 - 99_997
        assert [event.name for event in await events(harness)][4:] == [
            *("advanced", "credited", "withdrawn"),
            *("credited", "credited", "withdrawn"),
        ]

    async def test_whoever_sends_the_terms_is_not_their_judge(self, harness: Harness) -> None:
        await funded(harness)
        delivery = await signed_delivery(harness, arbiter=harness.relayer.lower())
        await refused("RoleConflict", harness.chain.open_batch("open", delivery, []))

    async def test_a_batch_has_an_end(self, harness: Harness) -> None:
        delivery, (supply, _) = await signed_batch(harness)
        await refused("WrongBatchSize", harness.chain.open_batch("open", delivery, [supply] * 32))

    @pytest.mark.req(82)
    async def test_one_wrong_entry_and_nothing_opens(self, harness: Harness) -> None:
        await funded(harness)
        delivery, (first, second) = await signed_batch(harness)
        unsigned = replace(second, payee_signature=first.payee_signature)
        before = await harness.chain.head()
        await refused("NotSigned", harness.chain.open_batch("open", delivery, [first, unsigned]))
        await refused("WrongSupplyCount", harness.chain.open_batch("open", delivery, [first]))
        assert await harness.chain.head() == before
        assert await names(harness) == []
        # The key is free: a refused call leaves no trace.
        await harness.chain.open_batch("open", delivery, [first, second])
        assert Counter(await names(harness))["opened"] == 3
        await refused("FailedDeployment", harness.chain.open_batch("again", delivery, [first, second]))

    @pytest.mark.parametrize(("error", "changes"), OPENING, ids=[f"{name}-{'-'.join(to)}" for name, to in OPENING])
    async def test_terms_that_no_factory_opens(self, harness: Harness, error: str, changes: dict[str, Any]) -> None:
        await funded(harness)
        await refused(error, harness.chain.open_batch("open", await signed_delivery(harness, **changes), []))

    async def test_supplies_belong_to_their_delivery(self, harness: Harness) -> None:
        await funded(harness)
        delivery = await signed_delivery(harness, supply_count=1)

        async def supply(**changes: Any) -> Agreement:
            terms = await supply_terms(harness, delivery.terms, "a", 12_000, **changes)
            return await signed(harness, await drafted(harness, terms))

        for error, changes in (
            ("WrongKind", {"kind": AgreementKind.DELIVERY}),
            ("WrongSupplyCount", {"supply_count": 1}),
            ("ForeignParent", {"parent": "0x" + "77" * 32}),
            ("ForeignPayer", {"payer": ADDRESS["customer"].lower()}),
            ("MixedMoney", {"unit": 1}),
        ):
            await refused(error, harness.chain.open_batch("open", delivery, [await supply(**changes)]))
        await refused("WrongKind", harness.chain.open_batch("open", await supply(supply_count=0), []))
        await harness.chain.open_batch("open", delivery, [await supply()])

    async def test_money_must_be_there_and_allowed(self, harness: Harness) -> None:
        delivery = await signed_delivery(harness)
        unpermitted = replace(delivery, permit=None)
        await refused("ERC20InsufficientAllowance", harness.chain.open_batch("open", unpermitted, []))
        await refused("ERC20InsufficientBalance", harness.chain.open_batch("open", delivery, []))
        await funded(harness)
        forged = replace(delivery, permit={**(delivery.permit or {}), "value": str(delivery.terms.amount * 2)})
        await refused("ERC20InsufficientAllowance", harness.chain.open_batch("open", forged, []))
        await harness.chain.open_batch("open", delivery, [])
        # The permit is used: the next one carries another nonce.
        asked = await harness.chain.permit_to_sign(ADDRESS["customer"], 1, START)
        assert asked["message"]["nonce"] == "1"

    async def test_test_money_is_for_development_chains(
        self, deployed: Deployed, port_database: Path, tmp_path: Path
    ) -> None:
        async with opened_real(deployed, port_database, tmp_path, development=False) as real:
            for strict in (real, FakeHarness(development=False)):
                with pytest.raises(ChainRefused):
                    await strict.chain.fund_test_account("fund", ADDRESS["maker"], 1)
                assert await strict.balance_minor("maker") == 0
