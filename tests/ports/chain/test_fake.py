"""What is the fake's own."""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from contracts.eip712 import TYPES
from marketplace.domain.agreement import Terms
from marketplace.ports.fakes import chain_messages
from marketplace.ports.fakes.chain import FakeChain
from tests.ports.chain.acting import accept, names
from tests.ports.chain.harness import FakeHarness
from tests.ports.chain.story import SECRET, delivery_terms, opened


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
