"""Everything that a batch needs to open, each thing taken away once."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from contracts import events
from contracts.bindings import factory, token
from contracts.bindings.call import Call, build
from contracts.bindings.factory import Entry
from contracts.errors import AlreadyDone, BadSignature, BadTerms, Past, Reverted
from contracts.signers import HALF_ORDER
from contracts.terms import (
    OPENED,
    ZERO_ADDRESS,
    ZERO_WORD,
    Kind,
    Milestone,
    Terms,
    Witnessed,
    pack_milestones,
    typed_data,
)
from tests.contracts.world import ADDRESS, CHAIN_ID, DAY, EURO, SIGNERS, START, World

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


async def _refused(world: World, entries: list[Entry], kind: type[Reverted], name: str | None = None) -> None:
    """The batch reverts for that reason, and not a token moves and not a clone stays."""
    call = factory.open_batch(world.book.factory, entries)
    with pytest.raises(kind, match=name):
        await world.send("relayer", call)
    held = await world.balance("customer"), await world.balance("maker")
    # Without the estimate that refused above: the transaction is mined, fails, and leaves nothing behind.
    receipt = await world.force("relayer", call, gas=3_000_000)
    assert (receipt["status"], receipt["logs"]) == ("0x0", [])
    assert (await world.balance("customer"), await world.balance("maker")) == held
    for entry in entries:
        assert not await world.is_open(entry.terms)


async def _entries(world: World, terms: list[Terms]) -> list[Entry]:
    return [await world.entry(one) for one in terms]


async def test_delivery_and_supplies_open_in_one_transaction(world: World) -> None:
    batch = world.batch()
    receipt = await world.open(batch)
    opened = [event for event in map(events.decode, receipt["logs"]) if isinstance(event, events.Opened)]
    assert [event.terms for event in opened] == batch
    assert [event.agreement for event in opened] == [world.address(terms) for terms in batch]
    assert [event.id for event in opened] == [world.id(terms) for terms in batch]
    for terms in batch:
        assert await factory.id_of(world.rpc, world.book.factory, terms) == world.id(terms)
        assert await factory.address_of(world.rpc, world.book.factory, terms) == world.address(terms)
        books = await world.books(terms)
        held = books.left + books.payee_due + books.payer_due + books.fee_due
        assert await world.balance(world.address(terms)) == held
    assert await world.balance(world.book.factory) == 0


async def test_missing_or_additional_supply_opens_nothing(world: World) -> None:
    delivery, supply_a, supply_b = world.batch()
    await _refused(world, await _entries(world, [delivery]), BadTerms, "WrongSupplyCount")
    await _refused(world, await _entries(world, [delivery, supply_a]), BadTerms, "WrongSupplyCount")
    third = world.supply_terms(delivery, "b", salt=b"\x0c" * 32)
    four = [delivery, supply_a, supply_b, third]
    await _refused(world, await _entries(world, four), BadTerms, "WrongSupplyCount")
    await world.open([delivery, supply_a, supply_b])


async def test_supply_of_another_delivery_or_payer_is_refused(world: World) -> None:
    delivery, supply_a, supply_b = world.batch()
    foreign = dataclasses.replace(supply_b, parent=b"\x66" * 32)
    await _refused(world, await _entries(world, [delivery, supply_a, foreign]), BadTerms, "ForeignParent")
    other_payer = dataclasses.replace(supply_b, payer=ADDRESS["customer"])
    await _refused(world, await _entries(world, [delivery, supply_a, other_payer]), BadTerms, "ForeignPayer")
    other_unit = dataclasses.replace(supply_b, unit=1)
    await _refused(world, await _entries(world, [delivery, supply_a, other_unit]), BadTerms, "MixedMoney")


async def test_lone_supply_empty_batch_and_second_delivery_are_refused(world: World) -> None:
    delivery, supply_a, _ = world.batch()
    lone = dataclasses.replace(supply_a, parent=ZERO_WORD)
    await _refused(world, await _entries(world, [lone]), BadTerms, "WrongKind")
    await _refused(world, [], BadTerms, "WrongBatchSize")
    one = world.delivery_terms(supplies=1)
    second = dataclasses.replace(delivery, supply_count=0, parent=world.id(one))
    await _refused(world, await _entries(world, [one, second]), BadTerms, "WrongKind")


@pytest.mark.req(82)
async def test_every_party_must_have_signed_these_terms(world: World) -> None:
    batch = world.batch()
    entries = await _entries(world, batch)
    message = typed_data(batch[0], CHAIN_ID, world.book.factory)
    stranger = await SIGNERS["stranger"].sign_typed_data(message)
    for place, entry in enumerate(entries):
        for field in ("payer_signature", "payee_signature"):
            for wrong in (b"", stranger, entries[place - 1].payer_signature):
                forged = [*entries]
                forged[place] = dataclasses.replace(entry, **{field: wrong})
                await _refused(world, forged, BadSignature, "NotSigned")
    await world.send("relayer", factory.open_batch(world.book.factory, entries))


async def test_high_s_twin_of_a_signature_is_refused(world: World) -> None:
    entry = await world.entry(world.delivery_terms(supplies=0))
    signature = entry.payer_signature
    s = ORDER - int.from_bytes(signature[32:64], "big")
    assert s > HALF_ORDER
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    await _refused(world, [dataclasses.replace(entry, payer_signature=twin)], BadSignature)


async def test_payer_who_sends_needs_no_signature(world: World) -> None:
    terms = world.delivery_terms(supplies=0)
    entry = dataclasses.replace(await world.entry(terms), payer_signature=b"")
    await _refused(world, [entry], BadSignature)
    await world.send("customer", factory.open_batch(world.book.factory, [entry]))
    assert await world.is_open(terms)


async def test_same_id_opens_once(world: World) -> None:
    batch = world.batch()
    await world.open(batch)
    before = await world.balances()
    with pytest.raises(AlreadyDone, match="FailedDeployment"):
        await world.open(batch)
    assert await world.balances() == before


async def test_permit_funds_and_may_be_front_run(world: World) -> None:
    assert world.book.test_euro is not None
    await world.send("customer", token.approve(world.book.test_euro, world.book.factory, 0))
    terms = world.delivery_terms(supplies=0)
    await _refused(world, [await world.entry(terms)], Reverted, "ERC20InsufficientAllowance")
    permit = await world.permit("customer", terms.amount)
    entry = await world.entry(terms, permit)
    arguments = [ADDRESS["customer"], world.book.factory, permit.value, permit.deadline]
    arguments += [permit.signature[64], permit.signature[:32], permit.signature[32:64]]
    await world.send("stranger", build("TestEuro", world.book.test_euro, "permit", arguments))
    await world.send("relayer", factory.open_batch(world.book.factory, [entry]))
    assert await world.is_open(terms)
    second = world.delivery_terms(supplies=0, salt=b"\x02" * 32)
    fresh = await world.permit("customer", second.amount, nonce=1)
    await world.send("relayer", factory.open_batch(world.book.factory, [await world.entry(second, fresh)]))


async def test_contract_account_signs_by_erc1271(world: World) -> None:
    # push4 0x1626ba7e, push1 224, shl, push0, mstore, push1 32, push0, return: agrees to everything
    runtime = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
    creation = bytes.fromhex("6d") + runtime + bytes.fromhex("5f52600e6012f3")
    receipt = await world.send("stranger", Call(None, creation))
    account = receipt["contractAddress"]
    assert await world.rpc.call("eth_getCode", account, "latest") == "0x" + runtime.hex()
    terms = world.delivery_terms(supplies=0, payee=account)
    message = typed_data(terms, CHAIN_ID, world.book.factory)
    entry = Entry(terms, await SIGNERS["customer"].sign_typed_data(message), b"any")
    await world.send("relayer", factory.open_batch(world.book.factory, [entry]))
    assert await world.is_open(terms)


async def test_self_attested_share_has_a_ceiling_advance_included(world: World) -> None:
    def lanes(advance: int, machine: int) -> int:
        return pack_milestones((Milestone(advance, OPENED), Milestone(machine, 600)))

    for advance, machine in ((2_000, 1_001), (3_001, 0), (0, 3_001)):
        terms = world.delivery_terms(supplies=0, milestones=lanes(advance, machine))
        await _refused(world, [await world.entry(terms)], BadTerms, "SelfAttestedTooHigh")
    by_witness = pack_milestones((Milestone(3_000, OPENED), Milestone(7_000, 600, Witnessed.BOTH)))
    for milestones in (lanes(2_000, 1_000), by_witness):
        terms = world.delivery_terms(supplies=0, milestones=milestones)
        assert await world.open_lone(milestones=milestones) == terms


def _lanes(*milestones: Milestone) -> dict[str, Any]:
    return {"milestones": pack_milestones(milestones), "cancel_until": 255}


_OVER_FULL = Milestone(9_000, 5, Witnessed.PAYER).pack() | Milestone(1_001, 6, Witnessed.PAYER).pack() << 32

REFUSALS: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("PartyMissing", lambda: {"payee": ZERO_ADDRESS}),
    ("PartyMissing", lambda: {"arbiter": ZERO_ADDRESS}),
    ("RoleConflict", lambda: {"payee": ADDRESS["customer"]}),
    ("RoleConflict", lambda: {"arbiter": ADDRESS["customer"]}),
    ("RoleConflict", lambda: {"arbiter": ADDRESS["maker"]}),
    ("RoleConflict", lambda: {"arbiter": ADDRESS["attestor"]}),
    ("RoleConflict", lambda: {"witness": ADDRESS["maker"]}),
    ("RoleConflict", lambda: {"witness": ADDRESS["attestor"]}),
    ("RoleConflict", lambda: {"witness": ADDRESS["arbiter"]}),
    ("RoleConflict", lambda: {"carrier": ADDRESS["maker"]}),
    ("RoleConflict", lambda: {"carrier": ADDRESS["attestor"]}),
    ("RoleConflict", lambda: {"carrier": ADDRESS["arbiter"]}),
    ("RoleConflict", lambda: {"carrier": ADDRESS["customer"]}),
    ("NoDeliveryProof", lambda: {"carrier": ZERO_ADDRESS, "handover": ZERO_WORD}),
    ("BadAmount", lambda: {"amount": 0}),
    ("BadAmount", lambda: {"unit": 0}),
    ("BadAmount", lambda: {"amount": 1_000 * EURO + 1}),
    ("TokenNotListed", lambda: {"token": ADDRESS["stranger"]}),
    ("FeeTooHigh", lambda: {"fee_bps": 1_001}),
    ("RateTooHigh", lambda: {"penalty_bps_per_day": 10_001}),
    ("RateTooHigh", lambda: {"penalty_cap_bps": 10_001}),
    ("RateTooHigh", lambda: {"cancel_bps": 10_001}),
    ("RateTooHigh", lambda: {"timeout_bps": 10_001}),
    ("BadWindow", lambda: {"contest_window": 0}),
    ("BadWindow", lambda: {"accept_window": 0}),
    ("BadWindow", lambda: {"arbiter_window": 0}),
    ("BadWindow", lambda: {"retention_window": 0}),
    ("BadDeadlines", lambda: {"grace": 1_453 * DAY + 60}),
    ("BadDeadlines", lambda: {"fund_by": START + 8 * DAY}),
    ("BadDeadlines", lambda: {"deliver_by": START + 1_461 * DAY}),
    ("BadCancelUntil", lambda: {"cancel_until": 7}),
    ("BadCancelUntil", lambda: {"cancel_until": 8}),
    ("BadEventCode", lambda: _lanes(Milestone(100, 600), Milestone(100, 600, Witnessed.WITNESS))),
    ("BadEventCode", lambda: {"milestones": 100 << 18, "cancel_until": 255}),
    ("BadEventCode", lambda: _lanes(Milestone(100, 600), Milestone(100, OPENED))),
    ("BadWindow", lambda: {"contest_window": 1_460 * DAY + 1}),
    ("SignerMissing", lambda: {"witness": ZERO_ADDRESS}),
    ("SignerMissing", lambda: {"attestor": ZERO_ADDRESS}),
    ("SharesTooHigh", lambda: {"milestones": _OVER_FULL, "cancel_until": 255}),
    ("ForeignPredecessor", lambda: {"replaces": b"\x01" * 32}),
    ("ForeignParent", lambda: {"parent": b"\x01" * 32}),
    ("WrongSupplyCount", lambda: {"supply_count": 1}),
    ("WrongKind", lambda: {"kind": Kind.SUPPLY}),
]


@pytest.mark.parametrize(("name", "changes"), REFUSALS)
async def test_terms_that_nobody_may_open(world: World, name: str, changes: Callable[[], dict[str, Any]]) -> None:
    terms = dataclasses.replace(world.delivery_terms(supplies=0), **changes())
    entry = Entry(terms, b"\x01" * 65, b"\x01" * 65)
    await _refused(world, [entry], BadTerms, f"^{name}")


async def test_only_the_signatures_were_missing_from_those_terms(world: World) -> None:
    """Negative control: the terms that the cases above spoil get as far as the signatures."""
    entry = Entry(world.delivery_terms(supplies=0), b"\x01" * 65, b"\x01" * 65)
    await _refused(world, [entry], BadSignature, "NotSigned")


async def test_funding_ends_with_its_second(world: World) -> None:
    terms = world.delivery_terms(supplies=0)
    world.rpc.warp(terms.fund_by)
    await _refused(world, [await world.entry(terms)], Past, "FundingExpired")
    last = world.delivery_terms(supplies=0, fund_by=world.rpc.node.head_timestamp + 1)
    await world.open([last])


async def test_arbiter_may_not_carry_the_terms_to_the_chain(world: World) -> None:
    """Whoever submits could otherwise pick the moment of both the opening and the judgement."""
    entry = await world.entry(world.delivery_terms(supplies=0))
    call = factory.open_one(world.book.factory, entry)
    with pytest.raises(BadTerms, match="RoleConflict"):
        await world.send("arbiter", call)
    await world.send("stranger", call)


async def test_lone_delivery_opens_by_its_own_door(world: World) -> None:
    terms = world.delivery_terms(supplies=0)
    receipt = await world.send("relayer", factory.open_one(world.book.factory, await world.entry(terms)))
    opened = events.decode(receipt["logs"][0])
    assert isinstance(opened, events.Opened)
    assert (opened.id, opened.agreement) == (world.id(terms), world.address(terms))
    for refused in (world.delivery_terms(supplies=1), world.supply_terms(terms)):
        with pytest.raises(BadTerms, match=r"^Wrong(SupplyCount|Kind)"):
            await world.send("relayer", factory.open_one(world.book.factory, await world.entry(refused)))


async def test_only_the_factory_replaces_an_agreement(world: World) -> None:
    terms = await world.open_lone()
    arguments = [terms.as_tuple(), b"\x01" * 32, ADDRESS["maker"], terms.amount]
    with pytest.raises(Reverted, match="OnlyFactory"):
        await world.send("maker", build("DeliveryAgreement", world.address(terms), "succeed", arguments))
