"""A setting on the contracts' own code: its terms signed and opened, its moves as calls, its books read back."""

from dataclasses import dataclass, field, replace
from typing import Any

from contracts import terms as real
from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Authorisation, Evidence, Party
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry
from marketplace.domain.agreement import ZERO_ADDRESS, ZERO_HASH, AgreementKind, OnChain, Terms
from marketplace.domain.evidence import Witness
from marketplace.ports.fakes.chain_books import CONTESTED, Books
from tests.contracts.mischief import MischievousWorld, Mode, call
from tests.contracts.world import ADDRESS, SECOND_SECRET, SECRET, World
from tests.model.bench import Bench, Transfer
from tests.model.scenes import FEES, SHARES, START, SUCCESSOR, Refusal, Setting, Step

WHO = {
    "0xca": "customer",
    "0x3a": "maker",
    "0xa1": "attestor",
    "0xb1": "witness",
    "0xcc": "carrier",
    "0xaa": "arbiter",
    FEES: "fees",
}
"""The people of the model's terms, by their names in the tests' world."""
BY = {
    **dict.fromkeys(("contest", "approve", "accept", "cancel", "split"), "customer"),
    "revoke": "maker",
    "resolve": "arbiter",
    "deliveredByCarrier": "carrier",
}
"""Who sends a move and so gives its word; strangers send the others."""
PARTY = {"payee": Party.PAYEE, "payer": Party.PAYER, "fee": Party.FEE_RECEIVER}
LIVE = (OnChain.OPEN, OnChain.DELIVERED, OnChain.RETAINED, OnChain.DISPUTED)


@dataclass
class Papers:
    """One agreement on the chain, and everything that was signed about it beforehand."""

    terms: real.Terms
    address: str
    entry: Entry
    evidence: dict[int, list[Evidence]] = field(default_factory=dict)
    splits: dict[int, Authorisation] = field(default_factory=dict)
    payer_novates: Authorisation = agreement.SENT_BY_PARTY
    payee_novates: dict[OnChain, Authorisation] = field(default_factory=dict)


