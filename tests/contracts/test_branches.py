"""Branches of the trees (`trees/*.tree`) that no story walks through."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from contracts import compiler
from contracts.abi import encode_constructor
from contracts.bindings import agreement, factory
from contracts.bindings.agreement import SENT_BY_PARTY, Authorisation, Party, State
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry
from contracts.deployer import create_address, deploy
from contracts.errors import BadProof, BadSignature, BadTerms, Reverted, WrongState
from contracts.terms import ZERO_ADDRESS, Terms, What, number_word
from tests.contracts import world as worlds
from tests.contracts.conftest import once_a_run
from tests.contracts.mischief import MischievousWorld, Mode, compile_mischief, mischievous_world
from tests.contracts.world import ADDRESS, EURO, PRODUCTION_FINISHED, SECRET, SIGNERS, LocalRpc, World
from tests.support import require_server

RENUMBERED = 31_338
EMPTY_LANES = (0, 4, 5, 8, 2**255)
"""The advance, the retention, an empty lane, and two that do not exist."""


# ── the factory ──────────────────────────────────────────────────────────────────────────────────


async def _deploy(world: World, **changes: object) -> None:
    """A second factory of the first one's parts, which fit it but for the address that they name."""
    settings = {
        "delivery": world.book.delivery_implementation,
        "supply": world.book.supply_implementation,
        "receiver": ADDRESS["fees"],
        "fee_ceiling_bps": 1_000,
        "self_attested_bps": 3_000,
        "tokens": [],
    }
    creation = encode_constructor("AgreementFactory", list((settings | changes).values()))
    await world.send("stranger", Call(None, creation))


async def _parts_for_the_next_factory(world: World, receiver: str) -> dict[str, object]:
    """Implementations that name the factory which the stranger creates after them."""
    nonce = int(await world.rpc.call("eth_getTransactionCount", ADDRESS["stranger"], "latest"), 16)
    address = create_address(ADDRESS["stranger"], nonce + 2)
    parts: dict[str, object] = {}
    for kind in ("Delivery", "Supply"):
        call = Call(None, encode_constructor(f"{kind}Agreement", [address, receiver]))
        parts[kind.lower()] = (await world.send("stranger", call))["contractAddress"]
    return parts


async def test_parts_of_another_factory_make_none(world: World) -> None:
    with pytest.raises(Reverted, match="WrongDeployment"):
        await _deploy(world)
    for receiver, claimed in ((ADDRESS["fees"], ADDRESS["maker"]), (ZERO_ADDRESS, ZERO_ADDRESS)):
        parts = await _parts_for_the_next_factory(world, receiver)
        with pytest.raises(Reverted, match="WrongDeployment"):
            await _deploy(world, **parts, receiver=claimed)
    await _deploy(world, **await _parts_for_the_next_factory(world, ADDRESS["fees"]))


async def test_no_ceiling_is_above_the_whole(world: World) -> None:
    parts = await _parts_for_the_next_factory(world, ADDRESS["fees"])
    for ceiling in ("fee_ceiling_bps", "self_attested_bps"):
        with pytest.raises(BadTerms, match="RateTooHigh"):
            await _deploy(world, **parts, **{ceiling: 10_001})
    await _deploy(world, **parts, fee_ceiling_bps=10_000, self_attested_bps=10_000)


async def test_batch_has_at_most_thirty_two_entries(world: World) -> None:
    entry = Entry(world.delivery_terms(supplies=0), b"", b"")
    for count in (0, 33):
        with pytest.raises(BadTerms, match="WrongBatchSize"):
            await world.send("relayer", factory.open_batch(world.book.factory, [entry] * count))
    with pytest.raises(BadTerms, match="WrongSupplyCount"):
        await world.send("relayer", factory.open_batch(world.book.factory, [entry] * 32))


