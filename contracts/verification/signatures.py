"""Who signed what: terms, consents and roots, checked as the contracts check them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.bindings.agreement import Authorisation
from contracts.eip712 import TypedData
from contracts.terms import Terms as Agreed
from contracts.terms import What, action_typed_data, evidence_root_typed_data, split_typed_data, typed_data
from contracts.verification.deployment import Deployment
from contracts.verification.reader import Reader, Transaction, same
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import moment

CONSENTS: Final[Mapping[What, str]] = {
    What.ACCEPT: "the acceptance",
    What.CONTEST: "the contest of a claim",
    What.APPROVE: "the approval of a milestone",
    What.CANCEL: "the payer's cancelling",
    What.DISPUTE: "the dispute",
    What.DELIVERED: "the delivery",
    What.REVOKE: "the payee's cancelling",
    What.RESOLVE: "the decision",
    What.NOVATE: "the replacement",
}


@dataclass(frozen=True)
class Signatures:
    """Checks signatures that transactions carried."""

    reader: Reader
    deployment: Deployment
    notes: Notes

    async def terms(self, agreed: Agreed, signature: bytes, party: str, whose: Voucher, sent: Transaction) -> None:
        """A party signed the terms, or sent the transaction that opened them."""
        if not signature and same(sent.sender, party):
            self.notes.note(Check.TERMS_SIGNATURE, f"{party} opened these terms itself", whose)
            return
        message = typed_data(agreed, self.deployment.chain_id, self.deployment.factory)
        await self._signed(message, signature, party, whose, sent, Check.TERMS_SIGNATURE, "these terms")

    async def action(
        self,
        agreement_id: bytes,
        what: What,
        data: bytes,
        consent: Authorisation,
        party: str,
        whose: Voucher,
        sent: Transaction,
        check: Check = Check.CONSENT_SIGNATURE,
    ) -> None:
        """A party consented to one move, or sent it."""
        message = action_typed_data(
            agreement_id,
            what,
            data,
            consent.deadline,
            chain_id=self.deployment.chain_id,
            factory=self.deployment.factory,
        )
        await self._consented(message, consent, party, whose, sent, check, CONSENTS[what])

    async def split(
        self, agreement_id: bytes, payee_bps: int, consent: Authorisation, party: str, whose: Voucher, sent: Transaction
    ) -> None:
        """A party consented to a division, or sent it."""
        message = split_typed_data(
            agreement_id,
            payee_bps,
            consent.deadline,
            chain_id=self.deployment.chain_id,
            factory=self.deployment.factory,
        )
        what = f"a split of {payee_bps / 100:g} % to the payee"
        await self._consented(message, consent, party, whose, sent, Check.CONSENT_SIGNATURE, what)

    async def root(
        self, root: bytes, sequence: int, previous: bytes, signature: bytes, signer: str, block: int
    ) -> bool | None:
        """Whether `signer` signed an evidence root; None where it is a contract whose state the node forgot."""
        message = evidence_root_typed_data(
            root, sequence, previous, chain_id=self.deployment.chain_id, factory=self.deployment.factory
        )
        return await self.reader.is_signed(message, signature, signer, block)

    async def _consented(
        self,
        message: TypedData,
        consent: Authorisation,
        party: str,
        whose: Voucher,
        sent: Transaction,
        check: Check,
        what: str,
    ) -> None:
        if not consent.signature and same(sent.sender, party):
            self.notes.note(check, f"{party} sent {what} itself", whose)
            return
        in_time = sent.time <= consent.deadline
        self.notes.require(in_time, check, f"the signature for {what} counted until {moment(consent.deadline)}")
        await self._signed(message, consent.signature, party, whose, sent, check, what)

    async def _signed(
        self,
        message: TypedData,
        signature: bytes,
        party: str,
        whose: Voucher,
        sent: Transaction,
        check: Check,
        what: str,
    ) -> None:
        answer = await self.reader.is_signed(message, signature, party, sent.block)
        self.notes.require(answer is not False, check, f"{party} did not sign {what}")
        if answer is None:
            # The node keeps no state that old; the verified code asked the account when it counted.
            self.notes.note(check, f"the account {party} agreed to {what} when it was asked", Voucher.CHAIN)
            return
        self.notes.note(check, f"{party} signed {what}", whose)
