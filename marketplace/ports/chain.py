"""The chain that holds the money, in the words of agreements.

`submit` is fire and forget with a key: the answer comes back as events of the chain, never as a return value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from marketplace.domain.agreement import ActionKind, Agreement, Terms

TypedData = dict[str, Any]
"""An EIP-712 message with its types, as wallets take it."""


class ChainUnavailable(Exception):
    """The node cannot be asked just now."""


class ChainDistrusted(ChainUnavailable):
    """The node answers, and what it says cannot be believed: another chain, a stale head, another node disagrees.

    Nothing may be read, sent or taken for final until it can.
    """


class ChainFundsLow(ChainUnavailable):
    """The platform's account has no money for new orders; those that are under way go on."""


class ChainRefused(Exception):
    """The contracts would refuse the call as things are; `reason` names their error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """What terms must name. `unit` is token units in one cent; `start_block` is where our contracts begin.

    A block is final under `confirmations` others; where the chain says itself what is final, this is how many that are
    about.
    """

    chain_id: int
    factory: str
    token: str
    token_symbol: str
    token_decimals: int
    unit: int
    fee_bps: int
    fee_receiver: str
    self_attested_bps: int
    arbiter: str
    start_block: int
    confirmations: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """A block: its number, hash and stamp in seconds."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Leaves of one signed batch and the one that proves a milestone.

    `leaves` are (agreement id, spec hash, code, at_ms, payload hash) in lane order.
    """

    leaves: Sequence[tuple[str, str, int, int, str]]
    index: int
    root: str
    sequence: int
    previous: str
    signature: str


@dataclass(frozen=True, slots=True)
class Consent:
    """A party's signature under one move, good until the second `deadline`.

    `number` is what the signed message names: the milestone (contest, approve), the most in token units that the payee
    keeps (cancel), the payee's share in basis points (split), the same with the dispute that it answers
    (`resolution`), the state that is disputed, the least in token units that is carried over (novate: the payer) or the
    state that is left (novate: the payee); 0 elsewhere. `by` says who disputes: "payer" or "payee"; every other action
    has one possible signer.
    """

    signature: str
    deadline: int
    number: int = 0
    by: str = "payer"


NO_CONSENT = Consent("", 0)


def resolution(disputed_at: int, payee_bps: int) -> int:
    """The `number` of an arbiter's decision: it answers the dispute of that second, and no later question."""
    return disputed_at << 16 | payee_bps


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """A log of one of our agreements, decoded. `name` is one of the names below, `fields` its values.

    opened {address, transaction} · claimed {milestone, matures_at} · contested {milestone} ·
    paid_milestone {milestone} · delivered {at, penalty_minor} · disputed {by, decide_by} ·
    divided {why, payee_minor, fee_minor, payer_minor} · credited {party, amount_minor} ·
    advanced {supply_id, amount_minor} · withdrawn {party, address, amount_minor} · kept {party, amount_minor} ·
    replaced {successor_id, amount_minor} · state {state}

    `party` is payee, payer or fee. A move pays what it credits: `credited` is followed by `withdrawn` in the same
    transaction, or by `kept` where the token refused; the fees follow when the agreement ends. The advance is paid as
    it opens. `decide_by` is the arbiter's last second; a handover during a dispute sets it anew, `by` nobody (the zero
    address). Before the credits of a division `divided` says `why`: verdict (the arbiter's), silence (time's), share
    (both parties signed it).
    """

    block: int
    block_hash: str
    log_index: int
    transaction: str
    agreement_id: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendingHealth:
    """How the account that sends our transactions stands.

    `pending` counts transactions without a final outcome, `oldest_s` is the age of the oldest; `balance` and `reserve`
    are in wei; `alarms` maps the codes of what is wrong now to words, `last_alarm` is what was told last.
    """

    pending: int
    oldest_s: float
    balance: int
    reserve: int
    alarms: Mapping[str, str]
    last_alarm: str | None


