"""Who signed what on the fake chain: its messages, ids and digests, and the refusals where a word is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.domain.agreement import ActionKind, Agreement, Terms
from marketplace.ports.chain import ChainParameters, ChainRefused, Consent, Proof, TypedData
from marketplace.ports.fakes.chain_books import EVIDENCE, SECRET, SPLIT, Ask
from marketplace.ports.fakes.chain_messages import Digest, leaf, root_of, signer_of, terms_values, typed
from marketplace.ports.fakes.chain_rules import require

NAME, TOKEN_NAME = "LotSizeOne", "Test Euro"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Signing:
    """The messages of one chain."""

    known: ChainParameters
    digest: Digest

    def keccak(self, data: bytes) -> str:
        """The digest that this chain was made with, as 0x-hex."""
        return "0x" + self.digest(data).hex()

    # ── messages ─────────────────────────────────────────────────────────────────────────────────

    def terms(self, terms: Terms) -> TypedData:
        """The terms as both parties sign them."""
        return self._typed("Terms", terms_values(terms))

    def identity(self, terms: Terms) -> tuple[str, str]:
        """(id, address) of the agreement of these terms."""
        identity = self.keccak(repr(self.terms(terms)).encode())
        return identity, "0x" + self.keccak(identity.encode())[-40:]

    def action(self, agreement_id: str, action: ActionKind, deadline: int, number: int) -> TypedData:
        """A consent to one move."""
        data = f"0x{number:064x}"
        return self._typed("Action", {"id": agreement_id, "what": action, "data": data, "deadline": deadline})

    def split(self, agreement_id: str, payee_bps: int, deadline: int) -> TypedData:
        """A consent to divide what is left."""
        return self._typed("Split", {"id": agreement_id, "payeeBps": payee_bps, "deadline": deadline})

    def evidence_root(self, root: str, sequence: int, previous: str) -> TypedData:
        """What a gateway signs under a batch."""
        return self._typed("EvidenceRoot", {"root": root, "sequence": sequence, "previous": previous})

    def permit(self, owner: str, amount: int, nonce: int, deadline: int) -> TypedData:
        """The payer's permission to draw token units."""
        spender = self.known.factory
        values = {"owner": owner, "spender": spender, "value": amount, "nonce": nonce, "deadline": deadline}
        return typed("Permit", values, chain_id=self.known.chain_id, contract=self.known.token, name=TOKEN_NAME)

    def _typed(self, struct: str, values: dict[str, object]) -> TypedData:
        known = self.known
        return typed(struct, values, chain_id=known.chain_id, contract=known.factory, name=NAME)

    # ── what a move asks for (`chain_books.Ask`) ─────────────────────────────────────────────────

    def require_terms(self, agreement: Agreement) -> None:
        """Both parties signed these terms."""
        terms = agreement.terms
        message = self.terms(terms)
        for party, signature in ((terms.payer, agreement.payer_signature), (terms.payee, agreement.payee_signature)):
            require(signer_of(message, signature or "") == party.lower(), "NotSigned")

    def require_consent(self, party: str, message: TypedData, consent: Consent, now: int) -> None:
        """`party` signed just this, in time."""
        require(signer_of(message, consent.signature) == party.lower(), "Unauthorised")
        require(now <= consent.deadline, "SignatureExpired")

    def asking_consent(self, agreement: Agreement, consent: Consent, now: int) -> Ask:
        """The one party that a move asks consented."""

        def ask(who: str, what: ActionKind | str, number: int) -> None:
            if not isinstance(what, ActionKind):
                raise ChainRefused("Unauthorised")
            message = self.action(agreement.id, what, consent.deadline, number)
            self.require_consent(_address(agreement.terms, who), message, consent, now)

        return ask

    def asking_split(self, agreement: Agreement, payer: Consent, payee: Consent, now: int) -> Ask:
        """Both parties consented to the same division."""
        consents = {"payer": payer, "payee": payee}

        def ask(who: str, what: ActionKind | str, number: int) -> None:
            require(what == SPLIT, "Unauthorised")
            consent = consents[who]
            message = self.split(agreement.id, number, consent.deadline)
            self.require_consent(_address(agreement.terms, who), message, consent, now)

        return ask

    def asking_evidence(self, agreement: Agreement, proofs: Sequence[Proof]) -> Ask:
        """Each signer that a milestone names signed a root over this agreement's event, in the order of `proofs`."""
        waiting = list(proofs)

        def ask(who: str, what: ActionKind | str, number: int) -> None:
            require(what == EVIDENCE, "RootNotSigned")
            proof, terms = waiting.pop(0), agreement.terms
            leaves = [leaf(self.digest, *facts) for facts in proof.leaves]
            *_, at_ms, payload = proof.leaves[proof.index]
            code = int(terms.milestones[number].code)
            proved = leaf(self.digest, agreement.id, terms.spec_hash, code, at_ms, payload)
            included = leaves[proof.index] == proved and root_of(self.digest, leaves) == proof.root
            require(included, "NotIncluded")
            message = self.evidence_root(proof.root, proof.sequence, proof.previous)
            require(signer_of(message, proof.signature) == _address(terms, who), "RootNotSigned")

        return ask

    def asking_secret(self, agreement: Agreement, secret: str) -> Ask:
        """The recipient's secret is behind the hash in the terms."""
        revealed = bytes.fromhex(secret.removeprefix("0x"))

        def ask(who: str, what: ActionKind | str, number: int) -> None:
            del who, number
            require(what == SECRET and len(revealed) == SECRET_BYTES, "WrongSecret")
            require(self.keccak(revealed) == agreement.terms.handover, "WrongSecret")

        return ask


def nobody(who: str, what: ActionKind | str, number: int) -> None:
    """For moves that need nobody's word."""
    raise ChainRefused(f"nobody consented to {what} {number} of {who}")


def _address(terms: Terms, who: str) -> str:
    return str(getattr(terms, who)).lower()
