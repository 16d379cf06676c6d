"""Neither party cheats alone: stolen keys, a silent arbiter, whoever reads the mempool."""

import dataclasses

from contracts.bindings import agreement, factory
from contracts.bindings.agreement import SENT_BY_PARTY, Party
from contracts.bindings.factory import Entry
from contracts.terms import OPENED, ZERO_ADDRESS, Milestone, Terms, What, pack_milestones
from tests.contracts.cheats.row import CONSENT, CORE, FACTORY, LEDGER, carry, claim_all, earned, row
from tests.contracts.weakened import Cut
from tests.contracts.world import ADDRESS, DAY, EURO, PRODUCTION_FINISHED, SECRET, World

NOT_SIGNED = Cut(FACTORY, "if (!Signers.signed(party, id, signature))")


async def _held(world: World, terms: Terms) -> int:
    """What customer, maker and their agreement have together."""
    return sum([await world.balance(who) for who in ("customer", "maker", world.address(terms))])


def _unsigned(world: World, payee: str) -> Entry:
    """All that the customer still has on its standing allowance, and nobody's signature."""
    lanes = pack_milestones([Milestone(3_000, OPENED)])
    terms = world.delivery_terms(0, payee=ADDRESS[payee], amount=9_000 * EURO, milestones=lanes, cancel_until=255)
    return Entry(dataclasses.replace(terms, salt=b"\x66" * 32))


async def _everything_as_relayer(world: World, terms: Terms) -> None:
    at, by = world.address(terms), "relayer"
    consents = {what: await world.consent(by, terms, what) for what in What}
    split = await world.split_consent(by, terms, 10_000)
    forged = await world.evidence(by, terms, PRODUCTION_FINISHED)
    for call in (
        factory.open_batch(world.book.factory, [_unsigned(world, by)]),
        agreement.claim(at, terms, 1, [forged]),
        agreement.approve(at, terms, 1, await world.consent_number(by, terms, What.APPROVE, 1)),
        agreement.cancel(at, terms, terms.amount, await world.consent_number(by, terms, What.CANCEL, terms.amount)),
        agreement.revoke(at, terms, consents[What.REVOKE]),
        agreement.split(at, terms, 10_000, split, split),
        agreement.dispute(at, terms, Party.PAYER, consents[What.DISPUTE]),
        agreement.dispute(at, terms, Party.PAYEE),
        agreement.resolve(at, terms, 10_000, SENT_BY_PARTY),
        agreement.timeout(at, terms),
        agreement.refund(at, terms),
        agreement.delivered_by_secret(at, terms, SECRET[::-1]),
        agreement.delivered_by_carrier(at, terms, consents[What.DELIVERED]),
        agreement.accept(at, terms, consents[What.ACCEPT]),
        agreement.finalise(at, terms),
        agreement.release(at, terms),
        *(agreement.withdraw(at, terms, party) for party in (Party.PAYEE, Party.PAYER)),
    ):
        await world.tries(by, call)


@row("relayer's key stolen, alone: it moves nothing", at_most=0, cut=NOT_SIGNED)
async def relayer_alone(world: World) -> int:
    terms = await world.open_lone()
    before = await _held(world, terms)
    await _everything_as_relayer(world, terms)
    return before - await _held(world, terms)


@row(
    "relayer's key stolen, alone: it gives the parties' consents",
    at_most=0,
    cut=Cut(CONSENT, "if (!Signers.signed(party, digest, consent.signature))"),
)
async def relayer_consents(world: World) -> int:
    terms = await world.open_lone()
    before = await world.balance("customer"), await world.balance("maker")
    await _everything_as_relayer(world, terms)
    after = await world.balance("customer"), await world.balance("maker")
    return sum(abs(one - other) for one, other in zip(after, before, strict=True))


@row("relayer and maker: the customer's contest never arrives", at_most=300 * EURO, cut=NOT_SIGNED)
async def relayer_and_maker(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await claim_all(world, terms)
    forged = _unsigned(world, "maker")
    if await world.tries("relayer", factory.open_batch(world.book.factory, [forged])):
        await world.leave_to_strangers(forged.terms)
    await world.leave_to_strangers(terms)
    return before - await world.balance("customer")


@row(
    "relayer opens a delivery without its supplies",
    at_most=0,
    cut=Cut(FACTORY, "if (terms.supplyCount != supplies)"),
)
async def opens_a_part(world: World) -> int:
    before = await world.balance("customer")
    delivery = world.delivery_terms(supplies=2)
    await world.tries("relayer", factory.open_batch(world.book.factory, [await world.entry(delivery)]))
    return before - await world.balance("customer")


@row(
    "somebody takes the handover secret from the mempool and pushes every call itself",
    at_most=0,
    cut=Cut(
        LEDGER,
        "_push(terms, move.id, Party.Payee, terms.payee, move.toPayee);",
        "_push(terms, move.id, Party.Payee, msg.sender, move.toPayee);",
    ),
)
async def takes_the_secret(world: World) -> int:
    customer, maker = await world.balance("customer"), await world.balance("maker")
    terms = await world.open_lone()
    at = world.address(terms)
    theirs = agreement.delivered_by_secret(at, terms, SECRET)
    await world.send("stranger", theirs)
    # The customer's own transaction comes second and finds its work done.
    assert not await world.tries("customer", theirs)
    await world.leave_to_strangers(terms)
    paid_too_much = customer - await world.balance("customer") - terms.amount
    return paid_too_much + earned(terms) - (await world.balance("maker") - maker)


@row(
    "arbiter silent for ever, nothing delivered: nothing stays stuck",
    at_most=0,
    cut=Cut(CORE, "_requireAfter(uint256(_aside.disputedAt) + terms.arbiterWindow);", "_requireAfter(2 ** 64);"),
)
async def silent_arbiter(world: World) -> int:
    terms = await world.open_lone()
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await world.leave_to_strangers(terms)
    return await world.balance(world.address(terms))


@row(
    "arbiter silent, the maker two days late: the customer's penalty comes first",
    at_most=980 * EURO,
    cut=Cut(
        CORE,
        "about == State.Delivered ? Math.min(_penalty(terms, _deliveredAt(terms, move)), left) : 0;",
        "about == State.Delivered ? 0 : 0;",
    ),
)
async def silent_about_lateness(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + 2 * DAY - 2)
    await carry(world, terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await world.leave_to_strangers(terms)
    return before - await world.balance("customer")


@row(
    "maker and carrier: what is not there is accepted by time, unless the customer disputes and the arbiter looks",
    at_most=200 * EURO,
    cut=Cut(CORE, "if (state == State.Delivered) return _deliveredAt(terms, move) + terms.acceptWindow;", ""),
)
async def maker_and_carrier(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await carry(world, terms)
    if await world.tries("customer", agreement.dispute(world.address(terms), terms, Party.PAYER)):
        await world.act("relayer", agreement.resolve, terms, 0, await world.verdict(terms, 0))
    await world.leave_to_strangers(terms)
    return before - await world.balance("customer")


@row(
    "nobody is the carrier, and the zero address signs",
    at_most=200 * EURO,
    cut=Cut(CONSENT, "if (!Signers.signed(party, digest, consent.signature))"),
)
async def nobody_signs(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone(carrier=ZERO_ADDRESS)
    forged = agreement.Authorisation(terms.deliver_by, bytes(65))
    await world.tries("maker", agreement.delivered_by_carrier(world.address(terms), terms, forged))
    await world.leave_to_strangers(terms)
    return before - await world.balance("customer")
