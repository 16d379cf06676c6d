"""Payments when the token or a party misbehaves.

Only listed tokens count, and such a token should never be listed. Still: what a token does when an agreement opens is
refused there by the comparison of balances, and what it does later stays between the token and whom it does it to. The
others are paid, a due that the token refused is kept, and no other agreement notices.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from contracts import compiler
from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Authorisation, Party, State
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry
from contracts.errors import AlreadyDone, Reverted
from contracts.events import Kept
from contracts.terms import Terms, What, typed_data
from tests.contracts.conftest import once_a_run
from tests.contracts.mischief import (
    MischievousWorld,
    Mode,
    call,
    compile_mischief,
    mischievous_world,
    modes_of_the_source,
)
from tests.contracts.world import ADDRESS, CENT, DAY, EURO, PRODUCTION_FINISHED, SECRET, SIGNERS, START, LocalRpc, World
from tests.support import require_server

PARTIES = {"maker": Party.PAYEE, "customer": Party.PAYER, "fees": Party.FEE_RECEIVER}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The misbehaving contracts."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    return once_a_run(tmp_path_factory, "mischief", compile_mischief)


@pytest.fixture
async def bad(compiled: Path, tmp_path: Path) -> AsyncIterator[MischievousWorld]:
    """A world with such a token, which behaves so far."""
    rpc = LocalRpc(tmp_path)
    yield await mischievous_world(rpc, compiled)
    rpc.node.close()


def test_modes_are_the_contracts() -> None:
    assert modes_of_the_source() == [mode.name for mode in Mode]


# ── when an agreement opens ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("victim", ["clone", "maker"])
@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (Mode.REFUSES, "unknown revert"),
        (Mode.RETURNS_FALSE, "SafeERC20FailedOperation"),
        (Mode.TAKES_FEE, "TransferMismatch"),
        (Mode.MINTS, "TransferMismatch"),
        (Mode.LIES_ABOUT_BALANCE, "TransferMismatch"),
        (Mode.BURNS_ALL_GAS, None),
    ],
)
async def test_opening_refuses_what_did_not_arrive_exactly(
    bad: MischievousWorld, mode: Mode, name: str | None, victim: str
) -> None:
    terms = bad.delivery_terms(supplies=0)
    before = await bad.balances()
    await bad.behave(mode, bad.address(terms) if victim == "clone" else victim)
    with pytest.raises(Exception if name is None else Reverted, match=name):
        await bad.open([terms])
    await bad.behave(Mode.HONEST, victim if victim == "maker" else ADDRESS["maker"])
    assert not await bad.is_open(terms)
    assert await bad.balances() == before
    await bad.open([terms])


async def test_token_without_a_return_value_is_fine(bad: MischievousWorld) -> None:
    """As the oldest tokens are: `transfer` says nothing, and what moved is what counts."""
    await bad.behave(Mode.RETURNS_NOTHING, bad.delivery_terms().payee)
    terms = await bad.open_lone()
    await _divide(bad, terms)
    assert await bad.paid(terms) == {"PAYEE": 585 * EURO, "PAYER": 400 * EURO, "FEE_RECEIVER": 15 * EURO}
    assert await bad.balance("maker") == (10_000 + 585) * EURO


@pytest.mark.parametrize("victim", ["clone", "maker"])
async def test_opening_again_in_the_middle_of_an_opening_is_refused(bad: MischievousWorld, victim: str) -> None:
    terms = bad.delivery_terms(supplies=0)
    twin = bad.delivery_terms(supplies=0, salt=b"\x02" * 32)
    await bad.call_back(factory.open_one(bad.book.factory, await bad.entry(twin)))
    await bad.behave(Mode.CALLS_BACK, bad.address(terms) if victim == "clone" else victim)
    await bad.open([terms])
    assert (await bad.number(bad.token, "tried()"), await bad.number(bad.token, "succeeded()")) == (1, 0)
    assert await bad.is_open(terms)
    assert not await bad.is_open(twin)


async def test_money_that_leaves_in_the_middle_of_an_opening_is_missed(bad: MischievousWorld) -> None:
    """The payer's own cancellation, while the clone is being paid: the balance is not what it should be."""
    terms = bad.delivery_terms(supplies=0)
    consent = await bad.consent_number("customer", terms, What.CANCEL, terms.amount)
    await bad.call_back(agreement.cancel(bad.address(terms), terms, terms.amount, consent))
    for paid in (bad.address(terms), "maker"):
        await bad.behave(Mode.CALLS_BACK, paid)
        with pytest.raises(Reverted, match="TransferMismatch"):
            await bad.open([terms])
    # After the opening the same call is a cancellation like any other.
    await bad.behave(Mode.HONEST, "maker")
    await bad.open([terms])
    await bad.act("stranger", agreement.cancel, terms, terms.amount, consent)
    assert (await bad.books(terms)).state is State.REFUNDED
    assert sum((await bad.paid(terms)).values()) == terms.amount


