"""The contracts in memory: the rules of `docs/agreements.md` without a node, for tests and trials.

It needs the standard library alone, so its digests are SHA3-256 unless a real keccak is given, and its signatures are
those of `chain_messages`. Time, outages, forks and lost transactions are in the hands of `FakeChain.node`. The rules
are in `chain_moves` (what an agreement does) and `chain_factory` (how it comes into being).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from marketplace.domain.agreement import ActionKind, Agreement, Terms
from marketplace.ports.chain import (
    NO_CONSENT,
    ChainDistrusted,
    ChainEvent,
    ChainFundsLow,
    ChainParameters,
    ChainRefused,
    ChainUnavailable,
    Consent,
    Head,
    Proof,
    SendingHealth,
    TypedData,
)
from marketplace.ports.fakes.chain_books import Ask
from marketplace.ports.fakes.chain_factory import Doors
from marketplace.ports.fakes.chain_ledger import UNLIMITED, FakeNode, Ledger
from marketplace.ports.fakes.chain_messages import Digest, signer_of
from marketplace.ports.fakes.chain_moves import Move
from marketplace.ports.fakes.chain_signing import Signing, nobody

UNIT = 10_000
SHARE = 0xFFFF
"""The lowest bits of `resolution`: what the call itself says."""
RELAYER = "0x" + "4e" * 20
"""Who sends every transaction of this chain."""

ACTIONS: Mapping[ActionKind, Callable[[Move, Consent], None]] = {
    ActionKind.ACCEPT: lambda move, _: move.accept(),
    ActionKind.CONTEST: lambda move, consent: move.contest(consent.number),
    ActionKind.APPROVE: lambda move, consent: move.approve(consent.number),
    ActionKind.CANCEL: lambda move, consent: move.cancel(consent.number),
    ActionKind.DISPUTE: lambda move, consent: move.dispute(consent.by),
    ActionKind.DELIVERED: lambda move, _: move.delivered_by_carrier(),
    ActionKind.REVOKE: lambda move, _: move.revoke(),
    ActionKind.RESOLVE: lambda move, consent: move.resolve(consent.number & SHARE),
}


def sha3(data: bytes) -> bytes:
    """SHA3-256: a digest of the standard library, and not the chain's keccak."""
    return hashlib.sha3_256(data).digest()


