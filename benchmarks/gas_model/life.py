"""One life of an agreement, move by move, and every other way that it can go; each move with what it needs."""

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from benchmarks.gas_model import needs
from benchmarks.gas_model.chain import (
    ADDRESS,
    EURO,
    FINISHED,
    PACKED,
    SECRET,
    SHIPPED,
    Chain,
    Sent,
    calldata_floor,
    calldata_gas,
)
from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Party, State
from contracts.bindings.call import Call
from contracts.terms import RETAINED, Kind, Milestone, Terms, What, handover_hash, number_word, pack_milestones

_CODES: Final = (FINISHED, PACKED, SHIPPED)
_WINDOW: Final = 601
"""Seconds after which a claim has matured."""


@dataclass(frozen=True)
class Step:
    """One transaction and what it needs."""

    sent: Sent
    needs: needs.Needs

    @property
    def gas(self) -> int:
        """What it used, refunds taken off."""
        return self.sent.gas

    @property
    def bound(self) -> int:
        """What the EVM asks at least."""
        calldata = self.sent.calldata
        wanted = calldata_gas(calldata) + sum(need.gas for need in self.needs)
        return needs.TRANSACTION + max(wanted, calldata_floor(calldata))


Steps = dict[str, Step]


@dataclass(frozen=True)
class Moves:
    """The moves on one chain, all sent by the relayer; each waits as long as it must and gives its step."""

    chain: Chain

    async def _do(self, call: Call, declared: needs.Needs) -> Step:
        return Step(await self.chain.send(call), declared)

    # ── opening ──────────────────────────────────────────────────────────────────────────────────

    async def open(self, terms: Terms) -> Step:
        """A delivery without supplies, out of a standing allowance."""
        entry = await self.chain.entry(terms)
        return await self._do(factory.open_one(self.chain.book.factory, entry), needs.OPEN_ALLOWANCE)

    async def opened(self, **changes: Any) -> Terms:
        """The terms of a delivery that just opened."""
        terms = self.chain.delivery(**changes)
        await self.open(terms)
        return terms

    async def open_permit(self) -> Step:
        """By somebody who allows nothing and has used one permit before."""
        for _ in range(2):
            terms = self.chain.delivery(payer=ADDRESS["walk-in"])
            entry = await self.chain.entry(terms, await self.chain.permit(terms.payer, terms.amount))
            step = await self._do(factory.open_one(self.chain.book.factory, entry), needs.OPEN_PERMIT)
        return step

    async def open_batch(self, order: list[Terms]) -> Step:
        """A delivery whose advance pays for its supplies."""
        entries = [await self.chain.entry(terms) for terms in order]
        return await self._do(factory.open_batch(self.chain.book.factory, entries), needs.batch(len(order) - 1))

    async def open_supply(self) -> Step:
        """Another supplier for a delivery that is open."""
        delivery = await self.opened()
        entry = await self.chain.entry(self.chain.supply(delivery, "a"))
        return await self._do(factory.open_supply(self.chain.book.factory, entry, [delivery]), needs.OPEN_SUPPLY)

    async def novate(self) -> Step:
        """New terms for 100 € more, before the delivery."""
        chain, old = self.chain, await self.opened()
        new = chain.delivery(
            replaces=chain.id(old),
            amount=old.amount + 100 * EURO,
            milestones=pack_milestones([Milestone(2_000, FINISHED)]),
            cancel_until=0,
            handover=handover_hash(keccak(b"another secret")),
        )
        consent = await chain.consent(new.payer, new, What.NOVATE, number_word(old.amount))
        call = factory.novate(chain.book.factory, old, [await chain.entry(new)], old.amount, consent)
        return await self._do(call, needs.NOVATE)

    # ── the work ─────────────────────────────────────────────────────────────────────────────────

    async def claim(self, terms: Terms, lane: int, code: int, *, word: str = "new", swept: int = 0) -> Step:
        """A milestone, proved by the attestor; `swept` claims before it have matured and are paid by the way."""
        call = agreement.claim(self.chain.address(terms), terms, lane, [await self.chain.evidence(terms, code)])
        proof = needs.signed("the attestor under its root")
        return await self._do(
            call, needs.move(proof, needs.told("Claimed"), _swept(swept), word=word, code=_code(terms))
        )

    async def claims(self, terms: Terms, first: int = 0, *, spaced: bool = False) -> list[Step]:
        """The three of a delivery; `spaced`, each matures before the next and is paid by it."""
        steps = []
        for number, code in enumerate(_CODES):
            word, swept = ("change" if number else "new"), int(spaced and number > 0)
            steps.append(await self.claim(terms, first + number, code, word=word, swept=swept))
            if spaced:
                self.chain.wait(_WINDOW)
        return steps

    async def approve(self) -> list[Step]:
        """The payer releases the first milestone, then the second."""
        terms, steps = await self.opened(), []
        for lane, word in enumerate(("new", "change")):
            consent = await self.chain.consent(terms.payer, terms, What.APPROVE, number_word(lane))
            call = agreement.approve(self.chain.address(terms), terms, lane, consent)
            steps.append(await self._do(call, needs.consented(needs.paid(), word=word)))
        return steps

    async def contest(self) -> Step:
        """The payer refuses a claim."""
        terms = await self.opened()
        await self.claim(terms, 0, FINISHED)
        consent = await self.chain.consent(terms.payer, terms, What.CONTEST, number_word(0))
        call = agreement.contest(self.chain.address(terms), terms, 0, consent)
        return await self._do(call, needs.consented(needs.told("Contested"), word="change"))

    async def withdraw(self) -> Step:
        """Anyone has the payee paid for a claim that has matured."""
        terms = await self.opened()
        await self.claim(terms, 0, FINISHED)
        self.chain.wait(_WINDOW)
        call = agreement.withdraw(self.chain.address(terms), terms, Party.PAYEE)
        return await self._do(call, needs.move(needs.KEPT, needs.paid(), word="change"))

    # ── the handover ─────────────────────────────────────────────────────────────────────────────

    async def delivered(self, terms: Terms, *, word: str = "new", swept: int = 0) -> Step:
        """By the recipient's secret."""
        call = agreement.delivered_by_secret(self.chain.address(terms), terms, SECRET)
        return await self._do(call, needs.move(_DELIVERED, _swept(swept), word=word, code=_code(terms)))

    async def delivered_by_carrier(self, terms: Terms, *, word: str = "new", swept: int = 0) -> Step:
        """By the carrier's signature."""
        consent = await self.chain.consent(terms.carrier, terms, What.DELIVERED)
        call = agreement.delivered_by_carrier(self.chain.address(terms), terms, consent)
        return await self._do(call, needs.consented(_DELIVERED, _swept(swept), word=word, code=_code(terms)))

    async def accept(self, terms: Terms) -> Step:
        """By the payer's signature."""
        consent = await self.chain.consent(terms.payer, terms, What.ACCEPT)
        call = agreement.accept(self.chain.address(terms), terms, consent)
        return await self._do(call, needs.consented(needs.ended(), word="change", code=_code(terms)))

    async def finalise(self, terms: Terms, *, swept: int = 0) -> Step:
        """After the acceptance window, with `swept` claims that matured in it."""
        self.chain.wait(terms.accept_window)
        call = agreement.finalise(self.chain.address(terms), terms)
        return await self._do(call, needs.move(needs.ended(credits_=1 + swept), word="change", code=_code(terms)))

    async def release(self) -> Step:
        """A retention of 5 %."""
        lanes = (Milestone(1_000, FINISHED), Milestone(1_500, PACKED), Milestone(500, RETAINED))
        terms = await self.opened(milestones=pack_milestones(lanes), cancel_until=1)
        await self.delivered(terms)
        consent = await self.chain.consent(terms.payer, terms, What.ACCEPT)
        await self.chain.send(agreement.accept(self.chain.address(terms), terms, consent))
        self.chain.wait(terms.retention_window)
        call = agreement.release(self.chain.address(terms), terms)
        return await self._do(call, needs.move(needs.ended(), word="change"))

    # ── the ways out ─────────────────────────────────────────────────────────────────────────────

    async def refund(self) -> Step:
        """Date and grace have passed."""
        terms = await self.opened()
        self.chain.wait(terms.deliver_by + terms.grace - self.chain.now)
        call = agreement.refund(self.chain.address(terms), terms)
        return await self._do(call, needs.move(needs.ended(receivers=1), word="new"))

    async def revoke(self) -> Step:
        """The payee gives up."""
        terms = await self.opened()
        consent = await self.chain.consent(terms.payee, terms, What.REVOKE)
        call = agreement.revoke(self.chain.address(terms), terms, consent)
        return await self._do(call, needs.consented(needs.ended(receivers=1), word="new"))

    async def cancel(self) -> Step:
        """The payer gives up, for 10 % of the price."""
        terms = await self.opened()
        most = terms.amount * terms.cancel_bps // 10_000
        consent = await self.chain.consent(terms.payer, terms, What.CANCEL, number_word(most))
        call = agreement.cancel(self.chain.address(terms), terms, most, consent)
        return await self._do(call, needs.consented(needs.ended(receivers=3), word="new"))

    async def dispute(self) -> tuple[Terms, Step]:
        """The payer does not accept what was delivered."""
        terms = await self.opened()
        await self.delivered(terms)
        consent = await self.chain.consent(terms.payer, terms, What.DISPUTE, number_word(State.DELIVERED))
        call = agreement.dispute(self.chain.address(terms), terms, Party.PAYER, consent)
        events = (needs.told("Disputed"), needs.told("StateChanged"))
        return terms, await self._do(call, needs.consented(needs.DISPUTED, events, word="change"))

    async def resolve(self) -> Step:
        """The arbiter gives the payee 40 %."""
        terms, _ = await self.dispute()
        # The verdict names the second of the dispute that it is about.
        verdict = number_word(self.chain.now << 16 | 4_000)
        consent = await self.chain.consent(terms.arbiter, terms, What.RESOLVE, verdict)
        call = agreement.resolve(self.chain.address(terms), terms, 4_000, consent)
        return await self._do(call, needs.consented(needs.CLOCK, needs.ended(receivers=3), word="change"))

    async def timeout(self) -> Step:
        """The arbiter kept silent."""
        terms, _ = await self.dispute()
        self.chain.wait(terms.arbiter_window)
        call = agreement.timeout(self.chain.address(terms), terms)
        return await self._do(call, needs.move(needs.CLOCK, needs.ended(), word="change"))

    async def split(self) -> Step:
        """Both agree on 40 % for the payee."""
        terms = await self.opened()
        payer, payee = [await self.chain.split(who, terms, 4_000) for who in (terms.payer, terms.payee)]
        call = agreement.split(self.chain.address(terms), terms, 4_000, payer, payee)
        other = needs.signed("the other party")
        return await self._do(call, needs.consented(other, needs.ended(receivers=3), word="new"))


