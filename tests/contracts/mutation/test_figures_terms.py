"""Terms that open and terms that do not: each rule on both sides of its edge, with what its refusal says."""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from contracts.abi import encode_constructor
from contracts.bindings import factory
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry
from contracts.deployer import create_address
from contracts.errors import Reverted
from contracts.terms import ZERO_ADDRESS, ZERO_WORD, Milestone, Terms, Witnessed
from tests.contracts.mutation.scene import ORDER
from tests.contracts.world import ADDRESS, CENT, DAY, START, World

NOW = 1_000
"""Seconds behind the chain's first block, where everything here happens."""
LONGEST = 1_460 * DAY
BY_PAYER, BY_MAKER = Milestone(500, 700, Witnessed.PAYER), Milestone(500, 701, Witnessed.ATTESTOR)
BY_WITNESS, BY_BOTH = Milestone(500, 702, Witnessed.WITNESS), Milestone(500, 703, Witnessed.BOTH)
Case = tuple[dict[str, Any], str | None, dict[str, Any]]


def _lanes(*milestones: Milestone | None, **changes: Any) -> dict[str, Any]:
    word = sum(one.pack() << (32 * place) for place, one in enumerate(milestones) if one is not None)
    return {"milestones": word, "cancel_until": 255, "retention_window": 0, **changes}


def _opens(changes: dict[str, Any]) -> Case:
    return changes, None, {}


def _conflict(who: str, *roles: str) -> list[Case]:
    return [({role: ADDRESS[who]}, "RoleConflict", {"account": ADDRESS[who]}) for role in roles]


def _rate(name: str) -> list[Case]:
    return [_opens({name: 10_000}), ({name: 10_001}, "RateTooHigh", {"bps": 10_001})]


def _window(name: str) -> list[Case]:
    bad = [({name: seconds}, "BadWindow", {"window": seconds}) for seconds in (0, LONGEST + 1)]
    return [_opens({name: 1}), _opens({name: LONGEST}), *bad]