@dataclass
class Stage:
    """A setting on a bench. `shift` is the chain's second of the model's START, less that.

    `before` is the delivery with which a supply opens.
    """

    setting: Setting
    bench: Bench
    world: World
    shift: int
    papers: tuple[Papers, ...]
    before: tuple[Entry, ...] = ()

    def open(self) -> None:
        """The first agreement opens at START, a supply together with its delivery."""
        self._prepare(START)
        opening = factory.open_batch(self.world.book.factory, [*self.before, self.papers[0].entry])
        self.bench.send(ADDRESS["relayer"], opening, START + self.shift)

    def move(self, step: Step | Refusal, now: int, *, wordless: bool = False) -> list[tuple[str, int]]:
        """Do what the step says and give who was paid what; `wordless` means that a stranger sends it, unsigned.

        Raises:
            Reverted: the contracts refuse it.
        """
        self._prepare(now)
        sender, message = self._message(step)
        if wordless:
            sender, message = "stranger", self._wordless(step)
        transfers = self.bench.send(ADDRESS[sender], message, now + self.shift)
        return sorted((self._name(one), one.units) for one in transfers if self._is_ours(one))

    def books(self, index: int, like: Books) -> Books:
        """The books on the chain, in the model's terms. `like` are the model's: they divide fees into two heaps."""
        papers = self.papers[index]
        found = self.bench.ask("DeliveryAgreement", papers.address, "books", [papers.terms.as_tuple()])
        state, released, delivered_at, left, fees, payee_due, payer_due, disputed_at, disputed_in = found
        disputed = OnChain(state) is OnChain.DISPUTED
        claims = self._claimed(papers) if state in {OnChain.OPEN, OnChain.DELIVERED} else like.claimed
        return replace(
            like,
            left=left,
            fees=fees - like.fee_due,
            released=frozenset(lane for lane in range(8) if released >> lane & 1),
            state=OnChain(state),
            claimed=claims,
            delivered_at=self._instant(delivered_at),
            payee_due=payee_due,
            payer_due=payer_due,
            disputed_at=self._instant(disputed_at) if disputed else like.disputed_at,
            disputed_in=OnChain(disputed_in) if disputed else like.disputed_in,
        )

    def held(self, index: int) -> int:
        """The token's own word for what an agreement holds."""
        token = self.papers[index].terms.token
        return int(self.bench.ask("TestEuro", token, "balanceOf", [self.papers[index].address]))

    def _claimed(self, papers: Papers) -> tuple[int, ...]:
        found = self.bench.ask("DeliveryAgreement", papers.address, "claimedAt", [papers.terms.as_tuple()])
        return tuple(self._instant(at) for at in found)

    def _instant(self, at: int) -> int:
        return at if at in {0, CONTESTED} else at - self.shift

    def _prepare(self, now: int) -> None:
        """The token refuses whom it refuses in that second."""
        if not self.setting.frozen:
            return
        assert isinstance(self.world, MischievousWorld)
        [victim] = self.setting.frozen
        mode = Mode.RETURNS_FALSE if self.setting.frozen_at(now) else Mode.HONEST
        behave = call(self.world.token, "behave(uint8,address)", int(mode), ADDRESS[WHO[victim]])
        self.bench.send(ADDRESS["stranger"], behave, now + self.shift)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────

    def _message(self, step: Step | Refusal) -> tuple[str, Call]:
        """Whoever has to agree sends it itself; where two have to, the second has signed."""
        papers = self.papers[step.number]
        to, terms = papers.address, papers.terms
        match step.move, step.arguments:
            case "claim", (int(lane),):
                return "stranger", agreement.claim(to, terms, lane, papers.evidence.get(lane, []))
            case "split", (int(bps),):
                return "customer", agreement.split(to, terms, bps, payee=papers.splits[bps])
            case "dispute", (str(by),):
                is_payee = by == "payee" and step.before is OnChain.OPEN
                return "maker" if is_payee else "customer", agreement.dispute(to, terms, PARTY[str(by)])
            case "novate", ():
                return "relayer", self._novation(step, self.papers[1].payer_novates)
            case _:
                return BY.get(step.move, "stranger"), self._wordless(step)

    def _wordless(self, step: Step | Refusal) -> Call:
        """The move without any signature of a party."""
        papers = self.papers[step.number]
        to, terms = papers.address, papers.terms
        match step.move, step.arguments:
            case ("contest" | "approve") as name, (int(lane),):
                return getattr(agreement, name)(to, terms, lane)  # type: ignore[no-any-return]
            case "cancel", ():
                return agreement.cancel(to, terms, terms.amount)
            case ("resolve" | "split") as name, (int(bps),):
                return getattr(agreement, name)(to, terms, bps)  # type: ignore[no-any-return]
            case "withdraw", (str(party),):
                return agreement.withdraw(to, terms, PARTY[party])
            case "dispute", (str(by),):
                return agreement.dispute(to, terms, PARTY[by])
            case "novate", ():
                return self._novation(step, agreement.SENT_BY_PARTY)
            case "deliveredBySecret", ():
                secret = SECRET if step.number == 0 else SECOND_SECRET
                return agreement.delivered_by_secret(to, terms, secret)
            case "deliveredByCarrier", ():
                return agreement.delivered_by_carrier(to, terms)
            case ("accept" | "finalise" | "release" | "refund" | "revoke" | "timeout") as name, ():
                return getattr(agreement, name)(to, terms)  # type: ignore[no-any-return]
        raise AssertionError(step)

    def _novation(self, step: Step | Refusal, payer: Authorisation) -> Call:
        old, new = self.papers
        payee = new.payee_novates.get(step.before, agreement.SENT_BY_PARTY)
        return factory.novate(self.world.book.factory, old.terms, [new.entry], 0, payer, payee)

    def _is_ours(self, transfer: Transfer) -> bool:
        return transfer.source in {papers.address.lower() for papers in self.papers}

    def _name(self, transfer: Transfer) -> str:
        """The receiver's address in the model."""
        if len(self.papers) > 1 and transfer.to == self.papers[1].address.lower():
            return SUCCESSOR
        names = {ADDRESS[name].lower(): address for address, name in WHO.items()}
        return names.get(transfer.to, transfer.to)


