"""One order to its last cent, told alike by the fake and by the contracts."""

from collections import Counter
from typing import Any

import pytest
from eth_hash.auto import keccak

from marketplace.ports.fakes.chain import FakeChain
from marketplace.ports.fakes.chain_ledger import START
from tests.ports.chain.acting import FINISHED, accept, events, hand_over_by
from tests.ports.chain.harness import FEE_BPS, FakeHarness, Harness, RealHarness
from tests.ports.chain.story import DAY, MACHINE, SECRET, funded, proof_of, signed_batch


async def _story(harness: Harness) -> list[tuple[str, str, dict[str, Any]]]:
    """An order with two supplies to its last cent, and everything the chain said of it."""
    await funded(harness)
    delivery, (first, second) = await signed_batch(harness)
    chain = harness.chain
    await chain.open_batch("open", delivery, [first, second])
    await chain.claim("claim", delivery, MACHINE, [await proof_of(harness, delivery, FINISHED)])
    await chain.claim("claim a", first, 0, [await proof_of(harness, first, FINISHED, "attestor_a")])
    await hand_over_by(harness, first)
    await harness.warp(START + 9 * DAY)
    await chain.delivered_by_secret("d", delivery, SECRET)
    await chain.finalise("f a", first)
    await accept(harness, delivery)
    await harness.warp(START + 12 * DAY)
    await chain.refund("r b", second)
    agreements = {"delivery": delivery, "a": first, "b": second}
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


@pytest.mark.req(80)
async def test_both_chains_tell_the_same_story(real: RealHarness) -> None:
    told = await _story(FakeHarness())
    assert told == await _story(real)
    assert Counter(name for _, name, _ in told)["state"] == 5


async def test_another_fee_would_be_noticed() -> None:
    """Negative control: a hundredth of a percent, and the stories differ."""
    dearer = FakeHarness()
    dearer.chain = FakeChain(digest=keccak, fee_bps=FEE_BPS + 1)
    assert await _story(dearer) != await _story(FakeHarness())