PARTIES: list[Case] = [
    *[({role: ZERO_ADDRESS}, "PartyMissing", {}) for role in ("payer", "payee", "arbiter")],
    ({"payee": ADDRESS["customer"]}, "RoleConflict", {"account": ADDRESS["customer"]}),
    *[({"arbiter": ADDRESS[who]}, "RoleConflict", {"account": ADDRESS[who]}) for who in ("customer", "maker")],
    *_conflict("attestor", "arbiter", "witness", "carrier"),
    *_conflict("relayer", "arbiter"),
    *_conflict("arbiter", "witness", "carrier"),
    *_conflict("maker", "witness", "carrier"),
    *_conflict("customer", "carrier"),
    _opens({"witness": ADDRESS["customer"]}),
    _opens({"attestor": ADDRESS["maker"]}),
    _opens({"carrier": ADDRESS["witness"]}),
    _opens({"carrier": ZERO_ADDRESS}),
    _opens({"handover": ZERO_WORD}),
    ({"carrier": ZERO_ADDRESS, "handover": ZERO_WORD}, "NoDeliveryProof", {}),
    _opens(_lanes(BY_PAYER, attestor=ZERO_ADDRESS, witness=ZERO_ADDRESS)),
    _opens(_lanes(BY_MAKER, witness=ZERO_ADDRESS)),
    _opens(_lanes(BY_WITNESS, attestor=ZERO_ADDRESS)),
    (_lanes(BY_PAYER, BY_MAKER, attestor=ZERO_ADDRESS), "SignerMissing", {"signer": Witnessed.ATTESTOR}),
    (_lanes(BY_BOTH, BY_PAYER, attestor=ZERO_ADDRESS), "SignerMissing", {"signer": Witnessed.ATTESTOR}),
    (_lanes(BY_PAYER, BY_WITNESS, witness=ZERO_ADDRESS), "SignerMissing", {"signer": Witnessed.WITNESS}),
    (_lanes(BY_BOTH, BY_PAYER, witness=ZERO_ADDRESS), "SignerMissing", {"signer": Witnessed.WITNESS}),
    # Reserved lanes need no signature.
    _opens(
        _lanes(
            Milestone(500, 1, Witnessed.BOTH),
            Milestone(500, 2, Witnessed.BOTH),
            attestor=ZERO_ADDRESS,
            witness=ZERO_ADDRESS,
            retention_window=1,
        )
    ),
]
MONEY: list[Case] = [
    ({"amount": 0}, "BadAmount", {"amount": 0, "unit": CENT}),
    ({"unit": 0}, "BadAmount", {"amount": 1_234_57 * CENT, "unit": 0}),
    ({"amount": 1_234_57 * CENT + 1}, "BadAmount", {"amount": 1_234_57 * CENT + 1, "unit": CENT}),
    _opens({"unit": 1}),
    _opens({"amount": CENT}),
    _opens({"fee_bps": 1_000}),
    ({"fee_bps": 1_001}, "FeeTooHigh", {"bps": 1_001, "ceilingBps": 1_000}),
    *_rate("penalty_bps_per_day"),
    *_rate("penalty_cap_bps"),
    *_rate("cancel_bps"),
    *_rate("timeout_bps"),
]
CLOCKS: list[Case] = [
    _opens({"fund_by": START + NOW}),
    ({"fund_by": START + NOW - 1}, "FundingExpired", {"fundBy": START + NOW - 1}),
    _opens({"fund_by": START + 7 * DAY}),
    ({"fund_by": START + 7 * DAY + 1}, "BadDeadlines", {"fundBy": START + 7 * DAY + 1, "deliverBy": START + 7 * DAY}),
    _opens({"deliver_by": START + NOW + LONGEST - 14 * DAY}),
    (
        {"deliver_by": START + NOW + LONGEST - 14 * DAY + 1},
        "BadDeadlines",
        {"fundBy": START + DAY, "deliverBy": START + NOW + LONGEST - 14 * DAY + 1},
    ),
    *_window("contest_window"),
    *_window("accept_window"),
    *_window("arbiter_window"),
    *_window("retention_window"),
    _opens(_lanes(BY_PAYER)),
    (_lanes(BY_PAYER, retention_window=LONGEST + 1), "BadWindow", {"window": LONGEST + 1}),
]
MILESTONES: list[Case] = [
    _opens(_lanes()),
    _opens(_lanes(None, BY_PAYER, None, BY_MAKER)),
    (_lanes(BY_PAYER, BY_PAYER), "BadEventCode", {"milestone": 0, "eventCode": 700}),
    (_lanes(None, BY_MAKER, BY_PAYER, None, BY_PAYER), "BadEventCode", {"milestone": 2, "eventCode": 700}),
    ({"milestones": 500 << 18, "cancel_until": 255}, "BadEventCode", {"milestone": 0, "eventCode": 0}),
    (_lanes(BY_PAYER, Milestone(500, 1)), "BadEventCode", {"milestone": 1, "eventCode": 1}),
    _opens(_lanes(Milestone(9_000, 5, Witnessed.PAYER), Milestone(1_000, 6, Witnessed.PAYER))),
    (
        _lanes(Milestone(9_000, 5, Witnessed.PAYER), Milestone(1_001, 6, Witnessed.PAYER)),
        "SharesTooHigh",
        {"bps": 10_001},
    ),
    # The advance counts as the maker's own word, the retention does not, nor what somebody else signs too.
    _opens(_lanes(Milestone(2_500, 1), BY_MAKER, BY_WITNESS, BY_BOTH, BY_PAYER, Milestone(500, 2), retention_window=1)),
    (
        _lanes(Milestone(2_501, 1), BY_WITNESS, BY_MAKER),
        "SelfAttestedTooHigh",
        {"bps": 3_001, "ceilingBps": 3_000},
    ),
    (
        _lanes(Milestone(2_000, 8, Witnessed.ATTESTOR), BY_MAKER, Milestone(501, 9, Witnessed.ATTESTOR)),
        "SelfAttestedTooHigh",
        {"bps": 3_001, "ceilingBps": 3_000},
    ),
    _opens(_lanes(BY_PAYER, cancel_until=0)),
    *[(_lanes(BY_PAYER, cancel_until=lane), "BadCancelUntil", {"milestone": lane}) for lane in (1, 8, 254)],
]


