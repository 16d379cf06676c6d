"""What several tests of the chain do and ask."""

from collections.abc import Sequence
from typing import Any

import pytest

from marketplace.domain.agreement import ActionKind, Agreement
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent, ChainRefused
from marketplace.ports.fakes.chain_ledger import START
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import DAY

LATE = START + 99 * DAY
FEES = "the fee receiver"
FINISHED, INSPECTED = EventCode.PRODUCTION_FINISHED, EventCode.INSPECTION_PASSED


async def events(harness: Harness) -> Sequence[ChainEvent]:
    return await harness.chain.events(0, (await harness.chain.head()).number)


async def names(harness: Harness) -> list[str]:
    return [event.name for event in await events(harness)]


async def refused(error: str, coroutine: Any) -> None:
    with pytest.raises(ChainRefused) as caught:
        await coroutine
    assert caught.value.reason == error


async def accept(harness: Harness, agreement: Agreement, who: str = "customer", deadline: int = LATE) -> None:
    typed = await harness.chain.action_to_sign(agreement.id, ActionKind.ACCEPT, deadline)
    await harness.chain.act("accept", agreement, ActionKind.ACCEPT, await harness.sign(who, typed), deadline)


async def hand_over_by(harness: Harness, agreement: Agreement, who: str = "carrier") -> None:
    deadline = LATE
    typed = await harness.chain.action_to_sign(agreement.id, ActionKind.DELIVERED, deadline)
    signature = await harness.sign(who, typed)
    key = f"delivered:{agreement.id}:{who}"
    await harness.chain.act(key, agreement, ActionKind.DELIVERED, signature, deadline)
