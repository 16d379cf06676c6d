"""What the chain says, and what people are asked to sign."""

from dataclasses import replace

import pytest

from contracts.eip712 import TYPES
from marketplace.domain.agreement import ZERO_HASH, ActionKind, AgreementKind, Milestone
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import ChainUnavailable
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import events, refused
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import CENT, LANES, delivery_terms, funded, opened


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

    async def test_without_confirmations_the_newest_block_is_final(self, harness: Harness) -> None:
        head = await harness.chain.head()
        assert await harness.chain.final_number(head) == head.number
        assert await harness.chain.final_number(replace(head, number=7)) == 7
        assert (await harness.chain.parameters()).confirmations == 0
        # There is no second node to ask, so nobody says no.
        await harness.chain.corroborate(0, head.number, head.hash, [])

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
        assert await harness.balance_minor("maker") == 1_000_001 + 19_500

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
            "Action": await harness.chain.action_to_sign("0x" + "77" * 32, ActionKind.CANCEL, START, 300),
            "Split": await harness.chain.split_to_sign("0x" + "77" * 32, 2_500, START),
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
            "what": 4,
            "data": "0x" + f"{300:064x}",
            "deadline": str(START),
        }
        accepted = await harness.chain.action_to_sign("0x" + "77" * 32, ActionKind.ACCEPT, START)
        assert accepted["message"]["data"] == ZERO_HASH
        split = {"id": "0x" + "77" * 32, "payeeBps": 2_500, "deadline": str(START)}
        assert asked["Split"]["message"] == split

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
