"""On whose word an agreement moved: evidence, consents, secrets and clocks, read from each move's own call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from eth_hash.auto import keccak

from contracts.bindings.agreement import CONTRACT, Authorisation, Evidence, Party
from contracts.evidence import leaf
from contracts.evidence import verify as is_included
from contracts.terms import ZERO_WORD, Terms, What, Witnessed, number_word, part, terms_id
from contracts.verification.calls import Asked, asked
from contracts.verification.deployment import Deployment
from contracts.verification.replay import Move, Name, Replay
from contracts.verification.signatures import Signatures
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import Money, gateway, moment, payee, payer

FUNCTIONS: Final[Mapping[Name, tuple[str, ...]]] = {
    Name.DELIVERED: ("deliveredBySecret", "deliveredByCarrier"),
    Name.SETTLE: ("accept", "finalise"),
}
"""Moves that several functions make; every other move has its function's name."""


@dataclass(frozen=True)
class Proved:
    """Evidence that a claim carried and that holds."""

    agreement: bytes
    event_code: int
    signer: str
    evidence: Evidence


@dataclass
class Moves:
    """Checks the moves of one order; `proved` collects the evidence of its claims."""

    deployment: Deployment
    signatures: Signatures
    money: Money
    notes: Notes
    proved: list[Proved] = field(default_factory=list)

    async def check(self, replay: Replay, move: Move) -> None:
        """On whose word the move happened. Raises Discrepancy."""
        self.notes.agreement = replay.id
        if move.name is Name.SUCCEED:
            return  # the successor's opening shows the consents
        try:
            call = asked(move.transaction, replay.address, CONTRACT)
            if call is None:
                self._hidden(replay, move)
                return
            own = terms_id(call.terms(), self.deployment.chain_id, self.deployment.factory)
        except (ValueError, TypeError, KeyError) as error:
            raise self.notes.wrong(Check.MOVE_CALL, f"{move.transaction.hash}: {error}") from error
        fits = own == replay.id and call.name in FUNCTIONS.get(move.name, (move.name.value,))
        self.notes.require(fits, Check.MOVE_CALL, f"{call.name} in {move.transaction.hash} logs no {move.name}")
        check = self._checks().get(call.name)
        if check is not None:
            await check(replay, move, call)

    def _checks(self) -> Mapping[str, Callable[[Replay, Move, Asked], Awaitable[None]]]:
        """By the contract's functions; what needs nobody's word is checked by its clock alone."""
        return {
            "claim": self._claim,
            "deliveredBySecret": self._by_secret,
            "deliveredByCarrier": self._by_carrier,
            "finalise": self._finalise,
            "contest": self._payers(What.CONTEST),
            "approve": self._payers(What.APPROVE),
            "accept": self._payers(What.ACCEPT),
            "cancel": self._cancel,
            "revoke": self._revoke,
            "dispute": self._dispute,
            "resolve": self._resolve,
            "split": self._split,
        }

    def _hidden(self, replay: Replay, move: Move) -> None:
        """The call came through another contract, so what it carried is not in the transaction."""
        through = f"{move.name} came through {move.transaction.to or 'a creation'}: the agreement's code checked it"
        self.notes.note(Check.MOVE_CALL, through, Voucher.CHAIN)

    # ── evidence ─────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, replay: Replay, move: Move, call: Asked) -> None:
        evidence, terms = call.evidence(), replay.terms
        lane = replay.books.lanes[move.milestone]
        if lane is None or call.arguments["milestone"] != move.milestone or not evidence:
            raise self.notes.wrong(Check.MOVE_CALL, f"the claim in {move.transaction.hash} is of another milestone")
        signers = _signers(terms, lane.witnessed)
        if len(evidence) != len(signers):
            raise self.notes.wrong(Check.CLAIM_SIGNATURE, f"milestone {move.milestone} asks for other signers")
        logged = evidence[0].payload_hash == move.payload
        self.notes.require(logged, Check.CLAIM_EVENT, "the logged event is not the one that was proved")
        for (signer, whose), one in zip(signers, evidence, strict=True):
            bound = leaf(replay.id, terms.spec_hash, lane.event_code, one.at_ms, one.payload_hash)
            about = f"milestone {move.milestone} (event {lane.event_code}, {lane.bps / 100:g} %)"
            self.notes.require(
                is_included(one.root, bound, one.proof), Check.CLAIM_PROOF, f"no event of this agreement proves {about}"
            )
            answer = await self.signatures.root(
                one.root, one.sequence, one.previous, one.signature, signer, move.transaction.block
            )
            self.notes.require(
                answer is not False, Check.CLAIM_SIGNATURE, f"{signer} did not sign the proof of {about}"
            )
            at = moment(one.at_ms // 1000)
            self.notes.note(
                Check.CLAIM_PROOF,
                f"{about}: an event of {at} is under a root signed by {signer}",
                whose if answer else Voucher.CHAIN,
            )
            self.proved.append(Proved(replay.id, lane.event_code, signer, one))

    async def _by_secret(self, replay: Replay, move: Move, call: Asked) -> None:
        fits = replay.terms.handover == keccak(bytes(call.arguments["secret"]))
        self.notes.require(fits, Check.DELIVERY_PROOF, "the secret is not the one whose hash was signed")
        self.notes.note(Check.DELIVERY_PROOF, "handed over: the secret fits the hash in the terms", Voucher.SECRET)

    async def _by_carrier(self, replay: Replay, move: Move, call: Asked) -> None:
        await self.signatures.action(
            replay.id,
            What.DELIVERED,
            ZERO_WORD,
            call.consent(),
            replay.terms.carrier,
            Voucher.CARRIER,
            move.transaction,
            Check.DELIVERY_PROOF,
        )

    # ── consents ─────────────────────────────────────────────────────────────────────────────────

    def _payers(self, what: What) -> Callable[[Replay, Move, Asked], Awaitable[None]]:
        """A move that the payer consents to: acceptance, or one that names a milestone."""

        async def check(replay: Replay, move: Move, call: Asked) -> None:
            data = ZERO_WORD if what is What.ACCEPT else number_word(int(call.arguments["milestone"]))
            if what is not What.ACCEPT and call.arguments["milestone"] != move.milestone:
                raise self.notes.wrong(Check.MOVE_CALL, f"{move.transaction.hash} is about another milestone")
            await self._party(replay, move, what, data, call.consent())

        return check

    async def _party(
        self, replay: Replay, move: Move, what: What, data: bytes, consent: Authorisation, party: Party = Party.PAYER
    ) -> None:
        terms = replay.terms
        account, whose = (terms.payer, payer(terms)) if party is Party.PAYER else (terms.payee, payee(terms))
        await self.signatures.action(replay.id, what, data, consent, account, whose, move.transaction)

    async def _finalise(self, replay: Replay, move: Move, call: Asked) -> None:
        end = replay.books.delivered_at + replay.terms.accept_window
        self.notes.require(
            move.transaction.time > end, Check.CLOCK, f"it could be settled alone only after {moment(end)}"
        )
        self.notes.note(Check.CLOCK, f"nobody disputed the delivery until {moment(end)}", Voucher.CLOCK)

    async def _cancel(self, replay: Replay, move: Move, call: Asked) -> None:
        most = int(call.arguments["most"])
        costs = replay.terms.amount - move.credit.to_payer
        within = costs <= most
        self.notes.require(within, Check.CREDIT, f"cancelling cost {self.money(costs)}, {self.money(most)} were signed")
        await self._party(replay, move, What.CANCEL, number_word(most), call.consent())

    async def _revoke(self, replay: Replay, move: Move, call: Asked) -> None:
        await self._party(replay, move, What.REVOKE, ZERO_WORD, call.consent(), Party.PAYEE)

    async def _dispute(self, replay: Replay, move: Move, call: Asked) -> None:
        # About undelivered goods or about bad ones: the arbiter's silence means something else, so the state is signed.
        await self._party(replay, move, What.DISPUTE, number_word(move.before), call.consent(), move.party)

    async def _resolve(self, replay: Replay, move: Move, call: Asked) -> None:
        # The arbiter decides on the dispute as it stands: one about goods that arrive meanwhile is another question.
        decided = replay.books.disputed_at << 16 | self._share(replay, move, call)
        await self.signatures.action(
            replay.id,
            What.RESOLVE,
            number_word(decided),
            call.consent(),
            replay.terms.arbiter,
            Voucher.ARBITER,
            move.transaction,
        )

    async def _split(self, replay: Replay, move: Move, call: Asked) -> None:
        bps, terms = self._share(replay, move, call), replay.terms
        for name, party, whose in (("payer", terms.payer, payer(terms)), ("payee", terms.payee, payee(terms))):
            await self.signatures.split(replay.id, bps, call.consent(name), party, whose, move.transaction)

    def _share(self, replay: Replay, move: Move, call: Asked) -> int:
        """The payee's share that was signed; it must be the one that was divided."""
        bps = int(call.arguments["payeeBps"])
        earned = part(move.rest, bps, replay.terms.unit)
        right = earned == move.credit.earned
        self.notes.require(right, Check.CREDIT, f"{bps / 100:g} % of {self.money(move.rest)} is {self.money(earned)}")
        return bps


def _signers(terms: Terms, witnessed: Witnessed) -> list[tuple[str, Voucher]]:
    """Who must have signed the roots, in their order."""
    attestor, witness = (terms.attestor, gateway(terms)), (terms.witness, Voucher.WITNESS)
    return {
        Witnessed.ATTESTOR: [attestor],
        Witnessed.WITNESS: [witness],
        Witnessed.BOTH: [attestor, witness],
        Witnessed.PAYER: [],
    }[witnessed]
