"""The chain: the same rules, words and sums from the fake and from the contracts on the devchain."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from contracts.deployer import AddressBook
from contracts.eip712 import TYPES
from marketplace.domain.agreement import (
    NEVER,
    ZERO_ADDRESS,
    ZERO_HASH,
    ActionKind,
    Agreement,
    AgreementKind,
    Milestone,
    OnChain,
    Terms,
)
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import ChainEvent, ChainRefused, ChainUnavailable
from marketplace.ports.fakes import chain_messages
from marketplace.ports.fakes.chain import FakeChain
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.persistence.databases import copied
from tests.persistence.databases import opened as open_database
from tests.ports.chain_harness import FakeHarness, Harness, RealHarness, deploy_chain, open_real, signed
from tests.ports.chain_story import (
    CENT,
    DAY,
    LANES,
    MACHINE,
    SECRET,
    SHIPPED,
    TESTED,
    delivery_terms,
    drafted,
    funded,
    opened,
    proof_of,
    signed_batch,
    signed_delivery,
    supply_terms,
)

LATE = START + 99 * DAY
FEES = "the fee receiver"
Deployed = tuple[Path, AddressBook]
FINISHED, INSPECTED = EventCode.PRODUCTION_FINISHED, EventCode.INSPECTION_PASSED


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A folder with the contracts on a chain."""
    folder = tmp_path_factory.mktemp("deployed")
    return folder, asyncio.run(deploy_chain(folder))


@pytest.fixture
async def real(deployed: Deployed, port_database: Path, tmp_path: Path) -> AsyncIterator[RealHarness]:
    async with _real(deployed, port_database, tmp_path) as harness:
        yield harness


@contextlib.asynccontextmanager
async def _real(
    deployed: Deployed, port_database: Path, folder: Path, *, development: bool = True
) -> AsyncIterator[RealHarness]:
    async with open_database(copied(port_database, folder)) as database:
        store = database.chain_transactions()
        async with open_real(*deployed, store, folder, development=development) as harness:
            yield harness


@pytest.fixture(params=["fake", "devchain"])
async def harness(
    request: pytest.FixtureRequest, deployed: Deployed, port_database: Path, tmp_path: Path
) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    async with _real(deployed, port_database, tmp_path) as harness:
        yield harness


async def events(harness: Harness) -> Sequence[ChainEvent]:
    return await harness.chain.events(0, (await harness.chain.head()).number)


async def names(harness: Harness) -> list[str]:
    return [event.name for event in await events(harness)]


async def refused(error: str, coroutine: Any) -> None:
    with pytest.raises(ChainRefused) as caught:
        await coroutine
    assert caught.value.reason == error


async def accept(
    harness: Harness, agreement: Agreement, who: str = "customer", deadline: int = START + 99 * DAY
) -> None:
    typed = await harness.chain.action_to_sign(agreement.id, ActionKind.ACCEPT, deadline)
    await harness.chain.act("accept", agreement, ActionKind.ACCEPT, await harness.sign(who, typed), deadline)


async def hand_over_by(harness: Harness, agreement: Agreement, who: str = "carrier") -> None:
    deadline = LATE
    typed = await harness.chain.action_to_sign(agreement.id, ActionKind.DELIVERED, deadline)
    signature = await harness.sign(who, typed)
    key = f"delivered:{agreement.id}:{who}"
    await harness.chain.act(key, agreement, ActionKind.DELIVERED, signature, deadline)


