"""The contracts in memory: the rules of `docs/agreements.md` without a node, for tests and trials.

It needs the standard library alone, so its digests are SHA3-256 unless a real keccak is given, and its signatures are
those of `chain_messages`. Time, outages and lost transactions are in the hands of `FakeChain.node`.
"""

import hashlib
from collections.abc import Sequence

from marketplace.domain.agreement import ZERO_HASH, ActionKind, Agreement, Terms
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent, ChainParameters, ChainRefused, Head, Proof, TypedData
from marketplace.ports.fakes.chain_books import Books
from marketplace.ports.fakes.chain_ledger import UNLIMITED, FakeNode, Ledger
from marketplace.ports.fakes.chain_messages import Digest, leaf, root_of, signer_of, terms_values, typed
from marketplace.ports.fakes.chain_rules import MAX_BATCH, check_place, check_terms, milestone_of, part, require

UNIT = 10_000
FEE_CEILING_BPS = 1_000
SECRET_BYTES = 32
NAME, TOKEN_NAME = "LotSizeOne", "Test Euro"


def sha3(data: bytes) -> bytes:
    """SHA3-256: a digest of the standard library, and not the chain's keccak."""
    return hashlib.sha3_256(data).digest()


class FakeChain:
    """`Chain` in memory; `node` mines, and `deadlines` are those that somebody waits for."""

    def __init__(self, *, digest: Digest = sha3, fee_bps: int = 250, development: bool = True) -> None:
        self.deadlines: list[int] = []
        self._digest = digest
        self.node = FakeNode(self.keccak)
        self._development = development
        self._parameters = ChainParameters(
            chain_id=31337,
            factory="0x" + "fa" * 20,
            token="0x" + "70" * 20,
            token_symbol="tEUR",  # noqa: S106
            token_decimals=6,
            unit=UNIT,
            fee_bps=fee_bps,
            fee_receiver="0x" + "fe" * 20,
            self_attested_bps=3_000,
            arbiter="0x" + "ab" * 20,
            start_block=0,
        )

    # ── what a fake alone can do ──────────────────────────────────────────────────────────────────

    def balance_minor(self, address: str) -> int:
        """Test money of an address, in cents."""
        return self.node.ledger.balances.get(address.lower(), 0) // UNIT

    def approve(self, owner: str, amount_minor: int | None = None) -> None:
        """A standing allowance for the factory, in cents; None is without limit."""
        self.node.ledger.allowances[owner.lower()] = UNLIMITED if amount_minor is None else amount_minor * UNIT

    def evidence_root_to_sign(self, root: str, sequence: int, previous: str) -> TypedData:
        """What a gateway signs under a batch."""
        return self._typed("EvidenceRoot", {"root": root, "sequence": sequence, "previous": previous})

    # ── what the chain says ──────────────────────────────────────────────────────────────────────

    async def parameters(self) -> ChainParameters:
        """As the port says."""
        self.node.require_answer()
        return self._parameters

    async def head(self) -> Head:
        """As the port says."""
        return self.node.head

    async def block_hash(self, number: int) -> str | None:
        """As the port says."""
        self.node.require_answer()
        blocks = self.node.blocks
        return blocks[number].hash if 0 <= number < len(blocks) else None

    async def events(self, first: int, last: int) -> Sequence[ChainEvent]:
        """As the port says."""
        self.node.require_answer()
        return [event for event in self.node.events if first <= event.block <= last]

    # ── what people sign ─────────────────────────────────────────────────────────────────────────

    async def terms_id(self, terms: Terms) -> tuple[str, str]:
        """As the port says."""
        identity = self.keccak(repr(await self.terms_to_sign(terms)).encode())
        return identity, "0x" + self.keccak(identity.encode())[-40:]

    async def terms_to_sign(self, terms: Terms) -> TypedData:
        """As the port says."""
        return self._typed("Terms", terms_values(terms))

    async def permit_to_sign(self, owner: str, amount: int, deadline: int) -> TypedData:
        """As the port says."""
        self.node.require_answer()
        return self._permit(self.node.ledger, owner, amount, deadline)

    async def action_to_sign(self, agreement_id: str, action: ActionKind, deadline: int) -> TypedData:
        """As the port says."""
        return self._action(agreement_id, action, deadline)

    def signed_by(self, typed: TypedData, signature: str) -> str | None:
        """As the port says; the scheme is that of `chain_messages`."""
        return signer_of(typed, signature)

    def keccak(self, data: bytes) -> str:
        """The digest that this chain was made with, as 0x-hex."""
        return "0x" + self._digest(data).hex()

    # ── what it is asked to do ───────────────────────────────────────────────────────────────────

    async def open_batch(self, key: str, delivery: Agreement, supplies: Sequence[Agreement]) -> None:
        """As the port says."""
        batch = [delivery, *supplies]
        ids = [(await self.terms_id(agreement.terms))[0] for agreement in batch]
        addresses = [(await self.terms_id(agreement.terms))[1] for agreement in batch]
        hash_ = self.node.transaction_of(key)

        def move(ledger: Ledger, now: int) -> None:
            require(len(batch) <= MAX_BATCH, "WrongBatchSize")
            for index, agreement in enumerate(batch):
                check_place(agreement.terms, index, len(batch), delivery.terms, ids[0])
                check_terms(agreement.terms, self._parameters, FEE_CEILING_BPS, now)
                self._check_signed(agreement)
            for identity, address, agreement in zip(ids, addresses, batch, strict=True):
                require(identity not in ledger.books, "FailedDeployment")
                ledger.books[identity] = Books(identity, agreement.terms, ledger.said)
                ledger.said.append((identity, "opened", {"address": address, "transaction": hash_}))
            for agreement in batch:
                self._use_permit(ledger, agreement, now)
            _fund(ledger, ids)

        self.node.submit(key, move)

    async def claim(self, key: str, agreement: Agreement, milestone: int, proof: Proof) -> None:
        """As the port says."""
        leaves = [leaf(self._digest, *facts) for facts in proof.leaves]
        *_, at_ms, payload = proof.leaves[proof.index]

        def move(ledger: Ledger, now: int) -> None:
            books = ledger.of(agreement)
            terms = books.terms
            books.check_claim(now, milestone)
            lane = terms.milestones[milestone]
            proved = leaf(self._digest, books.id, terms.spec_hash, int(lane.code), at_ms, payload)
            included = leaves[proof.index] == proved and root_of(self._digest, leaves) == proof.root
            require(included, "NotIncluded")
            message = self.evidence_root_to_sign(proof.root, proof.sequence, proof.previous)
            witness = (terms.attestor, terms.witness)[int(lane.who)].lower()
            require(signer_of(message, proof.signature) == witness, "RootNotSigned")
            books.claim(now, milestone)

        self.node.submit(key, move)

    async def delivered_by_secret(self, key: str, agreement: Agreement, secret: str) -> None:
        """As the port says."""
        revealed = bytes.fromhex(secret.removeprefix("0x"))

        def move(ledger: Ledger, now: int) -> None:
            books = ledger.of(agreement)
            require(len(revealed) == SECRET_BYTES and books.terms.handover != ZERO_HASH, "WrongSecret")
            require(self.keccak(revealed) == books.terms.handover, "WrongSecret")
            books.deliver(now)

        self.node.submit(key, move)

    async def act(self, key: str, agreement: Agreement, action: ActionKind, signature: str, deadline: int) -> None:
        """As the port says, for acceptance and the carrier's delivery."""

        def move(ledger: Ledger, now: int) -> None:
            books = ledger.of(agreement)
            signed_by = signer_of(self._action(agreement.id, action, deadline), signature)
            match action:
                case ActionKind.ACCEPT:
                    books.require_delivered(now)
                    _authorise(signed_by, books.terms.payer, now, deadline)
                    books.settle()
                case ActionKind.DELIVERED:
                    _authorise(signed_by, books.terms.carrier, now, deadline)
                    books.deliver(now)
                case _:
                    raise ChainRefused(f"{action.name} is not relayed")

        self.node.submit(key, move)

    async def finalise(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self.node.submit(key, lambda ledger, now: ledger.of(agreement).finalise(now))

    async def refund(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self.node.submit(key, lambda ledger, now: ledger.of(agreement).refund(now))

    async def pay_out(self, key: str, agreement: Agreement, party: str) -> None:
        """As the port says."""

        def move(ledger: Ledger, now: int) -> None:
            books = ledger.of(agreement)
            terms = books.terms
            owners = {"payee": terms.payee, "payer": terms.payer, "fee": self._parameters.fee_receiver}
            amount = books.withdraw(now, party, owners[party])
            ledger.pay(owners[party].lower(), amount)

        try:
            self.node.submit(key, move)
        except ChainRefused as refused:
            if refused.reason != "NothingDue":
                raise

    async def fund_test_account(self, key: str, address: str, amount_minor: int) -> None:
        """As the port says."""
        if not self._development:
            raise ChainRefused("there is no test money on this chain")
        owner = address.lower()

        def move(ledger: Ledger, now: int) -> None:
            del now
            ledger.pay(owner, amount_minor * UNIT)

        self.node.submit(key, move)

    async def watch_deadline(self, timestamp: int) -> None:
        """As the port says: remembered in `deadlines`, and a block comes once `time` has reached it."""
        self.node.require_answer()
        self.deadlines.append(timestamp)
        if self.node.time >= timestamp:
            self.node.mine(timestamp)

    async def reconcile(self) -> None:
        """As the port says."""
        self.node.reconcile()

    # ── helpers ──────────────────────────────────────────────────────────────────────────────────

    def _typed(self, struct: str, values: dict[str, object]) -> TypedData:
        known = self._parameters
        return typed(struct, values, chain_id=known.chain_id, contract=known.factory, name=NAME)

    def _action(self, agreement_id: str, action: ActionKind, deadline: int) -> TypedData:
        return self._typed("Action", {"id": agreement_id, "what": action, "data": ZERO_HASH, "deadline": deadline})

    def _permit(self, ledger: Ledger, owner: str, amount: int, deadline: int) -> TypedData:
        known = self._parameters
        values = {
            "owner": owner,
            "spender": known.factory,
            "value": amount,
            "nonce": ledger.permit_nonces.get(owner.lower(), 0),
            "deadline": deadline,
        }
        return typed("Permit", values, chain_id=known.chain_id, contract=known.token, name=TOKEN_NAME)

    def _check_signed(self, agreement: Agreement) -> None:
        message = self._typed("Terms", terms_values(agreement.terms))
        for party, signature in (
            (agreement.terms.payer, agreement.payer_signature),
            (agreement.terms.payee, agreement.payee_signature),
        ):
            require(signer_of(message, signature or "") == party.lower(), "NotSigned")

    def _use_permit(self, ledger: Ledger, agreement: Agreement, now: int) -> None:
        """A permit that does not fit is no failure: what may be drawn decides."""
        if agreement.permit is None:
            return
        owner = agreement.terms.payer.lower()
        value, deadline = int(agreement.permit["value"]), int(agreement.permit["deadline"])
        message = self._permit(ledger, owner, value, deadline)
        if now <= deadline and signer_of(message, str(agreement.permit["signature"])) == owner:
            ledger.allowances[owner] = value
            ledger.permit_nonces[owner] = ledger.permit_nonces.get(owner, 0) + 1


def _fund(ledger: Ledger, ids: Sequence[str]) -> None:
    """The delivery's advance, less its fee, pays the supplies in their order; their payer adds what is missing."""
    delivery = ledger.books[ids[0]]
    terms = delivery.terms
    index = milestone_of(terms, EventCode.OPENED)
    gross = 0 if index is None else part(terms.amount, terms.milestones[index].bps, terms.unit)
    available = gross - part(gross, terms.fee_bps, terms.unit)
    spent = 0
    for identity in ids[1:]:
        supply = ledger.books[identity]
        from_advance = min(available - spent, supply.terms.amount)
        spent += from_advance
        if from_advance:
            fields = {"supply_id": identity, "amount_minor": from_advance // terms.unit}
            ledger.said.append((ids[0], "advanced", fields))
        supply.open(0)
        ledger.pull(terms.payer.lower(), from_advance)
        ledger.pull(supply.terms.payer.lower(), supply.terms.amount - from_advance)
    delivery.open(spent)
    ledger.pull(terms.payer.lower(), terms.amount - spent)


def _authorise(signed_by: str | None, party: str, now: int, deadline: int) -> None:
    require(now <= deadline, "SignatureExpired")
    require(signed_by == party.lower(), "Unauthorised")
