"""Changed orders: a successor takes over what is left, and a supplier who failed is replaced."""

from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from marketplace.domain.agreement import NEVER, ActionKind, Agreement, AgreementKind, Milestone, OnChain, Terms
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import NO_CONSENT, Consent
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import (
    FINISHED,
    INSPECTED,
    LATE,
    accept,
    act,
    claim,
    consent,
    credited,
    dispute,
    events,
    last,
    now,
    refused,
    split,
    state,
    withdrawn,
)
from tests.ports.chain.harness import Harness, signed
from tests.ports.chain.story import (
    CENT,
    DAY,
    LANES,
    MACHINE,
    SECRET,
    TESTED,
    drafted,
    funded,
    opened,
    signed_batch,
    supply_terms,
)
from tests.ports.chain.test_endings import RETENTION

LEFT = 79_998
"""Cents of a delivery whose advance is paid."""
OTHER_SECRET = "0x" + "5f" * 32
HANDOVER = "0x" + keccak(bytes.fromhex(SECRET[2:])).hex()


def changed(old: Agreement, **changes: Any) -> Terms:
    """The terms of a successor: no advance any more, the other milestones as before, a new handover code."""
    following: dict[str, Any] = {
        "replaces": old.id,
        "milestones": old.terms.milestones[1:],
        "amount": LEFT * CENT,
        "cancel_until": NEVER,
        "salt": "0x" + "02" * 32,
    }
    return replace(old.terms, **(following | changes))


async def successor_of(harness: Harness, old: Agreement, *, permit: bool = False, **changes: Any) -> Agreement:
    handover = harness.chain.keccak(bytes.fromhex(OTHER_SECRET[2:]))
    terms = changed(old, **({"handover": handover} | changes))
    return await signed(harness, await drafted(harness, terms), permit=permit)


async def novate(
    harness: Harness,
    old: Agreement,
    successor: Agreement,
    supplies: list[Agreement] | None = None,
    *,
    least: int = 0,
    who: str = "customer",
    deadline: int = LATE,
    payee: Consent = NO_CONSENT,
) -> None:
    payer = await consent(harness, who, successor.id, ActionKind.NOVATE, least, deadline)
    key = f"novate:{successor.id}:{await now(harness)}:{least}"
    await harness.chain.novate(key, old, successor, supplies or [], payer, payee)