class TestReading:
    async def test_parameters_are_what_terms_must_name(self, harness: Harness) -> None:
        known = await harness.chain.parameters()
        assert (known.unit, known.token_decimals, known.token_symbol) == (CENT, 6, "tEUR")
        assert (known.fee_bps, known.self_attested_bps, known.chain_id) == (250, 3_000, 31_337)
        assert known == await harness.restart().parameters()

    async def test_blocks_have_hashes_and_the_future_has_none(self, harness: Harness) -> None:
        await funded(harness)
        head = await harness.chain.head()
        hashes = [await harness.chain.block_hash(number) for number in range(head.number + 1)]
        assert len(set(hashes)) == head.number + 1
        assert hashes[-1] == head.hash
        assert await harness.chain.block_hash(head.number + 1) is None

    async def test_a_node_that_is_away_is_unavailable_and_comes_back(self, harness: Harness) -> None:
        delivery = await opened(harness)
        harness.away(is_away=True)
        for question in (
            harness.chain.head(),
            harness.chain.block_hash(0),
            harness.chain.events(0, 1),
            harness.chain.permit_to_sign(ADDRESS["customer"], 1, START),
            harness.chain.finalise("f", delivery),
            harness.chain.fund_test_account("more", ADDRESS["maker"], 1),
            harness.chain.reconcile(),
            harness.chain.watch_deadline(START),
        ):
            with pytest.raises(ChainUnavailable):
                await question
        harness.away(is_away=False)
        await harness.chain.fund_test_account("more", ADDRESS["maker"], 1)
        assert await harness.balance_minor("maker") == 1_000_001

    async def test_keccak_is_the_chains(self, harness: Harness) -> None:
        # The digest of nothing: Yellow Paper, KEC(()).
        assert harness.chain.keccak(b"") == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


class TestSigning:
    async def test_ids_and_addresses_are_known_before_anybody_signs(self, harness: Harness) -> None:
        terms = await delivery_terms(harness)
        identity, address = await harness.chain.terms_id(terms)
        assert (identity, address) == await harness.restart().terms_id(terms)
        assert (len(identity), len(address)) == (66, 42)
        others = [
            replace(terms, salt="0x" + "02" * 32),
            replace(terms, amount=terms.amount + CENT),
            replace(terms, milestones=LANES[:3]),
            replace(terms, kind=AgreementKind.SUPPLY),
        ]
        assert len({(await harness.chain.terms_id(other))[0] for other in [terms, *others]}) == 5
        delivery = await opened(harness)
        assert (delivery.id, delivery.address) == (identity, address)
        (event,) = [event for event in await events(harness) if event.name == "opened"]
        assert (event.agreement_id, event.fields["address"]) == (identity, address)

    async def test_messages_have_the_members_that_wallets_show(self, harness: Harness) -> None:
        known = await harness.chain.parameters()
        terms = await delivery_terms(harness)
        asked = {
            "Terms": await harness.chain.terms_to_sign(terms),
            "Permit": await harness.chain.permit_to_sign(ADDRESS["customer"], 2**60, START),
            "Action": await harness.chain.action_to_sign("0x" + "77" * 32, ActionKind.ACCEPT, START),
        }
        for struct, typed in asked.items():
            members = [tuple(member.split(" ")) for member in TYPES[struct].split(",")]
            assert typed["primaryType"] == struct
            assert [(one["type"], one["name"]) for one in typed["types"][struct]] == members
            assert list(typed["message"]) == [name for _, name in members]
            contract = known.token if struct == "Permit" else known.factory
            name = "Test Euro" if struct == "Permit" else "LotSizeOne"
            domain = typed["domain"] | {"verifyingContract": typed["domain"]["verifyingContract"].lower()}
            assert domain == {
                "name": name,
                "version": "1",
                "chainId": known.chain_id,
                "verifyingContract": contract.lower(),
            }
        shown = asked["Terms"]["message"]
        assert (shown["kind"], shown["amount"], shown["deliverBy"]) == (1, str(terms.amount), terms.deliver_by)
        assert shown["milestones"] == str(
            sum((lane.bps << 18 | lane.code << 2 | lane.who) << 32 * index for index, lane in enumerate(LANES))
        )
        permit = asked["Permit"]["message"]
        assert (permit["value"], permit["nonce"], permit["deadline"]) == (str(2**60), "0", str(START))
        assert asked["Action"]["message"] == {
            "id": "0x" + "77" * 32,
            "what": 1,
            "data": ZERO_HASH,
            "deadline": str(START),
        }

    async def test_terms_that_do_not_fit_their_word_are_refused_before_anybody_signs(self, harness: Harness) -> None:
        codes = [code for code in EventCode if code not in {EventCode.OPENED, EventCode.RETAINED}]
        nine = tuple(Milestone(1, code, Witness.PAYER) for code in codes[:9])
        for lanes in (nine, (*LANES, Milestone(5_001, EventCode.DELIVERED, Witness.PAYER))):
            terms = await delivery_terms(harness, milestones=lanes)
            await refused("BadTerms", harness.chain.terms_id(terms))
            await refused("BadTerms", harness.chain.terms_to_sign(terms))

    async def test_a_signature_fits_one_message_and_names_its_signer(self, harness: Harness) -> None:
        typed = await harness.chain.terms_to_sign(await delivery_terms(harness))
        other = await harness.chain.action_to_sign("0x" + "77" * 32, ActionKind.ACCEPT, START)
        signature = await harness.sign("maker", typed)
        assert len(signature) == 132
        found = harness.chain.signed_by(typed, signature)
        assert found is not None
        assert found.lower() == ADDRESS["maker"].lower()
        foreign = harness.chain.signed_by(other, signature)
        assert foreign is None or foreign.lower() != ADDRESS["maker"].lower()
        for bad in ("", "0x", signature[:-2], signature + "00", "0x" + "zz" * 65, "0x" + "ff" * 65, "\ud800", "é"):
            assert harness.chain.signed_by(typed, bad) is None


