"""The payee cheats, alone or with somebody else's key; the payer loses."""

from contracts.bindings import agreement
from contracts.bindings.agreement import Party
from contracts.errors import BadTerms, CostsMore
from contracts.terms import NEVER, OPENED, Milestone, Terms, What, Witnessed, pack_milestones
from tests.contracts.cheats.row import CONSENT, CORE, FACTORY, LEDGER, RULES, claim_all, opened, row
from tests.contracts.weakened import Cut
from tests.contracts.world import ADDRESS, EURO, INSPECTION_PASSED, PRODUCTION_FINISHED, SECRET, World

CAP = 300 * EURO
"""`selfAttestedBps` of 1,000 €: the advance of 20 % and the maker's own milestone of 10 %."""
ADVANCE = 200 * EURO


async def _customers_loss(world: World, before: int, *opened_terms: Terms) -> int:
    for terms in opened_terms:
        await world.leave_to_strangers(terms)
    return before - await world.balance("customer")


@row(
    "maker forges every event, ships nothing, customer absent for ever",
    at_most=CAP,
    cut=Cut(RULES, "if (selfAttested > selfAttestedBps)"),
)
async def forges_everything(world: World) -> int:
    before = await world.balance("customer")
    greedy = pack_milestones([Milestone(10_000, PRODUCTION_FINISHED)])
    terms = await opened(world, {"milestones": greedy, "cancel_until": NEVER})
    at = world.address(terms)
    await claim_all(world, terms)
    by_maker = await world.consent("maker", terms, What.DELIVERED)
    for call in (
        agreement.delivered_by_secret(at, terms, SECRET[::-1]),
        agreement.delivered_by_carrier(at, terms, by_maker),
        agreement.accept(at, terms, await world.consent("maker", terms, What.ACCEPT)),
        *(agreement.approve(at, terms, index) for index in range(5)),
        *(agreement.withdraw(at, terms, party) for party in Party),
    ):
        await world.tries("maker", call)
    return await _customers_loss(world, before, terms)


