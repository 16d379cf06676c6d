"""The doors of the fake chain: batches, later supplies, successors; what is checked and whose money flows where."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.domain.agreement import ZERO_HASH, ActionKind, Agreement, AgreementKind, OnChain, Terms
from marketplace.ports.chain import Consent
from marketplace.ports.fakes.chain_books import advance, opened
from marketplace.ports.fakes.chain_ledger import Ledger
from marketplace.ports.fakes.chain_messages import signer_of
from marketplace.ports.fakes.chain_moves import Move
from marketplace.ports.fakes.chain_rules import (
    MAX_BATCH,
    check_place,
    check_successor,
    check_supply,
    check_terms,
    require,
    self_attested,
)
from marketplace.ports.fakes.chain_signing import Signing, nobody

FEE_CEILING_BPS = 1_000


@dataclass(frozen=True)
class Doors:
    """The factory in one transaction of `sender`, in a block of second `now`."""

    ledger: Ledger
    signing: Signing
    now: int
    sender: str
    transaction: str

    def open_batch(self, batch: Sequence[Agreement]) -> None:
        """A delivery and exactly its supplies, or nothing; its advance pays them in their order."""
        require(0 < len(batch) <= MAX_BATCH, "WrongBatchSize")
        self._admit(batch[0], AgreementKind.DELIVERY, supplies=len(batch) - 1)
        _, gross, fee = advance(batch[0].terms)
        spent = self._open_supplies(batch, gross - fee)
        self._fund(batch[0], spent=spent)

    def open_supply(self, supply: Agreement, lineage: Sequence[Terms]) -> None:
        """One more supply under a delivery that is open, whatever it has been replaced by since."""
        self._require_open(lineage)
        self._open_supply(supply, self.signing.identity(lineage[0])[0], lineage[-1], 0)

    def novate(self, old: Agreement, batch: Sequence[Agreement], payer: Consent, payee: Consent) -> None:
        """Both parties signed the successor; what is left of the old agreement pays for it.

        What a party gives up by it depends on what happens in between, so each names its limit.
        """
        old_id = self._id(old)
        require(0 < len(batch) <= MAX_BATCH, "WrongBatchSize")
        terms, supplies = batch[0].terms, len(batch) - 1
        # Only a successor may be a supply here, and a supply has no supplies of its own.
        is_supply = terms.kind is AgreementKind.SUPPLY and supplies == 0
        kind = AgreementKind.SUPPLY if is_supply else AgreementKind.DELIVERY
        self._admit(batch[0], kind, supplies=supplies, parent=old.terms.parent, replaces=old_id)
        check_successor(terms, old.terms)
        identity = self._id(batch[0])
        self._require_consent(terms.payer, identity, payer.number, payer)
        require(old_id in self.ledger.books, "NotOpen")
        before = self.ledger.books[old_id]
        move = Move(before, self.now, nobody, self.ledger.frozen)
        carried, allowed = move.succeed(identity, terms.amount)
        self.ledger.leave(move)
        require(self_attested(terms) <= allowed, "CapRestarted")
        self.ledger.pull(terms.payer, terms.amount - carried)
        require(carried >= payer.number, "CarriesLess")
        if before.state is not OnChain.OPEN:
            self._require_consent(terms.payee, identity, int(before.state), payee)
        self._open_supplies(batch, 0)

    # ── admission ────────────────────────────────────────────────────────────────────────────────

    def _admit(
        self,
        agreement: Agreement,
        kind: AgreementKind,
        *,
        supplies: int = 0,
        parent: str = ZERO_HASH,
        replaces: str = ZERO_HASH,
    ) -> None:
        terms, known = agreement.terms, self.signing.known
        check_place(terms, kind, supplies=supplies, parent=parent, replaces=replaces)
        check_terms(terms, known, FEE_CEILING_BPS, self.now, self.sender)
        self.signing.require_terms(agreement)
        identity, address = self.signing.identity(terms)
        require(identity not in self.ledger.books, "FailedDeployment")
        self.ledger.books[identity] = opened(identity, terms, known.fee_receiver)
        self.ledger.say(identity, "opened", address=address, transaction=self.transaction)
        index, _, _ = advance(terms)
        if index is not None:
            self.ledger.say(identity, "paid_milestone", milestone=index)
        self._use_permit(agreement)

    def _require_consent(self, party: str, successor: str, number: int, consent: Consent) -> None:
        message = self.signing.action(successor, ActionKind.NOVATE, consent.deadline, number)
        self.signing.require_consent(party, message, consent, self.now)

    def _require_open(self, lineage: Sequence[Terms]) -> None:
        require(0 < len(lineage) <= MAX_BATCH, "WrongBatchSize")
        before = ""
        for index, terms in enumerate(lineage):
            require(index == 0 or terms.replaces == before, "ForeignPredecessor")
            before, _ = self.signing.identity(terms)
        books = self.ledger.books.get(before)
        is_delivery = lineage[-1].kind is AgreementKind.DELIVERY
        # After the last second of a delivery only the refund is left to come.
        is_open = books is not None and books.state is OnChain.OPEN and self.now <= books.last_delivery
        require(is_delivery and is_open, "NotOpen")

    def _use_permit(self, agreement: Agreement) -> None:
        """A permit that does not fit is no failure: what may be drawn decides."""
        if agreement.permit is None:
            return
        owner = agreement.terms.payer.lower()
        value, deadline = int(agreement.permit["value"]), int(agreement.permit["deadline"])
        nonce = self.ledger.permit_nonces.get(owner, 0)
        message = self.signing.permit(owner, value, nonce, deadline)
        if self.now <= deadline and signer_of(message, str(agreement.permit["signature"])) == owner:
            self.ledger.allowances[owner] = value
            self.ledger.permit_nonces[owner] = nonce + 1

    # ── money ────────────────────────────────────────────────────────────────────────────────────

    def _open_supplies(self, batch: Sequence[Agreement], available: int) -> int:
        """The delivery's advance pays the supplies in their order; their payer adds what is missing."""
        delivery, *supplies = batch
        spent = 0
        for supply in supplies:
            spent += self._open_supply(supply, self._id(delivery), delivery.terms, available - spent)
        return spent

    def _open_supply(self, supply: Agreement, parent: str, delivery: Terms, available: int) -> int:
        self._admit(supply, AgreementKind.SUPPLY, parent=parent)
        check_supply(supply.terms, delivery)
        sponsored = min(available, supply.terms.amount)
        if sponsored:
            fields = {"supply_id": self._id(supply), "amount_minor": sponsored // supply.terms.unit}
            self.ledger.say(parent, "advanced", **fields)
        self._fund(supply, sponsor=delivery.payer, sponsored=sponsored)
        return sponsored

    def _fund(self, agreement: Agreement, *, sponsor: str = "", sponsored: int = 0, spent: int = 0) -> None:
        """The price less the net advance goes into the agreement; the net advance, less what was spent, to the payee.

        `sponsored` of it comes from the delivery's advance, which its payer still holds.
        """
        terms, pull = agreement.terms, self.ledger.pull
        _, gross, fee = advance(terms)
        net = gross - fee
        from_sponsor = min(sponsored, terms.amount - net)
        pull(sponsor, from_sponsor)
        pull(terms.payer, terms.amount - net - from_sponsor)
        if net == 0:
            return
        pull(sponsor, sponsored - from_sponsor)
        pull(terms.payer, net - spent - (sponsored - from_sponsor))
        self.ledger.pay(terms.payee, net - spent)
        identity = self._id(agreement)
        for party, units in (("payee", net - spent), ("fee", fee)):
            if units:
                self.ledger.say(identity, "credited", party=party, amount_minor=units // terms.unit)
        if net > spent:
            fields = {"party": "payee", "address": terms.payee.lower(), "amount_minor": (net - spent) // terms.unit}
            self.ledger.say(identity, "withdrawn", **fields)

    def _id(self, agreement: Agreement) -> str:
        return self.signing.identity(agreement.terms)[0]
