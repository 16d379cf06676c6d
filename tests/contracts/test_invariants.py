"""Walks through an agreement's life by moves in any order, against a ledger kept beside it.

In prose: what was paid in is what is left, due or paid out; nobody but payee, payer and fee receiver is ever paid; a
milestone pays once; and strangers and time alone empty it from wherever the walk stopped.
"""

import random
from collections.abc import Awaitable, Callable

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Party, State
from contracts.errors import Reverted
from contracts.terms import Terms, What
from tests.contracts.world import (
    CENT,
    DAY,
    INSPECTION_PASSED,
    PRODUCTION_FINISHED,
    World,
)

ENDED = {State.SETTLED, State.REFUNDED, State.RESOLVED}
Move = Callable[[], Awaitable[object]]


async def _moves(world: World, terms: Terms) -> list[Move]:
    at = world.address(terms)
    machine = await world.evidence("attestor", terms, PRODUCTION_FINISHED)
    inspected = [await world.evidence(who, terms, INSPECTION_PASSED) for who in ("attestor", "witness")]
    delivered = await world.consent("carrier", terms, What.DELIVERED)

    async def warp(seconds: int) -> None:
        world.rpc.warp(world.rpc.node.head_timestamp + seconds)

    return [
        lambda: world.claim(terms, 1, machine),
        lambda: world.claim(terms, 2, *inspected),
        lambda: world.send("customer", agreement.contest(at, terms, 1)),
        lambda: world.send("customer", agreement.contest(at, terms, 2)),
        lambda: world.send("customer", agreement.approve(at, terms, 1)),
        lambda: world.send("customer", agreement.approve(at, terms, 3)),
        lambda: world.hand_over(terms),
        lambda: world.send("stranger", agreement.delivered_by_carrier(at, terms, delivered)),
        lambda: world.send("customer", agreement.accept(at, terms)),
        lambda: world.send("stranger", agreement.finalise(at, terms)),
        lambda: world.send("stranger", agreement.release(at, terms)),
        lambda: world.send("stranger", agreement.refund(at, terms)),
        lambda: world.send("stranger", agreement.withdraw(at, terms, Party.PAYEE)),
        lambda: world.send("stranger", agreement.withdraw(at, terms, Party.PAYER)),
        lambda: world.send("stranger", agreement.withdraw(at, terms, Party.FEE_RECEIVER)),
        lambda: warp(601),
        lambda: warp(DAY),
        lambda: warp(8 * DAY),
    ]


async def _check_books(world: World, terms: Terms) -> None:
    books = await world.books(terms)
    paid = (await world.payouts()).get(world.id(terms), {})
    held = books.left + books.payee_due + books.payer_due + books.fee_due
    assert held + sum(paid.values()) == terms.amount
    assert await world.balance(world.address(terms)) == held
    assert all(value % CENT == 0 for value in (books.left, books.payee_due, books.payer_due, books.fee_due))


async def _leave_to_strangers(world: World, terms: Terms) -> None:
    """Time passes and strangers call what anyone may call."""
    at = world.address(terms)
    for move in (agreement.refund, agreement.finalise, agreement.release):
        world.rpc.warp(world.rpc.node.head_timestamp + 30 * DAY)
        try:
            await world.send("stranger", move(at, terms))
        except Reverted:
            continue
    await world.pay_out(terms)


@pytest.mark.parametrize("seed", range(8))
async def test_money_is_conserved_and_never_stuck(world: World, seed: int) -> None:
    dice = random.Random(seed)
    before = await world.balances()
    terms = await world.open_lone(amount=99_997 * CENT)
    moves = await _moves(world, terms)
    done = 0
    for _ in range(25):
        try:
            await dice.choice(moves)()
        except Reverted:
            continue
        done += 1
        await _check_books(world, terms)
    assert done, "a walk in which nothing happened shows nothing"
    await _leave_to_strangers(world, terms)
    books = await world.books(terms)
    assert books.state in ENDED
    assert (books.left, books.payee_due, books.payer_due, books.fee_due) == (0, 0, 0, 0)
    after = await world.balances()
    gained = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert gained.keys() <= {"maker", "customer", "fees"}
    assert sum(gained.values()) == 0
