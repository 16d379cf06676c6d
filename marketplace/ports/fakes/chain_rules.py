"""Terms and batches that the fake chain refuses, by the names and in the order of the contracts.

A refusal is the name of the contract's error: see `contracts/src/interfaces/IAgreementErrors.sol`.
"""

from marketplace.domain.agreement import NEVER, ZERO_ADDRESS, ZERO_HASH, AgreementKind, Milestone, Terms
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.money import BPS
from marketplace.ports.chain import ChainParameters, ChainRefused

MAX_BATCH = 32
LANES = 8
LONGEST_S = 1460 * 86_400
"""No clock is longer: a slip of the pen would lock money for ever."""
RESERVED = frozenset({EventCode.OPENED, EventCode.RETAINED})
"""Codes of the agreements themselves: never claimed."""


def part(whole: int, bps: int, unit: int) -> int:
    """A share of `whole` token units, floored to `unit`: the one rounding rule."""
    exact = whole * bps // BPS
    return exact - exact % unit


def milestone_of(terms: Terms, code: EventCode) -> int | None:
    """The milestone that carries a reserved code."""
    return next((index for index, lane in enumerate(terms.milestones) if lane.code == code), None)


def require(condition: bool, error: str) -> None:
    """Raises ChainRefused with the contract's name for it."""
    if not condition:
        raise ChainRefused(error)


def check_lanes(terms: Terms) -> None:
    """Whether the milestones fit into the word that people sign."""
    require(len(terms.milestones) <= LANES, "BadTerms")
    require(sum(lane.bps for lane in terms.milestones) <= BPS, "BadTerms")


def check_place(
    terms: Terms, kind: AgreementKind, *, supplies: int = 0, parent: str = ZERO_HASH, replaces: str = ZERO_HASH
) -> None:
    """Whether the terms may be opened as that `kind`, with so many supplies, under that parent, after that one."""
    require(terms.kind is kind, "WrongKind")
    require(terms.supply_count == supplies, "WrongSupplyCount")
    require(terms.parent == parent, "ForeignParent")
    require(terms.replaces == replaces, "ForeignPredecessor")


def check_supply(terms: Terms, delivery: Terms) -> None:
    """Whether a supply is paid by the payee of this delivery, in the same money."""
    require(_same(terms.payer, delivery.payee), "ForeignPayer")
    require(_same(terms.token, delivery.token) and terms.unit == delivery.unit, "MixedMoney")


def check_successor(terms: Terms, old: Terms) -> None:
    """Whether it is the same two people with the same money, and no second advance."""
    require(terms.kind is old.kind, "WrongKind")
    require(_same(terms.payer, old.payer), "ForeignPayer")
    require(_same(terms.payee, old.payee), "ForeignPayee")
    require(_same(terms.token, old.token) and terms.unit == old.unit, "MixedMoney")
    require(milestone_of(terms, EventCode.OPENED) is None, "UnexpectedAdvance")
    require(terms.handover == ZERO_HASH or terms.handover != old.handover, "HandoverReused")


def self_attested(terms: Terms, released: frozenset[int] = frozenset()) -> int:
    """What the attestor's word alone can release, in token units, but for the milestones in `released`."""
    return sum(
        part(terms.amount, lane.bps, terms.unit)
        for index, lane in enumerate(terms.milestones)
        if lane.who is Witness.ATTESTOR and lane.code not in RESERVED and index not in released
    )


def check_terms(terms: Terms, known: ChainParameters, fee_ceiling_bps: int, now: int, sender: str) -> None:
    """Whether a factory opens such terms at the second `now` in a transaction of `sender`."""
    require(_same(terms.token, known.token), "TokenNotListed")
    _check_parties(terms)
    # Whoever carries the terms to the chain must not be their judge.
    require(not _same(terms.arbiter, sender), "RoleConflict")
    _check_money(terms, fee_ceiling_bps)
    _check_clocks(terms, now)
    _check_milestones(terms, known.self_attested_bps)


def _check_parties(terms: Terms) -> None:
    payer, payee, attestor, witness, carrier, arbiter = (
        address.lower()
        for address in (terms.payer, terms.payee, terms.attestor, terms.witness, terms.carrier, terms.arbiter)
    )
    require(ZERO_ADDRESS not in {payer, payee, arbiter}, "PartyMissing")
    require(payer != payee and arbiter not in {payer, payee, attestor}, "RoleConflict")
    require(witness == ZERO_ADDRESS or witness not in {payee, attestor, arbiter}, "RoleConflict")
    if carrier == ZERO_ADDRESS:
        require(terms.handover != ZERO_HASH, "NoDeliveryProof")
    else:
        require(carrier not in {payee, attestor, arbiter, payer}, "RoleConflict")


def _check_money(terms: Terms, fee_ceiling_bps: int) -> None:
    require(terms.amount > 0 and terms.unit > 0 and terms.amount % terms.unit == 0, "BadAmount")
    require(terms.fee_bps <= fee_ceiling_bps, "FeeTooHigh")
    rates = (terms.penalty_bps_per_day, terms.penalty_cap_bps, terms.cancel_bps, terms.timeout_bps)
    require(max(rates) <= BPS, "RateTooHigh")


def _check_clocks(terms: Terms, now: int) -> None:
    require(now <= terms.fund_by, "FundingExpired")
    in_time = terms.deliver_by + terms.grace <= now + LONGEST_S
    require(terms.fund_by <= terms.deliver_by and in_time, "BadDeadlines")
    windows = [terms.contest_window, terms.accept_window, terms.arbiter_window]
    if terms.retention_window or milestone_of(terms, EventCode.RETAINED) is not None:
        windows.append(terms.retention_window)
    require(all(0 < window <= LONGEST_S for window in windows), "BadWindow")


def _check_milestones(terms: Terms, self_attested_bps: int) -> None:
    lanes = terms.milestones
    codes = [lane.code for lane in lanes]
    require(len(set(codes)) == len(codes) and 0 not in codes, "BadEventCode")
    require(EventCode.OPENED not in codes[1:], "BadEventCode")
    require(sum(lane.bps for lane in lanes if _is_self_attested(lane)) <= self_attested_bps, "SelfAttestedTooHigh")
    for lane in lanes:
        _check_signers(terms, lane)
    require(terms.cancel_until == NEVER or terms.cancel_until < len(lanes), "BadCancelUntil")


def _check_signers(terms: Terms, lane: Milestone) -> None:
    if lane.code in RESERVED:
        return
    if lane.who in {Witness.ATTESTOR, Witness.BOTH}:
        require(terms.attestor != ZERO_ADDRESS, "SignerMissing")
    if lane.who in {Witness.WITNESS, Witness.BOTH}:
        require(terms.witness != ZERO_ADDRESS, "SignerMissing")


def _is_self_attested(lane: Milestone) -> bool:
    if lane.code in RESERVED:
        return lane.code == EventCode.OPENED
    return lane.who is Witness.ATTESTOR


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