OPENING: list[tuple[str, dict[str, Any]]] = [
    ("TokenNotListed", {"token": ADDRESS["stranger"].lower()}),
    ("PartyMissing", {"arbiter": ZERO_ADDRESS}),
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
    ("BadDeadlines", {"deliver_by": START + 3651 * DAY}),
    ("BadWindow", {"contest_window": 0}),
    ("BadWindow", {"accept_window": 3651 * DAY}),
    ("BadWindow", {"milestones": (Milestone(500, EventCode.RETAINED),), "cancel_until": NEVER}),
    ("BadEventCode", {"milestones": (LANES[1], LANES[1])}),
    ("SignerMissing", {"witness": ZERO_ADDRESS}),
    ("SignerMissing", {"attestor": ZERO_ADDRESS}),
    ("SelfAttestedTooHigh", {"milestones": (LANES[0], Milestone(1_001, FINISHED))}),
    ("BadCancelUntil", {"cancel_until": 4}),
    ("WrongSupplyCount", {"supply_count": 1}),
    ("ForeignParent", {"parent": "0x" + "77" * 32}),
    ("UnexpectedReplacement", {"replaces": "0x" + "77" * 32}),
]


class TestOpening:
    @pytest.mark.req(82)
    async def test_all_open_in_one_transaction_and_the_advance_pays_the_supplies(self, harness: Harness) -> None:
        await funded(harness)
        delivery, supplies = await signed_batch(harness)
        await harness.chain.open_batch("open", delivery, supplies)
        found = await events(harness)
        assert [event.name for event in found] == [
            *("opened", "opened", "opened"),
            *("advanced", "advanced"),
            *("paid_milestone", "credited"),
        ]
        assert len({(event.block, event.block_hash, event.transaction) for event in found}) == 1
        assert found[0].fields["transaction"] == found[0].transaction
        assert [event.agreement_id for event in found[:3]] == [delivery.id, *(supply.id for supply in supplies)]
        # 20 % of 999.97 € is 199.99 €, less 2.5 % fee (4.99 €) 195.00 €: 120.00 € for a, the rest for b.
        assert [event.fields for event in found[3:5]] == [
            {"supply_id": supplies[0].id, "amount_minor": 12_000},
            {"supply_id": supplies[1].id, "amount_minor": 7_500},
        ]
        assert (found[5].fields, found[6].fields) == ({"milestone": 0}, {"party": "fee", "amount_minor": 499})
        # The maker adds what the advance lacks, the customer pays the whole delivery.
        assert await harness.balance_minor("maker") == 1_000_000 - 500
        assert await harness.balance_minor("customer") == 1_000_000 - 99_997

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
        async with _real(deployed, port_database, tmp_path, development=False) as real:
            for strict in (real, FakeHarness(development=False)):
                with pytest.raises(ChainRefused):
                    await strict.chain.fund_test_account("fund", ADDRESS["maker"], 1)
                assert await strict.balance_minor("maker") == 0