class Chain(Protocol):
    """Port to the contracts."""

    async def parameters(self) -> ChainParameters:
        """What terms must name on this chain. Raises ChainUnavailable."""
        ...

    async def head(self) -> Head:
        """The newest block. Raises ChainUnavailable, and ChainDistrusted for a stale one."""
        ...

    async def final_number(self, head: Head) -> int:
        """The highest block that is final when `head` is the newest one; may lie below block 0.

        Raises ChainUnavailable.
        """
        ...

    async def corroborate(self, first: int, last: int, block_hash: str, events: Sequence[ChainEvent]) -> None:
        """Ask a second node, where there is one, whether it too has block `last` and these events of `first` to `last`.

        Raises ChainDistrusted where it says something else, ChainUnavailable where it cannot be asked.
        """
        ...

    async def block_hash(self, number: int) -> str | None:
        """The hash of block `number`, or None where the chain is shorter."""
        ...

    async def events(self, first: int, last: int) -> Sequence[ChainEvent]:
        """The events of blocks `first` to `last`, in chain order."""
        ...

    async def opened_by_us(self, event: ChainEvent) -> Terms | None:
        """The terms of an `opened` event whose transaction our own account sent; None where somebody else did.

        Raises ChainUnavailable, also where the event is no longer there.
        """
        ...

    async def terms_id(self, terms: Terms) -> tuple[str, str]:
        """(agreement id, address of the agreement's contract), known before anybody signs."""
        ...

    async def terms_to_sign(self, terms: Terms) -> TypedData:
        """The terms as both parties sign them."""
        ...

    async def permit_to_sign(self, owner: str, amount: int, deadline: int) -> TypedData:
        """The payer's permission (EIP-2612) to draw `amount` token units. Raises ChainUnavailable."""
        ...

    async def action_to_sign(self, agreement_id: str, action: ActionKind, deadline: int, number: int = 0) -> TypedData:
        """A party's consent to one move of a running agreement; `number` as in `Consent`.

        For NOVATE the id is the successor's.
        """
        ...

    async def split_to_sign(self, agreement_id: str, payee_bps: int, deadline: int) -> TypedData:
        """A party's consent to divide what is left; both must sign the same."""
        ...

    def signed_by(self, typed: TypedData, signature: str) -> str | None:
        """The address that signed, or None if the signature is malformed (high-s included)."""
        ...

    def keccak(self, data: bytes) -> str:
        """Keccak-256, as 0x-hex."""
        ...

    async def open_batch(self, key: str, delivery: Agreement, supplies: Sequence[Agreement]) -> None:
        """Open all in one transaction or none. Raises ChainRefused, ChainUnavailable."""
        ...

    async def open_supply(self, key: str, supply: Agreement, lineage: Sequence[Terms]) -> None:
        """Open one more supply, in the place of one that failed. Raises ChainRefused, ChainUnavailable.

        `lineage` leads from the delivery that the supply names as parent, successor by successor, to the one that is
        open now.
        """
        ...

    async def novate(
        self,
        key: str,
        old: Agreement,
        successor: Agreement,
        supplies: Sequence[Agreement],
        payer: Consent,
        payee: Consent = NO_CONSENT,
    ) -> None:
        """Replace `old` by `successor`, opened with its new supplies. Raises ChainRefused, ChainUnavailable.

        Both consent over the successor's id: the payer to the least that the old agreement must bring along, the payee
        to the state in which it stands, unless that is OPEN.
        """
        ...

    async def claim(self, key: str, agreement: Agreement, milestone: int, proofs: Sequence[Proof]) -> None:
        """Claim a milestone by evidence: one proof, or two where both sign, the attestor's first.

        Raises ChainRefused, ChainUnavailable.
        """
        ...

    async def delivered_by_secret(self, key: str, agreement: Agreement, secret: str) -> None:
        """Record the delivery with the recipient's handover secret. Raises ChainRefused, ChainUnavailable."""
        ...

    async def act(self, key: str, agreement: Agreement, action: ActionKind, consent: Consent) -> None:
        """Relay an action that one party signed; NOVATE and splits have methods of their own.

        Raises ChainRefused, ChainUnavailable.
        """
        ...

    async def split(self, key: str, agreement: Agreement, payer: Consent, payee: Consent) -> None:
        """Divide what is left as both parties signed. Raises ChainRefused, ChainUnavailable."""
        ...

    async def finalise(self, key: str, agreement: Agreement) -> None:
        """Settle after the acceptance window. Raises ChainRefused, ChainUnavailable."""
        ...

    async def release(self, key: str, agreement: Agreement) -> None:
        """Pay the retention share after its window. Raises ChainRefused, ChainUnavailable."""
        ...

    async def refund(self, key: str, agreement: Agreement) -> None:
        """Send what is left back after date and grace. Raises ChainRefused, ChainUnavailable."""
        ...

    async def timeout(self, key: str, agreement: Agreement) -> None:
        """End a dispute on which the arbiter stayed silent. Raises ChainRefused, ChainUnavailable."""
        ...

    async def pay_out(self, key: str, agreement: Agreement, party: str) -> None:
        """Push to `party` (payee, payer or fee) what the token refused to move before; nothing where there is nothing.

        For the payee that includes milestones that have matured. Raises ChainRefused, ChainUnavailable.
        """
        ...

    async def fund_test_account(self, key: str, address: str, amount_minor: int) -> None:
        """Test money on a development chain. Raises ChainRefused elsewhere."""
        ...

    async def watch_deadline(self, timestamp: int) -> None:
        """A deadline waits for head time `timestamp` (an embedded chain then keeps mining)."""
        ...

    async def reconcile(self) -> None:
        """Bring what was sent to its end: rebroadcast, replace, note what is final. Raises ChainUnavailable."""
        ...

    async def require_funds(self) -> None:
        """Raises ChainFundsLow while gas for further orders cannot be paid, ChainUnavailable."""
        ...

    async def sending(self) -> SendingHealth:
        """For operators and probes. Raises ChainUnavailable."""
        ...