async def test_bits_beyond_a_member_are_refused(world: World) -> None:
    """They would be signed and logged, and no reader shows them. The word of the milestones is all used."""
    call = factory.open_one(world.book.factory, await world.entry(world.delivery_terms(supplies=0)))
    for word in (*range(11), *range(12, 25)):
        # Selector, the entry's place, and in it the terms.
        start = 4 + 32 + 32 * word
        data = bytearray(call.data)
        data[start] |= 0x80
        with pytest.raises(BadTerms, match=r"^DirtyTerms"):
            await world.send("relayer", dataclasses.replace(call, data=bytes(data)))


async def test_renumbered_chain_opens_nothing_and_lets_live(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = await world.open_lone()
    refused = await world.entry(world.delivery_terms(supplies=0, salt=b"\x02" * 32))
    old = await world.consent("customer", terms, What.CANCEL, number_word(terms.amount))
    world.rpc.node.store.set_meta("chain_id", str(RENUMBERED))
    world.rpc.node.close()
    monkeypatch.setattr(worlds, "CHAIN_ID", RENUMBERED)
    rpc = LocalRpc(tmp_path / "chain")
    try:
        later = World(rpc, world.book, RENUMBERED)
        with pytest.raises(BadTerms, match="ChainRenumbered"):
            await later.send("relayer", factory.open_one(world.book.factory, refused))
        # Its id keeps the old number; what is signed from now on bears the new one.
        at = world.address(terms)
        with pytest.raises(BadSignature, match="Unauthorised"):
            await later.send("relayer", agreement.cancel(at, terms, terms.amount, old))
        await later.send("customer", agreement.cancel(at, terms, terms.amount))
        assert (await agreement.books(rpc, at, terms)).state is State.REFUNDED
    finally:
        rpc.node.close()


def _calling_back(to: str, data: bytes) -> bytes:
    """Creation code of a token that owns nothing, answers every transfer with a call, and fails as that call fails."""
    size = len(data).to_bytes(2, "big").hex()
    # A balance is asked for in 36 bytes; whatever else comes is a transfer.
    runtime = f"3660241460355761{size}61003a5f395f5f61{size}5f5f73{to[2:]}5af1503d5f5f3e3d5ffd5b60205ff3{data.hex()}"
    return bytes.fromhex(f"61{len(runtime) // 2:04x}80600a5f395ff3{runtime}")


async def test_call_of_a_door_from_within_a_door_says_so(tmp_path: Path) -> None:
    rpc = LocalRpc(tmp_path)
    try:
        token = create_address(ADDRESS["stranger"], 0)
        book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], tokens=(token,))
        world = World(rpc, dataclasses.replace(book, test_euro=token))
        call = factory.open_one(book.factory, await world.entry(world.delivery_terms(supplies=0)))
        await world.send("stranger", Call(None, _calling_back(book.factory, call.data)))
        with pytest.raises(Reverted, match="ReentrancyGuardReentrantCall"):
            await world.send("relayer", call)
    finally:
        rpc.node.close()


# ── moves ────────────────────────────────────────────────────────────────────────────────────────


def _every_move(at: str, terms: Terms) -> list[tuple[str, Call]]:
    """Each by the one whose move it is."""
    return [
        ("stranger", agreement.claim(at, terms, 1, [])),
        ("customer", agreement.contest(at, terms, 1)),
        ("customer", agreement.approve(at, terms, 1)),
        ("stranger", agreement.delivered_by_secret(at, terms, SECRET)),
        ("carrier", agreement.delivered_by_carrier(at, terms)),
        ("customer", agreement.accept(at, terms)),
        ("stranger", agreement.finalise(at, terms)),
        ("stranger", agreement.release(at, terms)),
        ("stranger", agreement.refund(at, terms)),
        ("maker", agreement.revoke(at, terms)),
        ("customer", agreement.cancel(at, terms, terms.amount)),
        ("customer", agreement.dispute(at, terms, Party.PAYER)),
        ("arbiter", agreement.resolve(at, terms, 5_000)),
        ("stranger", agreement.timeout(at, terms)),
        ("customer", agreement.split(at, terms, 5_000, SENT_BY_PARTY, SENT_BY_PARTY)),
        ("stranger", agreement.withdraw(at, terms, Party.PAYEE)),
    ]