_DELIVERED: Final = (needs.told("Delivered"), needs.told("StateChanged"))


def _swept(claims: int) -> needs.Needs:
    return needs.paid(credits_=claims) if claims else ()


def _code(terms: Terms) -> str:
    return "delivery code" if terms.kind is Kind.DELIVERY else "supply code"


# ── stories ──────────────────────────────────────────────────────────────────────────────────────


async def operations(chain: Chain) -> Steps:
    """Every move once, each on an agreement of its own."""
    moves = Moves(chain)
    found: Steps = {
        "open_permit": await moves.open_permit(),
        "batch_of_2": await moves.open_batch(chain.order(2)),
        "batch_of_3": await moves.open_batch(chain.order(3)),
        "open_supply": await moves.open_supply(),
        "novate": await moves.novate(),
        "contest": await moves.contest(),
        "withdraw": await moves.withdraw(),
        "refund": await moves.refund(),
        "revoke": await moves.revoke(),
        "cancel": await moves.cancel(),
        "resolve": await moves.resolve(),
        "timeout": await moves.timeout(),
        "split": await moves.split(),
        "release": await moves.release(),
    }
    found["approve"], found["approve_later"] = await moves.approve()
    _, found["dispute"] = await moves.dispute()
    terms = await moves.opened()
    found["delivered_by_carrier"] = await moves.delivered_by_carrier(terms)
    found["accept_signed"] = await moves.accept(terms)
    terms = await moves.opened()
    await moves.delivered(terms)
    found["finalise"] = await moves.finalise(terms)
    return found


