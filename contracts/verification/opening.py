"""How agreements came to be: who signed their terms, what opened together, and where the money went."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.bindings import factory as binding
from contracts.bindings.agreement import State
from contracts.events import AdvanceToPayee, AdvanceToSupply
from contracts.terms import OPENED, Kind, Terms, What, number_word, terms_id
from contracts.verification.calls import Asked, Signed, asked
from contracts.verification.deployment import Deployment
from contracts.verification.family import Member
from contracts.verification.funding import Group, Plan
from contracts.verification.ledger import Ledger
from contracts.verification.reader import Reader, Transaction, same
from contracts.verification.replay import Replay
from contracts.verification.signatures import Signatures
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import Money, payee, payer

Advances = Sequence[AdvanceToPayee | AdvanceToSupply]


@dataclass
class Openings:
    """Checks the openings of one order; `replays` are its agreements so far, by id."""

    reader: Reader
    deployment: Deployment
    signatures: Signatures
    money: Money
    notes: Notes
    replays: Mapping[bytes, Replay]

    async def check(self, group: Group, sent: Transaction, advances: Advances) -> Plan:
        """Everything about one opening; gives what it moved. Raises Discrepancy."""
        self.notes.agreement = group.head.id
        call = self._call(group, sent)
        for member in group.members:
            self.notes.agreement = member.id
            await self._check_rules(member, sent)
            await self._check_signed(member, call, sent)
        self.notes.agreement = group.head.id
        self._check_batch(group)
        brought = 0
        if group.replaces:
            brought = await self._check_successor(group, call, sent)
        elif group.joins:
            self._check_joined(group, sent)
        plan = group.plan(brought)
        self._check_advances(group, plan, advances)
        return plan

    # ── the call ─────────────────────────────────────────────────────────────────────────────────

    def _call(self, group: Group, sent: Transaction) -> Asked | None:
        try:
            call = asked(sent, self.deployment.factory, binding.CONTRACT)
        except ValueError as error:
            raise self.notes.wrong(Check.OPENING_CALL, f"{sent.hash}: {error}") from error
        if call is None:
            statement = f"opened through {sent.to or 'a creation'}: the factory's code asked for both signatures"
            self.notes.note(Check.OPENING_CALL, statement, Voucher.CHAIN)
            return None
        wanted = ("novate",) if group.replaces else ("openSupply",) if group.joins else ("open", "openBatch")
        self.notes.require(call.name in wanted, Check.OPENING_CALL, f"{call.name} opens no such agreements")
        return call

    async def _check_signed(self, member: Member, call: Asked | None, sent: Transaction) -> None:
        if call is None:
            return
        try:
            entries = [Signed.from_tuple(entry) for entry in _entries(call)]
        except (ValueError, TypeError) as error:
            raise self.notes.wrong(Check.OPENING_CALL, f"{sent.hash} carries no terms") from error
        mine = [entry for entry in entries if self._id(entry.terms) == member.id]
        self.notes.require(len(mine) == 1, Check.OPENING_CALL, f"{sent.hash} does not carry these terms")
        terms = member.terms
        await self.signatures.terms(terms, mine[0].payer, terms.payer, payer(terms), sent)
        await self.signatures.terms(terms, mine[0].payee, terms.payee, payee(terms), sent)

    def _id(self, terms: Terms) -> bytes:
        return terms_id(terms, self.deployment.chain_id, self.deployment.factory)

    # ── the rules ────────────────────────────────────────────────────────────────────────────────

    async def _check_rules(self, member: Member, sent: Transaction) -> None:
        """The two that people rely on most; the factory's code has them all."""
        terms, books = member.terms, Ledger.opened(member.terms)
        listed = bool(await self.reader.read(binding.CONTRACT, self.deployment.factory, "isListed", terms.token))
        self.notes.require(listed, Check.TERMS_RULES, f"the factory does not list the token {terms.token}")
        self.notes.require(sent.time <= terms.fund_by, Check.TERMS_RULES, "it was opened after fundBy")
        alone = books.self_attested() + books.advance.earned
        ceiling = terms.amount * self.deployment.settings.self_attested_bps // 10_000
        share = f"{self.money(alone)} of {self.money(terms.amount)}"
        self.notes.require(alone <= ceiling, Check.TERMS_RULES, f"the payee's own word releases {share}")
        self.notes.note(
            Check.TERMS_RULES, f"the payee's own word, advance included, releases {share}", Voucher.ARITHMETIC
        )

    def _check_batch(self, group: Group) -> None:
        head = group.head.terms
        complete = len(group.supplies) == head.supply_count
        self.notes.require(
            complete, Check.BATCH, f"{head.supply_count} supplies were signed, {len(group.supplies)} opened with it"
        )
        for supply in group.supplies:
            self._check_supply(supply, head)
        if group.supplies:
            statement = f"exactly the {head.supply_count} supplies that were signed opened in the same transaction"
            self.notes.note(Check.BATCH, statement, Voucher.CHAIN)

    def _check_supply(self, supply: Member, delivery: Terms) -> None:
        terms = supply.terms
        right = terms.kind is Kind.SUPPLY and same(terms.payer, delivery.payee)
        right = right and same(terms.token, delivery.token) and terms.unit == delivery.unit
        self.notes.require(right, Check.BATCH, f"{supply.address} is no supply of this delivery")

    # ── successors and late supplies ─────────────────────────────────────────────────────────────

    async def _check_successor(self, group: Group, call: Asked | None, sent: Transaction) -> int:
        """The same two people and the same money, no second advance; gives what the old agreement brought."""
        terms, old = group.head.terms, self.replays.get(group.head.terms.replaces)
        moved = old is not None and bool(old.moves) and old.moves[-1].transaction.hash == sent.hash
        if old is None or not moved or old.books.state is not State.RESOLVED:
            raise self.notes.wrong(Check.LINEAGE, "the agreement that it replaces did not end in the same transaction")
        kept = ("kind", "payer", "payee", "token", "unit", "parent")
        changed = [name for name in kept if getattr(terms, name) != getattr(old.terms, name)]
        self.notes.require(not changed, Check.LINEAGE, f"it changes {', '.join(changed)} of what it replaces")
        books = Ledger.opened(terms)
        self.notes.require(books.lane_of(OPENED) is None, Check.LINEAGE, "a successor has no advance")
        alone, allowed = books.self_attested(), old.books.self_attested()
        capped = alone <= allowed
        self.notes.require(capped, Check.LINEAGE, f"{self.money(alone)} self-attested, {self.money(allowed)} were left")
        if call is not None:
            await self._check_replacement(group.head, old, call, sent)
        statement = f"it replaces {old.address} and takes over {self.money(old.carried)}"
        self.notes.note(Check.LINEAGE, statement, Voucher.ARITHMETIC)
        return old.carried

    async def _check_replacement(self, head: Member, old: Replay, call: Asked, sent: Transaction) -> None:
        """The payer names the least that is carried over; the payee the state that it gives up, unless that is Open."""
        terms, least = head.terms, int(call.arguments["carried"])
        consent = call.consent("payer")
        await self.signatures.action(head.id, What.NOVATE, number_word(least), consent, terms.payer, payer(terms), sent)
        self.notes.require(old.carried >= least, Check.LINEAGE, f"the payer wanted {self.money(least)} carried over")
        if old.replaced_in is not State.OPEN:
            data, consent = number_word(old.replaced_in), call.consent("payee")
            await self.signatures.action(head.id, What.NOVATE, data, consent, terms.payee, payee(terms), sent)

    def _check_joined(self, group: Group, sent: Transaction) -> None:
        """One more supply, while the delivery, or what replaced it, was open."""
        current = self.replays.get(group.head.terms.parent)
        while current is not None:
            following = next((one for one in self.replays.values() if one.terms.replaces == current.id), None)
            if following is None:
                break
            current = following
        if current is None or current.books.state is not State.OPEN:
            raise self.notes.wrong(Check.LINEAGE, f"no delivery was open when it joined in {sent.hash}")
        self._check_supply(group.head, current.terms)
        self.notes.note(Check.LINEAGE, "it joined while the delivery was open", Voucher.ARITHMETIC)

    # ── money ────────────────────────────────────────────────────────────────────────────────────

    def _check_advances(self, group: Group, plan: Plan, advances: Advances) -> None:
        ids = {member.id for member in group.members}
        into = {
            log.supply_id: log.amount for log in advances if isinstance(log, AdvanceToSupply) and log.supply_id in ids
        }
        self.notes.require(
            into == plan.into_supplies, Check.FUNDING, "the advance went into supplies otherwise than the terms say"
        )
        paid = {log.id: (log.amount, log.fee) for log in advances if isinstance(log, AdvanceToPayee) and log.id in ids}
        self.notes.require(paid == plan.to_payees, Check.FUNDING, "an advance is not what the terms say")
        for member in group.members:
            self.notes.agreement = member.id
            self.notes.note(Check.FUNDING, self._funded(member, plan), Voucher.ARITHMETIC)

    def _funded(self, member: Member, plan: Plan) -> str:
        """Of the price: what came in, and where the rest of it went at once."""
        money, terms = self.money, member.terms
        if member.id not in plan.to_payees:
            out_of = plan.into_supplies.get(member.id, 0)
            return f"{money(terms.amount)} came in{f', {money(out_of)} of it out of the advance' if out_of else ''}"
        advance, (kept, fee) = Ledger.opened(terms).advance, plan.to_payees[member.id]
        spent = f", {money(advance.to_payee - kept)} of it into the supplies" if advance.to_payee > kept else ""
        return (
            f"of {money(terms.amount)}, the advance of {money(advance.earned)} was released at once: {money(kept)} to"
            f" the payee{spent}, fee {money(fee)}; the rest came in"
        )


def _entries(call: Asked) -> Iterable[object]:
    if "entries" in call.arguments:
        return list(call.arguments["entries"])
    return [call.arguments["entry"]]