class TestNovation:
    async def test_what_is_left_goes_into_the_successor(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery)
        await novate(harness, delivery, successor, least=LEFT * CENT)
        found = (await events(harness))[-4:]
        assert [event.agreement_id for event in found] == [successor.id, *[delivery.id] * 3]
        assert await last(harness, 3) == [
            ("replaced", {"successor_id": successor.id, "amount_minor": LEFT}),
            state(OnChain.RESOLVED),
            withdrawn("fee", 499),
        ]
        assert await harness.balance_minor("customer") == 1_000_000 - 99_997
        await refused("WrongState", harness.chain.delivered_by_secret("d", delivery, SECRET))
        await harness.chain.delivered_by_secret("d2", successor, OTHER_SECRET)
        await accept(harness, successor)
        assert (await last(harness, 2))[0] == withdrawn("payee", LEFT - 1_999)

    async def test_a_dearer_successor_is_topped_up_by_the_payer(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery, permit=True, amount=(LEFT + 5_000) * CENT)
        await novate(harness, delivery, successor)
        assert await harness.balance_minor("customer") == 1_000_000 - 99_997 - 5_000

    async def test_a_cheaper_one_returns_the_rest(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery, amount=(LEFT - 5_000) * CENT, milestones=())
        await novate(harness, delivery, successor)
        assert await last(harness, 5) == [
            ("replaced", {"successor_id": successor.id, "amount_minor": LEFT - 5_000}),
            credited("payer", 5_000),
            state(OnChain.RESOLVED),
            withdrawn("payer", 5_000),
            withdrawn("fee", 499),
        ]

    async def test_mature_claims_are_paid_first_and_others_lapse(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await claim(harness, delivery, MACHINE)
        await harness.warp(await now(harness) + 600)
        await claim(harness, delivery, TESTED, INSPECTED, "witness")
        lanes = LANES[2:]
        successor = await successor_of(harness, delivery, milestones=lanes, amount=(LEFT - 9_999) * CENT)
        await novate(harness, delivery, successor, least=(LEFT - 9_999) * CENT)
        # The test house's claim did not come along: it is proved again, for the new agreement.
        await claim(harness, successor, 0, INSPECTED, "witness")

    async def test_the_payer_names_the_least_that_is_carried(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery, permit=True, amount=(LEFT + 1) * CENT)
        await refused("CarriesLess", novate(harness, delivery, successor, least=LEFT * CENT + 1))
        await refused("Unauthorised", novate(harness, delivery, successor, who="maker"))
        await refused("SignatureExpired", novate(harness, delivery, successor, deadline=1))
        unsigned = Consent("", LATE)
        await refused("Unauthorised", harness.chain.novate("n", delivery, successor, [], unsigned))
        of_the_old = await consent(harness, "customer", delivery.id, ActionKind.NOVATE)
        await refused("Unauthorised", harness.chain.novate("n", delivery, successor, [], of_the_old))
        await novate(harness, delivery, successor, least=LEFT * CENT)

    @pytest.mark.parametrize(
        ("error", "changes"),
        [
            ("WrongKind", {"kind": AgreementKind.SUPPLY}),
            ("WrongSupplyCount", {"supply_count": 1}),
            ("ForeignParent", {"parent": "0x" + "77" * 32}),
            ("ForeignPredecessor", {"replaces": "0x" + "77" * 32}),
            ("ForeignPayer", {"payer": ADDRESS["supplier_a"].lower()}),
            ("ForeignPayee", {"payee": ADDRESS["supplier_a"].lower()}),
            ("MixedMoney", {"unit": 1}),
            ("UnexpectedAdvance", {"milestones": (Milestone(100, EventCode.OPENED),)}),
            ("CapRestarted", {"milestones": (Milestone(1_251, FINISHED),)}),
            ("HandoverReused", {"handover": HANDOVER}),
            ("FundingExpired", {"fund_by": 1}),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_successors_that_do_not_follow(self, harness: Harness, error: str, changes: dict[str, Any]) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery, **changes)
        await refused(error, novate(harness, delivery, successor))

    async def test_only_what_runs_has_a_successor_and_only_one(self, harness: Harness) -> None:
        delivery = await opened(harness)
        ghost = replace(delivery, terms=replace(delivery.terms, salt="0x" + "44" * 32))
        ghost = await drafted(harness, ghost.terms)
        await refused("NotOpen", novate(harness, ghost, await successor_of(harness, ghost)))
        await novate(harness, delivery, await successor_of(harness, delivery))
        again = await successor_of(harness, delivery, salt="0x" + "03" * 32)
        await refused("WrongState", novate(harness, delivery, again))

    @pytest.mark.parametrize("where", [OnChain.DELIVERED, OnChain.RETAINED, OnChain.DISPUTED])
    async def test_what_is_no_longer_open_the_payee_gives_up_by_name(self, harness: Harness, where: OnChain) -> None:
        """Else a quote for a change, once signed, would serve the payer after the delivery too."""
        delivery = await opened(harness, milestones=RETENTION, retention_window=DAY)
        if where is OnChain.DISPUTED:
            await dispute(harness, delivery)
        else:
            await harness.chain.delivered_by_secret("d", delivery, SECRET)
        if where is OnChain.RETAINED:
            await accept(harness, delivery)
        left = 4_999 if where is OnChain.RETAINED else LEFT
        successor = await successor_of(harness, delivery, amount=left * CENT, milestones=())
        await refused("Unauthorised", novate(harness, delivery, successor))
        for number, who, deadline, error in (
            (where, "customer", LATE, "Unauthorised"),
            (where, "maker", 1, "SignatureExpired"),
            (OnChain.OPEN, "maker", LATE, "Unauthorised"),
        ):
            given = await consent(harness, who, successor.id, ActionKind.NOVATE, int(number), deadline)
            await refused(error, novate(harness, delivery, successor, payee=given))
        given = await consent(harness, "maker", successor.id, ActionKind.NOVATE, int(where))
        await novate(harness, delivery, successor, payee=given)
        assert ("replaced", {"successor_id": successor.id, "amount_minor": left}) in await last(harness, 3)

    async def test_a_supply_has_a_successor_but_no_supplies(self, harness: Harness) -> None:
        await funded(harness)
        delivery, (supply, other) = await signed_batch(harness)
        await harness.chain.open_batch("open", delivery, [supply, other])
        terms = replace(supply.terms, replaces=supply.id, salt="0x" + "0c" * 32)
        successor = await signed(harness, await drafted(harness, terms))
        foreign = replace(terms, parent="0x" + "77" * 32)
        orphan = await signed(harness, await drafted(harness, foreign))
        await refused("ForeignParent", novate(harness, supply, orphan, who="maker"))
        await refused("WrongKind", novate(harness, supply, successor, [other], who="maker"))
        await novate(harness, supply, successor, least=12_000 * CENT, who="maker")
        assert ("replaced", {"successor_id": successor.id, "amount_minor": 12_000}) in await last(harness, 3)

    async def test_a_successor_opens_with_new_supplies(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery, supply_count=1)
        supply = await signed(harness, await drafted(harness, await supply_terms(harness, successor.terms, "a", 700)))
        await refused("WrongSupplyCount", novate(harness, delivery, successor))
        await novate(harness, delivery, successor, [supply])
        assert await harness.balance_minor("maker") == 1_000_000 + 19_500 - 700
        await refused("FailedDeployment", harness.chain.open_supply("again", supply, [successor.terms]))


class TestResourcing:
    async def test_another_supplier_takes_the_place_of_one_that_failed(self, harness: Harness) -> None:
        await funded(harness)
        delivery, (first, second) = await signed_batch(harness)
        await harness.chain.open_batch("open", delivery, [first, second])
        await act(harness, "supplier_b", second, ActionKind.REVOKE)
        before = await harness.balance_minor("maker")
        third = await self._third(harness, delivery.terms)
        await harness.chain.open_supply("third", third, [delivery.terms])
        assert [event.name for event in (await events(harness))[-1:]] == ["opened"]
        assert await harness.balance_minor("maker") == before - 9_000
        await harness.warp(third.terms.deliver_by + third.terms.grace)
        await harness.chain.refund("r", third)

    async def test_the_delivery_it_is_for_must_be_open(self, harness: Harness) -> None:
        delivery = await opened(harness)
        third = await self._third(harness, delivery.terms)
        other = replace(delivery.terms, salt="0x" + "44" * 32)
        for error, lineage in (
            ("WrongBatchSize", []),
            ("NotOpen", [other]),
            ("ForeignPredecessor", [delivery.terms, other]),
        ):
            await refused(error, harness.chain.open_supply("third", third, lineage))
        foreign = await self._third(harness, delivery.terms, parent="0x" + "77" * 32)
        await refused("ForeignParent", harness.chain.open_supply("third", foreign, [delivery.terms]))
        payer = await self._third(harness, delivery.terms, payer=ADDRESS["customer"].lower())
        await refused("ForeignPayer", harness.chain.open_supply("third", payer, [delivery.terms]))
        await split(harness, delivery, 0)
        await refused("NotOpen", harness.chain.open_supply("third", third, [delivery.terms]))

    async def test_nothing_is_bought_for_a_delivery_whose_time_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        late = {"fund_by": delivery.terms.deliver_by + 9 * DAY, "deliver_by": delivery.terms.deliver_by + 9 * DAY}
        third = await self._third(harness, delivery.terms, **late)
        await harness.warp(delivery.terms.deliver_by + delivery.terms.grace)
        await refused("NotOpen", harness.chain.open_supply("third", third, [delivery.terms]))

    async def test_the_line_of_successors_leads_to_the_one_that_is_open(self, harness: Harness) -> None:
        delivery = await opened(harness)
        successor = await successor_of(harness, delivery)
        await novate(harness, delivery, successor)
        third = await self._third(harness, delivery.terms)
        await refused("NotOpen", harness.chain.open_supply("third", third, [delivery.terms]))
        await harness.chain.open_supply("third", third, [delivery.terms, successor.terms])
        fourth = await self._third(harness, successor.terms, salt="0x" + "0d" * 32)
        await harness.chain.open_supply("fourth", fourth, [successor.terms])

    async def _third(self, harness: Harness, delivery: Terms, **changes: Any) -> Agreement:
        terms = await supply_terms(harness, delivery, "a", 9_000, **({"salt": "0x" + "0c" * 32} | changes))
        return await signed(harness, await drafted(harness, terms))