@pytest.mark.parametrize(
    "cases", [PARTIES, MONEY, CLOCKS, MILESTONES], ids=["parties", "money", "clocks", "milestones"]
)
async def test_rules_of_terms(world: World, cases: list[Case]) -> None:
    """Terms that are fit get as far as the signatures, which are missing."""
    world.rpc.warp(START + NOW - 1)
    for changes, error, details in cases:
        terms = world.delivery_terms(0, **(ORDER | changes))
        missing = {"id": world.id(terms), "party": terms.payer}
        await _refuses(world, _call(world, terms), error or "NotSigned", missing if error is None else details)


async def test_bits_beyond_a_member_are_refused_wherever_they_are(world: World) -> None:
    call = _call(world, world.delivery_terms(0, **ORDER))
    sizes = [8, 8, *[160] * 7, 96, 96, 256, 40, 40, *[32] * 5, *[16] * 4, 8, 16]
    for place, bits in enumerate(sizes):
        for bit in {bits, 255} if bits < 256 else ():
            # Selector, the entry's place, and in it the terms first.
            start = 4 + 32 + 32 * place
            word = int.from_bytes(call.data[start : start + 32], "big") | 1 << bit
            dirty = call.data[:start] + word.to_bytes(32, "big") + call.data[start + 32 :]
            await _refuses(world, replace(call, data=dirty), "DirtyTerms", {})


async def test_parts_of_another_factory_or_receiver_make_no_factory(world: World) -> None:
    own = create_address(ADDRESS["stranger"], 2)
    parts = [
        (await world.force("stranger", Call(None, encode_constructor(name, [own, ADDRESS["fees"]]))))["contractAddress"]
        for name in ("DeliveryAgreement", "SupplyAgreement")
    ]
    for changes, error, details in (
        ({0: world.book.delivery_implementation}, "WrongDeployment", {}),
        ({1: world.book.supply_implementation}, "WrongDeployment", {}),
        ({2: ADDRESS["stranger"]}, "WrongDeployment", {}),
        ({3: 10_001}, "RateTooHigh", {"bps": 10_001}),
        ({4: 10_001}, "RateTooHigh", {"bps": 10_001}),
        ({3: 10_001, 4: 10_002}, "RateTooHigh", {"bps": 10_001}),
        ({4: 10_002}, "RateTooHigh", {"bps": 10_002}),
    ):
        arguments = [*parts, ADDRESS["fees"], 1_000, 3_000, []]
        for place, value in changes.items():
            arguments[place] = value
        await _refuses(world, Call(None, encode_constructor("AgreementFactory", arguments)), error, details, "stranger")
    creation = encode_constructor("AgreementFactory", [*parts, ADDRESS["fees"], 10_000, 10_000, [ADDRESS["relayer"]]])
    receipt = await world.force("stranger", Call(None, creation))
    assert (receipt["status"], receipt["contractAddress"].lower()) == ("0x1", own.lower())
    first, second = map(to_checksum_address, parts)
    settings = factory.FactorySettings(first, second, ADDRESS["fees"], 10_000, 10_000)
    assert await factory.settings(world.rpc, own) == settings
    assert await factory.is_listed(world.rpc, own, ADDRESS["relayer"])


def _call(world: World, terms: Terms) -> Call:
    return factory.open_one(world.book.factory, Entry(terms, b"\x01" * 65, b"\x01" * 65))


async def _refuses(world: World, call: Call, error: str, details: dict[str, Any], who: str = "relayer") -> None:
    message = {"from": ADDRESS[who], "data": "0x" + call.data.hex()} | ({} if call.to is None else {"to": call.to})
    with pytest.raises(Reverted) as caught:
        await world.rpc.call("eth_call", message, "pending")
    assert caught.value.name == error, (caught.value, details)
    found = {name: caught.value.arguments[name] for name in details}
    assert {name: _same_case(value) for name, value in found.items()} == {
        name: _same_case(value) for name, value in details.items()
    }


def _same_case(value: object) -> object:
    """Addresses may be checksummed or not."""
    return value.lower() if isinstance(value, str) else value
