"""The payer cheats; the payee did its work and loses."""

from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Party
from contracts.terms import Terms, What
from tests.contracts.cheats.row import CONSENT, CORE, FACTORY, LEDGER, carry, claim_all, earned, row
from tests.contracts.weakened import Cut
from tests.contracts.world import ADDRESS, DAY, EURO, SECRET, World


async def _makers_loss(world: World, before: int, terms: Terms, gross: int | None = None) -> int:
    """What the maker earned, all if `gross` is None, less what it has got."""
    await world.leave_to_strangers(terms)
    return earned(terms, gross) - (await world.balance("maker") - before)


@row(
    "customer hides the secret, though the carrier signed",
    at_most=0,
    cut=Cut(
        CORE,
        "_authorise(move.id, terms.carrier, DELIVERED, 0, consent);",
        "_authorise(move.id, address(0), DELIVERED, 0, consent);",
    ),
)
async def hides_the_secret(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await carry(world, terms)
    return await _makers_loss(world, before, terms)


@row(
    "customer and relayer: the carrier's signature is held back, somebody else sends it",
    at_most=0,
    cut=Cut(
        CONSENT,
        "if (block.timestamp > consent.deadline) revert SignatureExpired(consent.deadline);",
        f"if (msg.sender != {ADDRESS['relayer']}) revert SignatureExpired(consent.deadline);",
    ),
)
async def holds_the_carrier_back(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await carry(world, terms, sender="maker")
    return await _makers_loss(world, before, terms)


@row(
    "customer cancels after it took the parcel, contesting the shipment first",
    at_most=0,
    cut=Cut(
        CORE,
        "if (earned || move.word.isPaid(until) || move.word.isClaimed(until))",
    ),
)
async def cancels_after_taking_it(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await claim_all(world, terms)
    cancel = agreement.cancel(world.address(terms), terms, terms.amount)
    await world.tries("customer", cancel)
    await world.tries("customer", agreement.contest(world.address(terms), terms, 1))
    await world.tries("customer", cancel)
    await carry(world, terms)
    return await _makers_loss(world, before, terms)


@row(
    "customer disputes just before the delivery, two days late, arbiter silent: the penalty",
    at_most=20 * EURO,
    cut=Cut(
        CORE,
        "bool disputed = move.word.state() == State.Disputed && _aside.disputedIn == State.Open;",
        "bool disputed = false;",
    ),
)
async def disputes_before_the_delivery(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + 2 * DAY - 2)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await world.tries("stranger", agreement.delivered_by_secret(world.address(terms), terms, SECRET))
    return await _makers_loss(world, before, terms)


@row(
    "customer complains of good goods, arbiter silent",
    at_most=0,
    cut=Cut(
        CORE,
        "uint256 payeeBps = about == State.Open ? 0 : terms.timeoutBps;",
        "uint256 payeeBps = 0;",
    ),
)
async def complains_of_good_goods(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await carry(world, terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    return await _makers_loss(world, before, terms)


@row(
    "customer contests what has matured, and lets the time for delivery pass",
    at_most=0,
    cut=Cut(LEDGER, "if (state == State.Open || state == State.Delivered)"),
)
async def contests_what_matured(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await claim_all(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    await world.tries("customer", agreement.contest(world.address(terms), terms, 1))
    return await _makers_loss(world, before, terms, 300 * EURO)


@row(
    "customer and arbiter: a dispute over delivered goods takes at most what is left",
    at_most=700 * EURO,
    cut=Cut(LEDGER, "if (state == State.Open || state == State.Delivered)"),
)
async def customer_and_arbiter(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await claim_all(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    await carry(world, terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    await world.act("relayer", agreement.resolve, terms, 0, await world.verdict(terms, 0))
    return await _makers_loss(world, before, terms)


@row(
    "customer and arbiter: a complaint after the acceptance window",
    at_most=0,
    cut=Cut(CORE, "_requireNotAfter(_lastDispute(terms, move));", "_lastDispute(terms, move);"),
)
async def complains_too_late(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await carry(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.accept_window)
    if await world.tries("customer", agreement.dispute(world.address(terms), terms, Party.PAYER)):
        await world.act("relayer", agreement.resolve, terms, 0, await world.verdict(terms, 0))
    return await _makers_loss(world, before, terms)


@row(
    "customer and arbiter: a verdict after the arbiter's time",
    at_most=0,
    cut=Cut(CORE, "_requireNotAfter(disputedAt + terms.arbiterWindow);", ""),
)
async def decides_too_late(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await carry(world, terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.arbiter_window + 1)
    verdict = await world.verdict(terms, 0)
    await world.tries("relayer", agreement.resolve(world.address(terms), terms, 0, verdict))
    return await _makers_loss(world, before, terms)


@row(
    "customer and arbiter: a verdict from before the handover",
    at_most=0,
    cut=Cut(CORE, "bytes32(disputedAt << 16 | payeeBps)", "bytes32(payeeBps)"),
)
async def decides_by_the_old_question(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    at = world.address(terms)
    await world.act("customer", agreement.dispute, terms, Party.PAYER)
    # "Nothing was delivered": true when the arbiter signed it.
    bare = await world.consent_number("arbiter", terms, What.RESOLVE, 0)
    dated = await world.verdict(terms, 0)
    await carry(world, terms)
    for verdict in (bare, dated):
        await world.tries("customer", agreement.resolve(at, terms, 0, verdict))
    return await _makers_loss(world, before, terms)


@row(
    "customer takes the money back while the maker works",
    at_most=0,
    cut=Cut(CORE, "_requireAfter(_lastDelivery(terms));", ""),
)
async def refunds_early(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    await world.tries("customer", agreement.refund(world.address(terms), terms))
    await world.tries("maker", agreement.delivered_by_secret(world.address(terms), terms, SECRET))
    return await _makers_loss(world, before, terms)


@row(
    "customer renews the terms after the delivery, with papers from before it",
    at_most=0,
    cut=Cut(FACTORY, "if (from != State.Open)"),
)
async def renews_what_is_delivered(world: World) -> int:
    before = await world.balance("maker")
    terms = await world.open_lone()
    successor = world.successor_terms(terms, amount=800 * EURO)
    entry = await world.entry(successor)
    await carry(world, terms)
    if await world.tries("customer", factory.novate(world.book.factory, terms, [entry], 0)):
        await world.leave_to_strangers(successor)
    return await _makers_loss(world, before, terms)