class TestClaims:
    @pytest.mark.req(93)
    async def test_a_proved_milestone_is_paid_once_its_window_is_over(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.claim("claim", delivery, MACHINE, await proof_of(harness, delivery, FINISHED))
        head = await harness.chain.head()
        claimed = (await events(harness))[-1]
        assert (claimed.name, claimed.fields) == (
            "claimed",
            {"milestone": MACHINE, "matures_at": head.timestamp + 601},
        )
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
            (
                "withdrawn",
                {"party": "payee", "address": ADDRESS["maker"].lower(), "amount_minor": 9_750},
            ),
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


async def _story(harness: Harness) -> list[tuple[str, str, dict[str, Any]]]:
    """An order with two supplies to its last cent, and everything the chain said of it."""
    await funded(harness)
    delivery, (first, second) = await signed_batch(harness)
    chain = harness.chain
    await chain.open_batch("open", delivery, [first, second])
    await chain.claim("claim", delivery, MACHINE, await proof_of(harness, delivery, FINISHED))
    await chain.claim("claim a", first, 0, await proof_of(harness, first, FINISHED, "attestor_a"))
    await hand_over_by(harness, first)
    await harness.warp(START + 9 * DAY)
    await chain.delivered_by_secret("d", delivery, SECRET)
    await chain.finalise("f a", first)
    await accept(harness, delivery)
    await harness.warp(START + 12 * DAY)
    await chain.refund("r b", second)
    agreements = {"delivery": delivery, "a": first, "b": second}
    for name, agreement in agreements.items():
        for party in ("payee", "payer", "fee"):
            await chain.pay_out(f"pay:{name}:{party}", agreement, party)
    labels = {agreement.id: name for name, agreement in agreements.items()}
    known = await chain.parameters()
    labels |= {agreement.address: f"at {name}" for name, agreement in agreements.items()}
    labels |= {known.fee_receiver.lower(): "fees"}
    found = await events(harness)
    assert [(event.block, event.log_index) for event in found] == sorted(
        {(event.block, event.log_index) for event in found}
    )
    money: Counter[str] = Counter()
    for event in found:
        if event.name in {"withdrawn", "advanced"}:
            money[event.agreement_id] += event.fields["amount_minor"]
    assert money == {agreement.id: agreement.terms.amount_minor for agreement in agreements.values()}
    assert await harness.balance_minor("supplier_b") == 0
    return [
        (
            labels[event.agreement_id],
            event.name,
            {
                key: labels.get(value, value) if isinstance(value, str) else value
                for key, value in event.fields.items()
                # Instants depend on how many blocks came before, transactions on their bytes.
                if key not in {"transaction", "at", "matures_at"}
            },
        )
        for event in found
    ]


@pytest.mark.req(80, 183)
async def test_both_chains_tell_the_same_story(real: RealHarness) -> None:
    told = await _story(FakeHarness())
    assert told == await _story(real)
    assert Counter(name for _, name, _ in told)["state"] == 5


class TestOnce:
    async def test_the_same_key_is_one_transaction_also_after_a_restart(self, harness: Harness) -> None:
        for _ in range(3):
            await harness.chain.fund_test_account("fund", ADDRESS["maker"], 500)
        head = await harness.chain.head()
        await harness.chain.reconcile()
        await harness.restart().fund_test_account("fund", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 500
        assert await harness.chain.head() == head
        await harness.chain.fund_test_account("fund 2", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 1_000

    async def test_a_move_that_is_done_can_be_asked_for_again(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.open_batch("open", delivery, [])
        proof = await proof_of(harness, delivery, FINISHED)
        for _ in range(2):
            await harness.chain.claim("claim", delivery, MACHINE, proof)
            await harness.chain.delivered_by_secret("d", delivery, SECRET)
            harness.restart()
            await harness.chain.reconcile()
        assert Counter(await names(harness))["claimed"] == 1
        assert Counter(await names(harness))["delivered"] == 1

    async def test_many_at_once_all_arrive(self, harness: Harness) -> None:
        keys = [f"fund {number % 6}" for number in range(12)]
        await asyncio.gather(*(harness.chain.fund_test_account(key, ADDRESS["maker"], 7) for key in keys))
        assert await harness.balance_minor("maker") == 6 * 7

    async def test_what_the_node_lost_is_sent_again_and_its_outcome_noted(self, harness: Harness) -> None:
        harness.losing(loses=True)
        await harness.chain.fund_test_account("lost", ADDRESS["maker"], 500)
        await harness.chain.reconcile()
        assert await harness.balance_minor("maker") == 0
        harness.losing(loses=False)
        chain = harness.restart()
        await chain.reconcile()
        assert await harness.balance_minor("maker") == 500
        await chain.reconcile()
        await chain.fund_test_account("lost", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 500

    async def test_what_became_impossible_meanwhile_fails_and_leaves_its_key_free(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await harness.warp((await harness.chain.head()).timestamp + delivery.terms.accept_window)
        harness.losing(loses=True)
        await harness.chain.finalise("f", delivery)
        await harness.finalise_from_outside(delivery)
        harness.losing(loses=False)
        await harness.chain.reconcile()
        assert [event.fields for event in await events(harness) if event.name == "state"] == [
            {"state": OnChain.DELIVERED},
            {"state": OnChain.SETTLED},
        ]
        await refused("WrongState", harness.chain.finalise("f", delivery))
        await harness.chain.fund_test_account("next", ADDRESS["stranger"], 1)
        assert await harness.balance_minor("stranger") == 1


async def test_a_watched_deadline_is_reached_by_blocks(harness: Harness) -> None:
    await harness.chain.watch_deadline(START + 50)
    assert (await harness.chain.head()).timestamp < START + 50
    harness.set_time(START + 50)
    await harness.chain.watch_deadline(START + 50)
    async with asyncio.timeout(5):
        while True:
            if (await harness.chain.head()).timestamp >= START + 50:
                break
            await asyncio.sleep(0.01)


async def test_the_store_notes_what_became_of_every_transaction(real: RealHarness) -> None:
    await real.chain.fund_test_account("fund", ADDRESS["maker"], 500)
    await real.chain.reconcile()
    stored = await real.store.find("fund")
    assert stored is not None
    assert stored.outcome == "mined"
    assert await real.store.pending(ADDRESS["relayer"].lower()) == []


async def test_fake_needs_the_standard_library_alone() -> None:
    harness = FakeHarness()
    harness.chain = FakeChain()
    delivery = await opened(harness)
    await harness.chain.delivered_by_secret("d", delivery, SECRET)
    await accept(harness, delivery)
    assert (await names(harness))[-1] == "state"
    assert harness.chain.keccak(b"") != "0x" + keccak(b"").hex()


def test_fake_signs_the_contracts_structs() -> None:
    assert {name: TYPES[name] for name in chain_messages.TYPES} == chain_messages.TYPES


@pytest.mark.parametrize("field", [name for name in Terms.__dataclass_fields__ if name not in {"kind", "milestones"}])
async def test_every_member_is_part_of_the_fakes_id(field: str) -> None:
    harness = FakeHarness()
    terms = await delivery_terms(harness)
    value = getattr(terms, field)
    other = "0x" + "ee" * (len(value) // 2 - 1) if isinstance(value, str) else value + 1
    assert await harness.chain.terms_id(replace(terms, **{field: other})) != await harness.chain.terms_id(terms)
