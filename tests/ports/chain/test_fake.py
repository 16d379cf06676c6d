"""What is the fake's own."""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from contracts.eip712 import TYPES
from marketplace.domain.agreement import ActionKind, Terms
from marketplace.ports.fakes import chain_messages
from marketplace.ports.fakes.chain import FakeChain
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import accept, act, last, names, refused, split, withdrawn
from tests.ports.chain.harness import FakeHarness
from tests.ports.chain.story import CENT, MACHINE, SECRET, SHIPPED, delivery_terms, opened


async def test_fake_needs_the_standard_library_alone() -> None:
    harness = FakeHarness()
    harness.chain = FakeChain()
    delivery = await opened(harness)
    await harness.chain.delivered_by_secret("d", delivery, SECRET)
    await accept(harness, delivery)
    assert (await names(harness))[-3:] == ["state", "withdrawn", "withdrawn"]
    assert harness.chain.keccak(b"") != "0x" + keccak(b"").hex()


class TestATokenThatRefuses:
    """Ours does not; one whose issuer freezes addresses does, and then nobody else's money may wait."""

    async def test_the_refused_due_is_kept_and_paid_once_the_token_moves_again(self) -> None:
        harness = FakeHarness()
        delivery = await opened(harness)
        harness.chain.freeze(ADDRESS["maker"])
        await act(harness, "customer", delivery, ActionKind.APPROVE, MACHINE)
        assert await last(harness, 1) == [("kept", {"party": "payee", "amount_minor": 9_750})]
        await refused("SafeERC20FailedOperation", harness.chain.pay_out("p", delivery, "payee"))
        await split(harness, delivery, 5_000)
        assert [name for name, _ in await last(harness, 4)] == ["state", "kept", "withdrawn", "withdrawn"]
        assert await harness.balance_minor("customer") == 1_000_000 - 29_998 - 69_999 // 2
        harness.chain.freeze(ADDRESS["maker"], thaw=True)
        await harness.chain.pay_out("p", delivery, "payee")
        assert await last(harness, 1) == [withdrawn("payee", 9_750 + 34_999 - 874)]
        assert harness.chain.node.ledger.books[delivery.id].held == 0

    async def test_what_was_kept_is_not_paid_by_the_next_move(self) -> None:
        harness = FakeHarness()
        delivery = await opened(harness)
        harness.chain.freeze(ADDRESS["maker"])
        await act(harness, "customer", delivery, ActionKind.APPROVE, MACHINE)
        harness.chain.freeze(ADDRESS["maker"], thaw=True)
        await act(harness, "customer", delivery, ActionKind.APPROVE, SHIPPED)
        assert await last(harness, 1) == [withdrawn("payee", 4_875)]
        assert harness.chain.node.ledger.books[delivery.id].payee_due == 9_750 * CENT

    @pytest.mark.parametrize(("who", "party"), [("customer", "payer"), ("fees", "fee")])
    async def test_nobody_holds_up_the_others(self, who: str, party: str) -> None:
        harness = FakeHarness()
        delivery = await opened(harness)
        known = await harness.chain.parameters()
        harness.chain.freeze(known.fee_receiver if who == "fees" else ADDRESS[who])
        await split(harness, delivery, 5_000)
        assert sorted(name for name, _ in await last(harness, 3)) == ["kept", "withdrawn", "withdrawn"]
        assert harness.chain.node.ledger.books[delivery.id].held == harness.chain.node.ledger.books[delivery.id].due(
            party
        )


def test_fake_signs_the_contracts_structs() -> None:
    assert {name: TYPES[name] for name in chain_messages.TYPES} == chain_messages.TYPES


@pytest.mark.parametrize("field", [name for name in Terms.__dataclass_fields__ if name not in {"kind", "milestones"}])
async def test_every_member_is_part_of_the_fakes_id(field: str) -> None:
    harness = FakeHarness()
    terms = await delivery_terms(harness)
    value = getattr(terms, field)
    other = "0x" + "ee" * (len(value) // 2 - 1) if isinstance(value, str) else value + 1
    assert await harness.chain.terms_id(replace(terms, **{field: other})) != await harness.chain.terms_id(terms)