SAME = (
    *("unit", "amount", "grace", "contest_window", "accept_window", "retention_window", "arbiter_window"),
    *("penalty_bps_per_day", "penalty_cap_bps", "fee_bps", "cancel_bps", "cancel_until", "timeout_bps"),
)
"""Members of the terms that are the same in both."""


# ── papers ───────────────────────────────────────────────────────────────────────────────────────


async def staged(setting: Setting, world: World, bench: Bench) -> Stage:
    """The setting with everything signed that anybody will ever sign, and its first agreement open."""
    shift = int(bench.head.timestamp) + 1 - START
    before: tuple[Entry, ...] = ()
    parent = b""
    if setting.terms.kind is AgreementKind.SUPPLY:
        # Its payer is the payee of the delivery.
        sides = {"payer": ADDRESS["maker"], "payee": ADDRESS["customer"]}
        delivery = world.delivery_terms(1, unit=setting.terms.unit, arbiter=ADDRESS["stranger"], **sides)
        before, parent = (await world.entry(delivery),), world.id(delivery)
    old = _terms(setting.terms, world, shift, parent=parent)
    papers = [await _papers(old, world)]
    if setting.successor is not None:
        new = _terms(setting.successor, world, shift, replaces=world.id(old))
        papers.append(await _papers(new, world))
    stage = Stage(setting, bench, world, shift, tuple(papers), before)
    stage.open()
    return stage


def _terms(terms: Terms, world: World, shift: int, *, parent: bytes = b"", replaces: bytes = b"") -> real.Terms:
    assert world.book.test_euro is not None
    people: dict[str, Any] = {
        name: _person(getattr(terms, name)) for name in ("payer", "payee", "attestor", "witness", "carrier", "arbiter")
    }
    same = {name: getattr(terms, name) for name in SAME}
    lanes = [real.Milestone(lane.bps, int(lane.code), real.Witnessed(lane.who)) for lane in terms.milestones]
    secret = SECRET if not replaces else SECOND_SECRET
    return real.Terms(
        kind=real.Kind(terms.kind),
        supply_count=0,
        token=world.book.test_euro,
        milestones=real.pack_milestones(lanes),
        fund_by=terms.fund_by + shift,
        deliver_by=terms.deliver_by + shift,
        handover=real.ZERO_WORD if terms.handover == ZERO_HASH else real.handover_hash(secret),
        parent=parent or real.ZERO_WORD,
        replaces=replaces or real.ZERO_WORD,
        spec_hash=b"\x51" * 32,
        salt=b"\x01" * 32,
        **people,
        **same,
    )


def _person(address: str) -> str:
    return ZERO_ADDRESS if address == ZERO_ADDRESS else ADDRESS[WHO[address]]


async def _papers(terms: real.Terms, world: World) -> Papers:
    papers = Papers(terms, world.address(terms), await world.entry(terms))
    signers = {
        Witness.ATTESTOR: ("attestor",),
        Witness.WITNESS: ("witness",),
        Witness.BOTH: ("attestor", "witness"),
        Witness.PAYER: ("attestor",),
    }
    for index, lane in enumerate(real.unpack_milestones(terms.milestones)):
        if lane is not None:
            by = signers[Witness(lane.witnessed)]
            papers.evidence[index] = [await world.evidence(who, terms, lane.event_code) for who in by]
    for bps in SHARES:
        papers.splits[bps] = await world.split_consent("maker", terms, bps)
    papers.payer_novates = await world.consent_number("customer", terms, real.What.NOVATE, 0)
    for state in LIVE:
        papers.payee_novates[state] = await world.consent_number("maker", terms, real.What.NOVATE, int(state))
    return papers