@row(
    "maker forges every event, customer contests in time",
    at_most=ADVANCE,
    cut=Cut(CORE, "move.word = move.word.refuse(milestone);", ""),
)
async def forges_and_is_contested(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await claim_all(world, terms)
    await world.act("customer", agreement.contest, terms, 1)
    return await _customers_loss(world, before, terms)


@row(
    "supplier forges every event and ships nothing, manufacturer absent",
    at_most=36 * EURO,
    cut=Cut(RULES, "if (selfAttested > selfAttestedBps)"),
)
async def supplier_forges(world: World) -> int:
    delivery = world.delivery_terms(supplies=1)
    greedy = pack_milestones([Milestone(10_000, PRODUCTION_FINISHED)])
    for supply in (world.supply_terms(delivery, milestones=greedy), world.supply_terms(delivery)):
        try:
            await world.open([delivery, supply])
        except BadTerms:
            continue
        break
    before = await world.balance("maker")
    await claim_all(world, supply, "attestor_a")
    await world.leave_to_strangers(supply)
    return supply.amount - (await world.balance("maker") - before)


@row(
    "maker claims in the last second, so that nobody can contest before the refund",
    at_most=ADVANCE,
    cut=Cut(LEDGER, "state == State.Open ?", "false && state == State.Open ?"),
)
async def claims_last_second(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    world.rpc.warp(terms.deliver_by + terms.grace - 1)
    await claim_all(world, terms)
    world.rpc.warp(terms.deliver_by + terms.grace + terms.contest_window)
    await world.tries("maker", agreement.withdraw(world.address(terms), terms, Party.PAYEE))
    return await _customers_loss(world, before, terms)


@row(
    "maker would be its own carrier",
    at_most=CAP,
    cut=Cut(RULES, "if (carrier == payee || carrier == attestor || carrier == arbiter || carrier == payer)"),
)
async def own_carrier(world: World) -> int:
    before = await world.balance("customer")
    terms = await opened(world, {"carrier": ADDRESS["maker"]})
    await world.tries("maker", agreement.delivered_by_carrier(world.address(terms), terms))
    await claim_all(world, terms)
    return await _customers_loss(world, before, terms)


@row(
    "maker would be its own test house",
    at_most=CAP,
    cut=Cut(RULES, "if (witness != address(0) && (witness == payee || witness == attestor || witness == arbiter))"),
)
async def own_witness(world: World) -> int:
    before = await world.balance("customer")
    lanes = pack_milestones([Milestone(10_000, INSPECTION_PASSED, Witnessed.WITNESS)])
    terms = await opened(world, {"witness": ADDRESS["attestor"], "milestones": lanes, "cancel_until": NEVER})
    await claim_all(world, terms)
    return await _customers_loss(world, before, terms)


@row(
    "maker signs for the test house",
    at_most=CAP,
    cut=Cut(CONSENT, "if (!Signers.signed(signer, digest, evidence.signature))"),
)
async def forges_the_witness(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await claim_all(world, terms, "attestor", "attestor")
    return await _customers_loss(world, before, terms)


@row(
    "maker shows one order's evidence for its twin",
    at_most=ADVANCE,
    cut=Cut(CONSENT, "if (TermsHash.rootOf(leaf, evidence.proof) != evidence.root)"),
)
async def shows_evidence_twice(world: World) -> int:
    made = await world.open_lone(salt=b"\x02" * 32)
    before = await world.balance("customer")
    twin = await world.open_lone()
    proof = await world.evidence("attestor", made, PRODUCTION_FINISHED)
    await world.tries("maker", agreement.claim(world.address(twin), twin, 1, [proof]))
    return await _customers_loss(world, before, twin)


@row(
    "maker guesses the handover secret",
    at_most=ADVANCE,
    cut=Cut(CORE, "if (terms.handover == 0 || keccak256(bytes.concat(secret)) != terms.handover)"),
)
async def guesses_the_secret(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await world.tries("maker", agreement.delivered_by_secret(world.address(terms), terms, b"\x99" * 32))
    return await _customers_loss(world, before, terms)


@row(
    "maker signs for the carrier",
    at_most=ADVANCE,
    cut=Cut(CONSENT, "if (!Signers.signed(party, digest, consent.signature))"),
)
async def forges_the_carrier(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    forged = await world.consent("maker", terms, What.DELIVERED)
    await world.tries("maker", agreement.delivered_by_carrier(world.address(terms), terms, forged))
    return await _customers_loss(world, before, terms)


@row(
    "maker divides the rest without the customer",
    at_most=ADVANCE,
    cut=Cut(
        CORE,
        "_authoriseSplit(move.id, terms.payer, payeeBps, payer);",
        "_authoriseSplit(move.id, terms.payee, payeeBps, payer);",
    ),
)
async def splits_alone(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    mine = await world.split_consent("maker", terms, 10_000)
    await world.tries("maker", agreement.split(world.address(terms), terms, 10_000, mine, mine))
    return await _customers_loss(world, before, terms)


@row(
    "maker disputes before it ships anything, arbiter silent",
    at_most=ADVANCE,
    cut=Cut(
        CORE,
        "uint256 payeeBps = about == State.Open ? 0 : terms.timeoutBps;",
        "uint256 payeeBps = terms.timeoutBps;",
    ),
)
async def disputes_before_it_ships(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await world.act("maker", agreement.dispute, terms, Party.PAYEE)
    return await _customers_loss(world, before, terms)


@row(
    "maker and arbiter, where nobody disputed",
    at_most=ADVANCE,
    cut=Cut(
        CORE,
        "_requireState(move, State.Disputed);\n        uint256 disputedAt = _aside.disputedAt;\n"
        "        _requireNotAfter(disputedAt + terms.arbiterWindow);",
        "uint256 disputedAt = _aside.disputedAt;",
    ),
)
async def maker_and_arbiter_without_a_dispute(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    verdict = await world.verdict(terms, 10_000)
    await world.tries("maker", agreement.resolve(world.address(terms), terms, 10_000, verdict))
    return await _customers_loss(world, before, terms)


@row(
    "maker slips a claim in before the customer's cancellation: nothing beyond what was shown",
    at_most=280 * EURO,
    cut=Cut(CORE, "if (costs > most)"),
)
async def claims_before_a_cancellation(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone(cancel_until=3)
    # The advance, and a tenth of the other 800 €.
    shown = 280 * EURO
    consent = await world.consent_number("customer", terms, What.CANCEL, shown)
    await claim_all(world, terms)
    cancel = agreement.cancel(world.address(terms), terms, shown, consent)
    if not await world.tries("maker", cancel):
        await world.act("customer", agreement.contest, terms, 1)
        await world.send("relayer", cancel)
    return before - await world.balance("customer")


@row(
    "maker's claim matures before a novation: the customer adds no more than it agreed to",
    at_most=0,
    cut=Cut(FACTORY, "if (brought < carried)"),
)
async def claims_before_a_novation(world: World) -> int:
    terms = await world.open_lone()
    successor = world.successor_terms(terms, amount=800 * EURO, milestones=0)
    before = await world.balance("customer")
    await claim_all(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    try:
        await world.novate(terms, successor, least=800 * EURO)
    except CostsMore:
        return 0
    return before - await world.balance("customer")


@row(
    "maker has the terms renewed, so that its own word counts again",
    at_most=CAP,
    cut=Cut(FACTORY, "if (selfAttested > allowed)"),
)
async def restarts_the_cap(world: World) -> int:
    lanes = pack_milestones([Milestone(3_000, PRODUCTION_FINISHED)])
    return await _after_renewal(world, lanes)


@row(
    "maker has the terms renewed, with a second advance",
    at_most=CAP,
    cut=Cut(FACTORY, "if (Milestones.hasAdvance(terms.milestones))"),
)
async def asks_for_a_second_advance(world: World) -> int:
    return await _after_renewal(world, pack_milestones([Milestone(3_000, OPENED)]))


async def _after_renewal(world: World, lanes: int) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    await claim_all(world, terms)
    world.rpc.warp(world.rpc.node.head_timestamp + terms.contest_window)
    successor = world.successor_terms(terms, amount=700 * EURO, milestones=lanes)
    try:
        await world.novate(terms, successor)
    except BadTerms:
        return await _customers_loss(world, before, terms)
    await claim_all(world, successor)
    return await _customers_loss(world, before, terms, successor)


@row(
    "maker delivers a rework with the secret of the first delivery",
    at_most=ADVANCE,
    cut=Cut(FACTORY, "if (terms.handover != 0 && terms.handover == old.handover)"),
)
async def replays_the_secret(world: World) -> int:
    before = await world.balance("customer")
    terms = await world.open_lone()
    # Everybody has seen the secret, the goods are bad, and both agree on a second try.
    await world.hand_over(terms)
    for successor in (world.successor_terms(terms, handover=terms.handover), world.successor_terms(terms)):
        try:
            await world.novate(terms, successor)
        except BadTerms:
            continue
        break
    await world.tries("maker", agreement.delivered_by_secret(world.address(successor), successor, SECRET))
    return await _customers_loss(world, before, successor)