async def test_other_terms_move_nothing_by_any_move(world: World) -> None:
    terms = await world.open_lone()
    other = dataclasses.replace(terms, arbiter=ADDRESS["stranger"])
    for who, call in _every_move(world.address(terms), other):
        with pytest.raises(BadProof, match="WrongTerms"):
            await world.send(who, call)


@pytest.mark.parametrize("state", [State.REFUNDED, State.RETAINED])
async def test_contest_ends_with_the_acceptance(world: World, state: State) -> None:
    terms = await world.open_lone()
    await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
    await world.bring_to(terms, state)
    with pytest.raises(WrongState, match="WrongState"):
        await world.act("customer", agreement.contest, terms, 1)


@pytest.mark.parametrize("lane", EMPTY_LANES)
async def test_lane_that_nobody_earns_is_neither_contested_nor_approved(world: World, lane: int) -> None:
    terms = await world.open_lone()
    for move in (agreement.contest, agreement.approve):
        with pytest.raises(BadProof, match="WrongMilestone"):
            await world.act("customer", move, terms, lane)


PRICE = 1_000 * EURO
CONSENTED: list[tuple[State, str, What, int, Callable[[str, Terms, Authorisation], Call]]] = [
    (State.DELIVERED, "customer", What.ACCEPT, 0, agreement.accept),
    (State.OPEN, "maker", What.REVOKE, 0, agreement.revoke),
    (State.OPEN, "customer", What.CANCEL, PRICE, lambda at, terms, by: agreement.cancel(at, terms, PRICE, by)),
    (State.OPEN, "customer", What.DISPUTE, 0, lambda at, terms, by: agreement.dispute(at, terms, Party.PAYER, by)),
    (State.DISPUTED, "arbiter", What.RESOLVE, 0, lambda at, terms, by: agreement.resolve(at, terms, 0, by)),
]


async def test_consent_ends_with_its_deadline(world: World) -> None:
    """In its last second it counts, in the next one it does not."""
    for number, (state, who, what, data, move) in enumerate(CONSENTED):
        terms = await world.open_lone(salt=bytes([number + 2]) * 32)
        if state is not State.OPEN:
            await world.bring_to(terms, state)
        at, deadline = world.address(terms), world.rpc.node.head_timestamp + 100
        word = number_word((await world.books(terms)).disputed_at << 16) if what is What.RESOLVE else number_word(data)
        consent = await world.consent(who, terms, what, word, deadline)
        world.rpc.warp(deadline)
        with pytest.raises(BadSignature, match="SignatureExpired"):
            await world.send("relayer", move(at, terms, consent))
        fresh = await world.consent(who, terms, what, word, deadline + 1)
        await world.send("relayer", move(at, terms, fresh))


# ── a token that refuses ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def bad(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> AsyncIterator[MischievousWorld]:
    """A world whose token behaves so far."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    rpc = LocalRpc(tmp_path)
    yield await mischievous_world(rpc, once_a_run(tmp_path_factory, "mischief", compile_mischief))
    rpc.node.close()


async def test_due_that_the_token_still_refuses_stays(bad: MischievousWorld) -> None:
    terms = await bad.open_lone()
    await bad.behave(Mode.RETURNS_FALSE, "customer")
    await bad.act("maker", agreement.revoke, terms)
    due = (await bad.books(terms)).payer_due
    assert due == 800 * EURO
    with pytest.raises(Reverted, match="SafeERC20FailedOperation"):
        await bad.act("stranger", agreement.withdraw, terms, Party.PAYER)
    assert (await bad.books(terms)).payer_due == due