async def life(chain: Chain, *, spaced: bool = False) -> Steps:
    """Opened, three claims, delivered, finalised, the payee paid.

    `spaced`, every claim matures before the next move, which pays it; else the last move pays all of them.
    """
    moves, terms = Moves(chain), chain.delivery()
    opened = await moves.open(terms)
    first, second, third = await moves.claims(terms, spaced=spaced)
    delivered = await moves.delivered(terms, word="change", swept=int(spaced))
    finalised = await moves.finalise(terms, swept=0 if spaced else 3)
    return {
        "open": opened,
        "claim_first": first,
        "claim_second": second,
        "claim_third": third,
        "delivered": delivered,
        "finalise": finalised,
    }


async def whole_order(chain: Chain) -> Steps:
    """A delivery and its three supplies in one batch, six claims, four handovers, four ends with payment and fee.

    The supplies' claims mature and are paid by the handover; the carrier signs it, the manufacturer accepts. The
    delivery's claims are paid when silence has accepted it.
    """
    moves, order = Moves(chain), chain.order(3)
    delivery, *supplies = order
    steps = {"batch": await moves.open_batch(order)}
    for number, terms in enumerate(supplies, 1):
        steps[f"supply {number}: claim"] = await moves.claim(terms, 0, FINISHED)
    chain.wait(_WINDOW)
    for number, terms in enumerate(supplies, 1):
        steps[f"supply {number}: delivered"] = await moves.delivered_by_carrier(terms, word="change", swept=1)
        steps[f"supply {number}: accept"] = await moves.accept(terms)
    for number, step in enumerate(await moves.claims(delivery, 1), 1):
        steps[f"delivery: claim {number}"] = step
    steps["delivery: delivered"] = await moves.delivered(delivery, word="change")
    steps["delivery: finalise"] = await moves.finalise(delivery, swept=3)
    return steps