# ── later ────────────────────────────────────────────────────────────────────────────────────────


async def _divide(bad: MischievousWorld, terms: Terms) -> None:
    """One move that pays all three: half of what is left to each party, the fees to their owner."""
    consents = [await bad.split_consent(who, terms, 5_000) for who in ("customer", "maker")]
    await bad.act("stranger", agreement.split, terms, 5_000, *consents)


async def _is_untouched(bad: MischievousWorld, bystander: Terms) -> None:
    """Another agreement in the same token lives on as if nothing had happened."""
    await bad.behave(Mode.HONEST, "stranger")
    assert await bad.balance(bad.address(bystander)) == 805 * EURO
    had = await bad.balances()
    await _divide(bad, bystander)
    now = await bad.balances()
    gained = {name: now[name] - had[name] for name in PARTIES}
    assert gained == {"maker": 390 * EURO, "customer": 400 * EURO, "fees": 15 * EURO}


@pytest.mark.parametrize("victim", PARTIES)
@pytest.mark.parametrize("mode", [Mode.REFUSES, Mode.RETURNS_FALSE, Mode.BURNS_ALL_GAS])
async def test_refused_due_is_kept_and_the_others_are_paid(bad: MischievousWorld, mode: Mode, victim: str) -> None:
    terms = await bad.open_lone()
    bystander = await bad.open_lone(salt=b"\x02" * 32)
    before = await bad.balances()
    await bad.behave(mode, victim)
    await _divide(bad, terms)
    due = {"maker": 390 * EURO, "customer": 400 * EURO, "fees": 15 * EURO}
    after = await bad.balances()
    assert {name: after[name] - before[name] for name in PARTIES} == due | {victim: 0}
    [kept] = [event for event in await bad.events() if isinstance(event, Kept)]
    assert (kept.party, kept.amount) == (PARTIES[victim], due[victim])
    books = await bad.books(terms)
    assert (books.payee_due, books.payer_due, books.fee_due) == tuple(
        due[name] if name == victim else 0 for name in PARTIES
    )
    assert (books.state, books.left) == (State.RESOLVED, 0)
    withdraw = agreement.withdraw(bad.address(terms), terms, PARTIES[victim])
    if mode is not Mode.BURNS_ALL_GAS:
        with pytest.raises(Reverted):
            await bad.send("stranger", withdraw)
    await bad.behave(Mode.HONEST, victim)
    await bad.send("stranger", withdraw)
    assert await bad.balance(victim) - before[victim] == due[victim]
    assert await bad.balance(bad.address(terms)) == 0
    with pytest.raises(AlreadyDone, match="NothingDue"):
        await bad.send("stranger", withdraw)
    await _is_untouched(bad, bystander)