class FakeChain:
    """`Chain` in memory; `node` mines, `deadlines` are those that somebody waits for, `strangers` the agreements that
    others than the platform have opened."""

    def __init__(
        self, *, digest: Digest = sha3, fee_bps: int = 250, development: bool = True, confirmations: int = 0
    ) -> None:
        self.deadlines: list[int] = []
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
            confirmations=confirmations,
        )
        self._signing = Signing(self._parameters, digest)
        self.node = FakeNode(self.keccak)
        self.witness: FakeNode | None = None
        self.strangers: set[str] = set()

    # ── what a fake alone can do ──────────────────────────────────────────────────────────────────

    def balance_minor(self, address: str) -> int:
        """Test money of an address, in cents."""
        return self.node.ledger.balances.get(address.lower(), 0) // UNIT

    def approve(self, owner: str, amount_minor: int | None = None) -> None:
        """A standing allowance for the factory, in cents; None is without limit."""
        self.node.ledger.allowances[owner.lower()] = UNLIMITED if amount_minor is None else amount_minor * UNIT

    def freeze(self, address: str, *, thaw: bool = False) -> None:
        """The token's issuer refuses from now on to move anything to this address, or no longer."""
        frozen = self.node.ledger.frozen
        (frozen.discard if thaw else frozen.add)(address.lower())

    def evidence_root_to_sign(self, root: str, sequence: int, previous: str) -> TypedData:
        """What a gateway signs under a batch."""
        return self._signing.evidence_root(root, sequence, previous)

    # ── what the chain says ──────────────────────────────────────────────────────────────────────

    async def parameters(self) -> ChainParameters:
        """As the port says."""
        self.node.require_answer()
        return self._parameters

    async def head(self) -> Head:
        """As the port says."""
        return self.node.head

    async def final_number(self, head: Head) -> int:
        """As the port says."""
        return head.number - self._parameters.confirmations

    async def corroborate(self, first: int, last: int, block_hash: str, events: Sequence[ChainEvent]) -> None:
        """As the port says; `witness`, another node, is asked where there is one."""
        if self.witness is None:
            return
        self.witness.require_answer()
        blocks = self.witness.blocks
        if last >= len(blocks):
            raise ChainUnavailable(f"the second node has no block {last}")
        if blocks[last].hash != block_hash:
            raise ChainDistrusted(f"the second node has another block {last}")
        if [event for event in self.witness.events if first <= event.block <= last] != list(events):
            raise ChainDistrusted(f"the second node has other events in blocks {first} to {last}")

    async def block_hash(self, number: int) -> str | None:
        """As the port says."""
        self.node.require_answer()
        blocks = self.node.blocks
        return blocks[number].hash if 0 <= number < len(blocks) else None

    async def events(self, first: int, last: int) -> Sequence[ChainEvent]:
        """As the port says."""
        self.node.require_answer()
        return [event for event in self.node.events if first <= event.block <= last]

    async def opened_by_us(self, event: ChainEvent) -> Terms | None:
        """As the port says; one account sends everything here, except what opened `strangers`."""
        self.node.require_answer()
        if event not in self.node.events:
            raise ChainUnavailable(f"block {event.block} no longer opens {event.agreement_id}")
        books = self.node.ledger.books.get(event.agreement_id)
        return None if books is None or event.agreement_id in self.strangers else books.terms

    # ── what people sign ─────────────────────────────────────────────────────────────────────────

    async def terms_id(self, terms: Terms) -> tuple[str, str]:
        """As the port says."""
        return self._signing.identity(terms)

    async def terms_to_sign(self, terms: Terms) -> TypedData:
        """As the port says."""
        return self._signing.terms(terms)

    async def permit_to_sign(self, owner: str, amount: int, deadline: int) -> TypedData:
        """As the port says."""
        self.node.require_answer()
        nonce = self.node.ledger.permit_nonces.get(owner.lower(), 0)
        return self._signing.permit(owner, amount, nonce, deadline)

    async def action_to_sign(self, agreement_id: str, action: ActionKind, deadline: int, number: int = 0) -> TypedData:
        """As the port says."""
        return self._signing.action(agreement_id, action, deadline, number)

    async def split_to_sign(self, agreement_id: str, payee_bps: int, deadline: int) -> TypedData:
        """As the port says."""
        return self._signing.split(agreement_id, payee_bps, deadline)

    def signed_by(self, typed: TypedData, signature: str) -> str | None:
        """As the port says; the scheme is that of `chain_messages`."""
        return signer_of(typed, signature)

    def keccak(self, data: bytes) -> str:
        """The digest that this chain was made with, as 0x-hex."""
        return self._signing.keccak(data)

    # ── how agreements come into being ───────────────────────────────────────────────────────────

    async def open_batch(self, key: str, delivery: Agreement, supplies: Sequence[Agreement]) -> None:
        """As the port says."""
        self._open(key, lambda doors: doors.open_batch([delivery, *supplies]))

    async def open_supply(self, key: str, supply: Agreement, lineage: Sequence[Terms]) -> None:
        """As the port says."""
        self._open(key, lambda doors: doors.open_supply(supply, lineage))

    async def novate(
        self,
        key: str,
        old: Agreement,
        successor: Agreement,
        supplies: Sequence[Agreement],
        payer: Consent,
        payee: Consent = NO_CONSENT,
    ) -> None:
        """As the port says."""
        self._open(key, lambda doors: doors.novate(old, [successor, *supplies], payer, payee))

    # ── what is done with them ───────────────────────────────────────────────────────────────────

    async def claim(self, key: str, agreement: Agreement, milestone: int, proofs: Sequence[Proof]) -> None:
        """As the port says."""
        asking = self._signing.asking_evidence
        self._move(key, agreement, lambda move: move.claim(milestone, len(proofs)), lambda _: asking(agreement, proofs))

    async def delivered_by_secret(self, key: str, agreement: Agreement, secret: str) -> None:
        """As the port says."""
        asked = self._signing.asking_secret(agreement, secret)
        self._move(key, agreement, Move.delivered_by_secret, lambda _: asked)

    async def act(self, key: str, agreement: Agreement, action: ActionKind, consent: Consent) -> None:
        """As the port says."""
        if action not in ACTIONS:
            raise ChainRefused(f"{action.name} is not relayed")
        asking = self._signing.asking_consent
        self._move(
            key,
            agreement,
            lambda move: ACTIONS[action](move, consent),
            lambda now: asking(agreement, consent, now),
        )

    async def split(self, key: str, agreement: Agreement, payer: Consent, payee: Consent) -> None:
        """As the port says."""
        asking = self._signing.asking_split
        self._move(
            key,
            agreement,
            lambda move: move.split(payer.number),
            lambda now: asking(agreement, payer, payee, now),
        )

    async def finalise(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self._move(key, agreement, Move.finalise)

    async def release(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self._move(key, agreement, Move.release)

    async def refund(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self._move(key, agreement, Move.refund)

    async def timeout(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        self._move(key, agreement, Move.timeout)

    async def pay_out(self, key: str, agreement: Agreement, party: str) -> None:
        """As the port says."""
        try:
            self._move(key, agreement, lambda move: move.withdraw(party))
        except ChainRefused as refused:
            if refused.reason != "NothingDue":
                raise

    async def fund_test_account(self, key: str, address: str, amount_minor: int) -> None:
        """As the port says."""
        if not self._development:
            raise ChainRefused("there is no test money on this chain")
        self.node.submit(key, lambda ledger, _: ledger.pay(address, amount_minor * UNIT))

    async def watch_deadline(self, timestamp: int) -> None:
        """As the port says: remembered in `deadlines`, and a block comes once `time` has reached it."""
        self.node.require_answer()
        self.deadlines.append(timestamp)
        if self.node.time >= timestamp:
            self.node.mine(timestamp)

    async def reconcile(self) -> None:
        """As the port says."""
        self.node.reconcile()

    async def require_funds(self) -> None:
        """As the port says."""
        self.node.require_answer()
        if self.node.is_poor:
            raise ChainFundsLow("the account that pays for gas is below its reserve")

    async def sending(self) -> SendingHealth:
        """As the port says; transactions of this chain cost nothing."""
        self.node.require_answer()
        reserve = 1 if self.node.is_poor else 0
        return SendingHealth(self.node.waiting, 0.0, 0, reserve, {}, None)

    # ── helpers ──────────────────────────────────────────────────────────────────────────────────

    def _open(self, key: str, through: Callable[[Doors], None]) -> None:
        hash_ = self.node.transaction_of(key)
        self.node.submit(key, lambda ledger, now: through(Doors(ledger, self._signing, now, RELAYER, hash_)))

    def _move(
        self,
        key: str,
        agreement: Agreement,
        do: Callable[[Move], None],
        asking: Callable[[int], Ask] = lambda _: nobody,
    ) -> None:
        def change(ledger: Ledger, now: int) -> None:
            move = ledger.enter(agreement, now, asking(now))
            do(move)
            ledger.leave(move)

        self.node.submit(key, change)
