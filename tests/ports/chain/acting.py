"""What several tests of the chain do and ask."""

from collections.abc import Sequence
from typing import Any

import pytest

from marketplace.domain.agreement import ActionKind, Agreement, OnChain
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent, ChainRefused, Consent, resolution
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.ports.chain.harness import Harness
from tests.ports.chain.story import DAY, proof_of

LATE = START + 99 * DAY
FEES = "the fee receiver"
FINISHED, INSPECTED = EventCode.PRODUCTION_FINISHED, EventCode.INSPECTION_PASSED


async def events(harness: Harness) -> Sequence[ChainEvent]:
    return await harness.chain.events(0, (await harness.chain.head()).number)


async def names(harness: Harness) -> list[str]:
    return [event.name for event in await events(harness)]


async def last(harness: Harness, count: int) -> list[tuple[str, Any]]:
    """The last events as (name, fields), people by their names."""
    people = {address.lower(): name for name, address in ADDRESS.items()}
    people[(await harness.chain.parameters()).fee_receiver.lower()] = "fees"
    return [
        (event.name, {key: people.get(value, value) for key, value in event.fields.items()})
        for event in (await events(harness))[-count:]
    ]


def credited(party: str, amount_minor: int) -> tuple[str, dict[str, Any]]:
    return "credited", {"party": party, "amount_minor": amount_minor}


def withdrawn(party: str, amount_minor: int) -> tuple[str, dict[str, Any]]:
    address = {"payee": "maker", "payer": "customer", "fee": "fees"}[party]
    return "withdrawn", {"party": party, "address": address, "amount_minor": amount_minor}


def state(one: OnChain) -> tuple[str, dict[str, Any]]:
    return "state", {"state": one}


async def now(harness: Harness) -> int:
    return (await harness.chain.head()).timestamp


async def refused(error: str, coroutine: Any) -> None:
    with pytest.raises(ChainRefused) as caught:
        await coroutine
    assert caught.value.reason == error


async def consent(
    harness: Harness, who: str, agreement_id: str, action: ActionKind, number: int = 0, deadline: int = LATE, **by: str
) -> Consent:
    """The word of `who` for one move."""
    typed = await harness.chain.action_to_sign(agreement_id, action, deadline, number)
    return Consent(await harness.sign(who, typed), deadline, number, **by)


async def act(
    harness: Harness, who: str, agreement: Agreement, action: ActionKind, number: int = 0, **changes: Any
) -> None:
    """`who` signs an action, somebody relays it."""
    given = await consent(harness, who, agreement.id, action, number, **changes)
    key = f"{action.name}:{agreement.id}:{who}:{number}:{await now(harness)}"
    await harness.chain.act(key, agreement, action, given)


async def accept(harness: Harness, agreement: Agreement, who: str = "customer", deadline: int = LATE) -> None:
    await act(harness, who, agreement, ActionKind.ACCEPT, deadline=deadline)


async def hand_over_by(harness: Harness, agreement: Agreement, who: str = "carrier") -> None:
    await act(harness, who, agreement, ActionKind.DELIVERED)


async def resolve(harness: Harness, agreement: Agreement, bps: int, who: str = "arbiter", *, at: int = 0) -> None:
    """The decision of `who` about the dispute of that second, of the newest if none is given."""
    found = [event.fields["decide_by"] for event in await events(harness) if event.name == "disputed"]
    since = at or (found[-1] - agreement.terms.arbiter_window if found else 0)
    await act(harness, who, agreement, ActionKind.RESOLVE, resolution(since, bps))


async def dispute(
    harness: Harness, agreement: Agreement, who: str = "customer", by: str = "payer", about: OnChain | None = None
) -> None:
    """`who` disputes `about`, the state as it is if none is given."""
    states = [event.fields["state"] for event in await events(harness) if event.name == "state"]
    since = about if about is not None else OnChain(states[-1]) if states else OnChain.OPEN
    await act(harness, who, agreement, ActionKind.DISPUTE, int(since), by=by)


async def split(harness: Harness, agreement: Agreement, bps: int, *who: str, other: int | None = None) -> None:
    """`who` (customer and maker if nobody is named) sign; the second signs `other` where that is given."""
    consents = []
    for name, share in zip(who or ("customer", "maker"), (bps, bps if other is None else other), strict=True):
        typed = await harness.chain.split_to_sign(agreement.id, share, LATE)
        consents.append(Consent(await harness.sign(name, typed), LATE, share))
    key = f"split:{agreement.id}:{bps}:{who}:{other}:{await now(harness)}"
    await harness.chain.split(key, agreement, *consents)


async def claim(
    harness: Harness, agreement: Agreement, milestone: int, code: EventCode = FINISHED, *signers: str
) -> None:
    """The milestone is proved by whom it names (the attestor if nobody is)."""
    proofs = [await proof_of(harness, agreement, code, signer) for signer in signers or ("attestor",)]
    key = f"claim:{agreement.id}:{milestone}:{await now(harness)}"
    await harness.chain.claim(key, agreement, milestone, proofs)