@pytest.mark.parametrize(
    ("mode", "got"),
    [
        # A hundredth for the token's owner, or as much again for the receiver: nothing out of the agreement.
        (Mode.TAKES_FEE, 390 * EURO - 390 * EURO // 100),
        (Mode.MINTS, 2 * 390 * EURO),
        (Mode.RETURNS_NOTHING, 390 * EURO),
    ],
)
async def test_token_that_takes_or_gives_concerns_its_receiver_only(
    bad: MischievousWorld, mode: Mode, got: int
) -> None:
    terms = await bad.open_lone()
    bystander = await bad.open_lone(salt=b"\x02" * 32)
    before = await bad.balances()
    await bad.behave(mode, "maker")
    await _divide(bad, terms)
    after = await bad.balances()
    gained = {name: after[name] - before[name] for name in PARTIES}
    assert gained == {"maker": got, "customer": 400 * EURO, "fees": 15 * EURO}
    assert await bad.balance(bad.address(terms)) == 0
    await _is_untouched(bad, bystander)


async def test_lie_about_a_balance_changes_no_payment(bad: MischievousWorld) -> None:
    """Once an agreement is open, no move asks the token what anybody has."""
    terms = await bad.open_lone()
    before = await bad.balances()
    await bad.behave(Mode.LIES_ABOUT_BALANCE, bad.address(terms))
    await _divide(bad, terms)
    after = await bad.balances()
    gained = {name: after[name] - before[name] for name in PARTIES}
    assert gained == {"maker": 390 * EURO, "customer": 400 * EURO, "fees": 15 * EURO}


async def test_balance_that_shrinks_leaves_dues_that_anybody_may_refill(bad: MischievousWorld) -> None:
    terms = await bad.open_lone()
    bystander = await bad.open_lone(salt=b"\x02" * 32)
    await bad.send("stranger", call(bad.token, "shrink(address,uint256)", bad.address(terms), 100 * EURO))
    await _divide(bad, terms)
    # The payee is paid first, 310 of 400 € do not pay the payer, and the fee still fits.
    books = await bad.books(terms)
    assert (books.payee_due, books.payer_due, books.fee_due) == (0, 400 * EURO, 0)
    with pytest.raises(Reverted, match="ERC20InsufficientBalance"):
        await bad.act("stranger", agreement.withdraw, terms, Party.PAYER)
    await bad.send("customer", token.transfer(bad.token, bad.address(terms), 100 * EURO))
    await bad.act("stranger", agreement.withdraw, terms, Party.PAYER)
    assert await bad.balance(bad.address(terms)) == 0
    await _is_untouched(bad, bystander)


async def test_kept_dues_add_up_and_come_with_the_next_claim(bad: MischievousWorld) -> None:
    terms = await bad.open_lone()
    await bad.behave(Mode.REFUSES, "maker")
    for milestone in (2, 3):
        await bad.act("customer", agreement.approve, terms, milestone)
    assert (await bad.books(terms)).payee_due == 195 * EURO
    await bad.claim(terms, 1, await bad.evidence("attestor", terms, PRODUCTION_FINISHED))
    bad.rpc.warp(bad.rpc.node.head_timestamp + terms.contest_window)
    await bad.behave(Mode.HONEST, "maker")
    before = await bad.balance("maker")
    await bad.act("stranger", agreement.withdraw, terms, Party.PAYEE)
    assert await bad.balance("maker") - before == (195 * EURO) + 97_50 * CENT
    assert (await bad.books(terms)).payee_due == 0


async def test_surplus_of_a_successor_is_kept_where_the_payer_is_refused(bad: MischievousWorld) -> None:
    terms = await bad.open_lone()
    successor = bad.successor_terms(terms, amount=300 * EURO, milestones=0)
    await bad.behave(Mode.REFUSES, "customer")
    await bad.novate(terms, successor)
    assert (await bad.books(terms)).payer_due == 500 * EURO
    assert await bad.balance(bad.address(successor)) == 300 * EURO


# ── calls in the middle of a payment ─────────────────────────────────────────────────────────────


INNER: dict[str, Callable[..., Call]] = {
    "the same move": lambda at, terms, signed: agreement.split(at, terms, 5_000, *signed),
    "payee's due": lambda at, terms, signed: agreement.withdraw(at, terms, Party.PAYEE),
    "payer's due": lambda at, terms, signed: agreement.withdraw(at, terms, Party.PAYER),
    "fee": lambda at, terms, signed: agreement.withdraw(at, terms, Party.FEE_RECEIVER),
    "refund": lambda at, terms, signed: agreement.refund(at, terms),
    "handover": lambda at, terms, signed: agreement.delivered_by_secret(at, terms, SECRET),
}


@pytest.mark.parametrize("victim", PARTIES)
@pytest.mark.parametrize("inner", INNER)
async def test_token_that_calls_back_moves_nothing_twice(bad: MischievousWorld, victim: str, inner: str) -> None:
    terms = await bad.open_lone()
    signed = [await bad.split_consent(who, terms, 5_000) for who in ("customer", "maker")]
    await bad.call_back(INNER[inner](bad.address(terms), terms, signed))
    await bad.behave(Mode.CALLS_BACK, victim)
    await bad.act("stranger", agreement.split, terms, 5_000, *signed)
    assert (await bad.number(bad.token, "tried()"), await bad.number(bad.token, "succeeded()")) == (1, 0)
    assert await bad.paid(terms) == {"PAYEE": 585 * EURO, "PAYER": 400 * EURO, "FEE_RECEIVER": 15 * EURO}
    assert await bad.balance(bad.address(terms)) == 0


ANY = Authorisation(START + 365 * DAY, b"any")
"""What the reentrant payee signs."""


class Stage:
    """An agreement whose payee is a contract that calls back when it is paid."""

    def __init__(self, bad: MischievousWorld, salt: int, later: int = 0) -> None:
        self.bad = bad
        usual = bad.delivery_terms(supplies=0, payee=bad.reentrant, salt=bytes([salt]) * 32)
        self.terms = dataclasses.replace(usual, fund_by=usual.fund_by + later, deliver_by=usual.deliver_by + later)
        self.successor = bad.successor_terms(self.terms, milestones=0, amount=700 * EURO, salt=bytes([salt + 1]) * 32)

    async def open(self) -> None:
        entry = await self._entry(self.terms)
        await self.bad.send("relayer", factory.open_one(self.bad.book.factory, entry))
        await self.bad.claim(self.terms, 1, await self.bad.evidence("attestor", self.terms, PRODUCTION_FINISHED))

    async def _entry(self, terms: Terms) -> Entry:
        message = typed_data(terms, self.bad.chain_id, self.bad.book.factory)
        return Entry(terms, await SIGNERS["customer"].sign_typed_data(message), b"any")

    async def outer(self, move: str) -> None:
        """The move that pays the payee, once the claim has matured."""
        bad, terms = self.bad, self.terms
        if move in {"accept", "timeout"}:
            await bad.hand_over(terms)
        if move in {"resolve", "timeout"}:
            await bad.act("customer", agreement.dispute, terms, Party.PAYER)
        wait = terms.arbiter_window if move == "timeout" else terms.contest_window
        bad.rpc.warp(bad.rpc.node.head_timestamp + wait)
        match move:
            case "withdraw":
                await bad.act("stranger", agreement.withdraw, terms, Party.PAYEE)
            case "approve":
                await bad.act("customer", agreement.approve, terms, 3)
            case "accept":
                await bad.act("customer", agreement.accept, terms)
            case "split":
                consent = await bad.split_consent("customer", terms, 5_000)
                await bad.act("stranger", agreement.split, terms, 5_000, consent, ANY)
            case "resolve":
                await bad.act("arbiter", agreement.resolve, terms, 5_000)
            case "timeout":
                await bad.act("stranger", agreement.timeout, terms)
            case "novate":
                entry = await self._entry(self.successor)
                await bad.send("customer", factory.novate(bad.book.factory, terms, [entry], 0))

    def inner(self) -> list[Call]:
        """What the payee, or anybody, may try after or in the middle of that."""
        at, terms = self.bad.address(self.terms), self.terms
        return [
            *(agreement.withdraw(at, terms, party) for party in Party),
            agreement.finalise(at, terms),
            agreement.release(at, terms),
            agreement.refund(at, terms),
            agreement.timeout(at, terms),
            agreement.delivered_by_secret(at, terms, SECRET),
            agreement.dispute(at, terms, Party.PAYEE),
            agreement.revoke(at, terms),
            # In the middle of a novation its clone exists and is not paid for yet.
            agreement.revoke(self.bad.address(self.successor), self.successor),
        ]

    async def end(self) -> tuple[dict[str, int], dict[str, int]]:
        """What both agreements have paid once strangers have brought them to their end; nothing is left in them."""
        both = (self.terms, self.successor)
        for terms in both:
            if await self.bad.is_open(terms):
                await self.bad.leave_to_strangers(terms)
            assert await self.bad.balance(self.bad.address(terms)) == 0
        first, second = [await self.bad.paid(terms) for terms in both]
        return first, second


@pytest.mark.parametrize("backwards", [False, True], ids=["payments first", "ways out first"])
@pytest.mark.parametrize("move", ["withdraw", "approve", "accept", "split", "resolve", "timeout", "novate"])
async def test_reentrant_payee_gains_nothing_over_calling_afterwards(
    bad: MischievousWorld, move: str, backwards: bool
) -> None:
    order = -1 if backwards else 1
    plain, nested = Stage(bad, 2), Stage(bad, 4, later=60 * DAY)
    await plain.open()
    await plain.outer(move)
    for inner in plain.inner()[::order]:
        await bad.tries("stranger", call(bad.reentrant, "call(address,bytes)", inner.to, inner.data))
    await nested.open()
    for inner in nested.inner()[::order]:
        await bad.send("stranger", call(bad.reentrant, "prepare(address,bytes)", inner.to, inner.data))
    await bad.behave(Mode.CALLS_RECEIVER, bad.reentrant)
    await nested.outer(move)
    assert await bad.number(bad.reentrant, "tried()") >= len(nested.inner())
    await bad.behave(Mode.HONEST, bad.reentrant)
    assert await nested.end() == await plain.end()


# ── money that nobody asked for ──────────────────────────────────────────────────────────────────


async def test_additional_money_at_the_known_address_changes_nothing(world: World) -> None:
    assert world.book.test_euro is not None
    terms = world.delivery_terms(supplies=0)
    await world.send("customer", token.transfer(world.book.test_euro, world.address(terms), 7 * CENT))
    await world.open([terms])
    await world.hand_over(terms)
    await world.leave_to_strangers(terms)
    assert sum((await world.paid(terms)).values()) == terms.amount
    assert await world.balance(world.address(terms)) == 7 * CENT
