"""What each move cannot do without, and what the EVM asks for it: the lower bound beside every figure.

A bound is 21,000 for the transaction, 4 or 16 for each byte of its calldata, and the prices below for the needs that
are declared here, each with its reason. Where 21,000 and 10 or 40 for each byte are more, they are the bound: that is
what a transaction with much calldata pays, whatever it does (EIP-7623).

Nothing is taken from a trace; `unmet` shows that the declared needs really happen, so that no bound is padded.
Computing, memory, hashing, warm accesses and the guard against re-entrance count as nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.gas_model.trace import Trace
from contracts.abi import Fragment, fragments

TRANSACTION: Final = 21_000
CLONE_BYTES: Final = 77
"""EIP-1167's 45 bytes and the id behind them."""
PRICES: Final = {
    "account": 2_600,  # first touch of an account (EIP-2929)
    "read": 2_100,  # first read of a storage word (EIP-2929)
    "new": 22_100,  # zero becomes something, first touch included (EIP-2200)
    "change": 5_000,  # something becomes something else, first touch included (EIP-2200)
    "clear": 5_000 - 4_800,  # something becomes zero (EIP-3529)
    "borrow": 2_300,  # zero becomes something and, in the same transaction, zero again (EIP-2200, EIP-3529)
    "signature": 3_000,  # ecrecover
    "clone": 32_000 + 200 * CLONE_BYTES,  # CREATE2 and the code that it leaves
}
_LOG, _TOPIC, _LOG_BYTE = 375, 375, 8
_SPEAKER: Final = {"AgreementFactory": "factory", "DeliveryAgreement": "agreement", "TestEuro": "token"}
_EVENTS: Final = {event.name: (event, at) for name, at in _SPEAKER.items() for event in fragments(name, "event")}
_NAMES: Final = {event.hash: event.name for event, _ in _EVENTS.values()}


@dataclass(frozen=True)
class Need:
    """One thing that a move needs `times` times: `kind` at the account `where`, and `why`.

    `kind` is a key of `PRICES`, or the name of an event.
    """

    kind: str
    where: str
    why: str
    times: int = 1

    @property
    def gas(self) -> int:
        """What the EVM asks for it."""
        if self.kind in PRICES:
            return self.times * PRICES[self.kind]
        event, _ = _EVENTS[self.kind]
        return self.times * (_LOG + _TOPIC * _topics(event) + _LOG_BYTE * _bytes(event))


Needs = tuple[Need, ...]


def unmet(needs: Iterable[Need], trace: Trace, roles: Mapping[bytes, str]) -> list[str]:
    """Declared needs that the transaction did without; `roles` names addresses, all others are agreements."""
    declared: Counter[tuple[str, str]] = Counter()
    for need in needs:
        declared[need.kind, need.where] += need.times
    missing = declared - _happened(trace, roles)
    return [f"{kind} at {where}, {times} more than happened" for (kind, where), times in missing.items()]


def fates(trace: Trace) -> Iterable[tuple[bytes, str]]:
    """What became of every storage word that was touched: its contract, and a key of `PRICES`."""
    for (address, _), (was, now, written) in trace.slots.items():
        if not written or (was == now and was != 0):
            yield address, "read"
        elif was == now:
            yield address, "borrow"
        else:
            yield address, "new" if was == 0 else "clear" if now == 0 else "change"


def _happened(trace: Trace, roles: Mapping[bytes, str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for address in trace.accounts:
        found["account", roles.get(address, "agreement")] += 1
    for address, fate in fates(trace):
        found[fate, roles.get(address, "agreement")] += 1
    for address, topics, size in trace.logs:
        event, _ = _EVENTS[_NAMES[topics[0]]]
        assert (len(topics), size) == (_topics(event), _bytes(event)), event.name
        found[event.name, roles.get(address, "agreement")] += 1
    found["signature", "precompile"] += trace.signatures
    found["clone", "factory"] += trace.created.count(CLONE_BYTES)
    return found


def _topics(event: Fragment) -> int:
    """Its signature and its indexed members."""
    return 1 + sum(indexed for _, _, indexed in event.inputs)


def _bytes(event: Fragment) -> int:
    """Its other members: a word each, and a struct as many as it has members."""
    return 32 * sum(1 + kind.count(",") for _, kind, indexed in event.inputs if not indexed)


# ── parts of moves ───────────────────────────────────────────────────────────────────────────────

TOKEN: Final = Need("account", "token", "the money lies in another contract")
SPENT: Final = Need("change", "token", "the payer's balance")
ALLOWED: Final = Need("read", "token", "what the payer allows the factory to take")
RECEIVED: Final = Need("change", "token", "the balance of a payee, who held money before")
CLOCK: Final = Need("read", "agreement", "since when the arbiter has time")
DISPUTED: Final = Need("new", "agreement", "since when the arbiter has time, and about what")
KEPT: Final = Need("read", "agreement", "what the token refused to move before")


def told(name: str, times: int = 1) -> Need:
    """An event."""
    why = "ERC-20 demands it" if _EVENTS[name][1] == "token" else "whoever follows the chain lives on events alone"
    return Need(name, _EVENTS[name][1], why, times)


def signed(by: str, times: int = 1) -> Need:
    """Signatures to check."""
    return Need("signature", "precompile", f"the signature of {by}", times)


def opening(agreements: int = 1, *, transfers: int = 1) -> Needs:
    """Agreements that open in one transaction, less the balances that fund them."""
    return (
        Need("read", "factory", "which tokens are listed"),
        TOKEN,
        signed("payer and payee under the terms", 2 * agreements),
        Need("clone", "factory", "an agreement has an address and money of its own", agreements),
        Need("new", "token", "the agreement's balance", agreements),
        told("Opened", agreements),
        told("Transfer", transfers),
    )


OPEN_ALLOWANCE: Final = (*opening(), SPENT, ALLOWED)
OPEN_PERMIT: Final = (
    *opening(),
    SPENT,
    signed("the payer under its permit"),
    Need("change", "token", "the payer's permit nonce"),
    Need("borrow", "token", "the allowance, given and used up"),
    told("Approval"),
)
OPEN_SUPPLY: Final = (
    *OPEN_ALLOWANCE,
    Need("account", "agreement", "the delivery that must still be open"),
    Need("account", "delivery code", "how to read it"),
    Need("read", "agreement", "its state"),
)


def batch(supplies: int) -> Needs:
    """A delivery whose advance pays for its supplies; what is left of it goes to the payee."""
    return (
        *opening(1 + supplies, transfers=2 + supplies),
        SPENT,
        ALLOWED,
        RECEIVED,
        told("AdvanceToSupply", supplies),
        told("AdvanceToPayee"),
    )


def move(*parts: Need | Needs, word: str, code: str = "delivery code") -> Needs:
    """A move of one agreement; `word` says what becomes of the word that holds what has happened so far."""
    flat = [one for part in parts for one in ((part,) if isinstance(part, Need) else part)]
    return (
        Need("account", code, "a clone's code is its implementation's"),
        Need(word, "agreement", "the state, the claims and their times, what is paid"),
        *flat,
    )


def consented(*parts: Need | Needs, word: str, code: str = "delivery code") -> Needs:
    """A party's move that the relayer carries to the chain."""
    return move(signed("the party whose move it is"), *parts, word=word, code=code)


def paid(*, credits_: int = 1, receivers: int = 1) -> Needs:
    """Money that leaves the agreement at once, with `credits_` reasons, to accounts that held money before."""
    return (*_paid(credits_, receivers), Need("change", "token", "the agreement's balance"))


def ended(*, credits_: int = 1, receivers: int = 2) -> Needs:
    """The last payment: to payee and fee receiver, or whom else; nothing stays."""
    return (*_paid(credits_, receivers), Need("clear", "token", "the agreement's balance"), told("StateChanged"))


def _paid(credits_: int, receivers: int) -> Needs:
    return (
        told("Credited", credits_),
        TOKEN,
        Need("change", "token", "the balance of whoever is paid", receivers),
        told("Transfer", receivers),
        told("Withdrawn", receivers),
    )


NOVATE: Final = (
    *opening(transfers=2),
    signed("the payer, who adds what is missing"),
    SPENT,
    ALLOWED,
    Need("account", "agreement", "the agreement that is replaced"),
    Need("account", "delivery code", "its code"),
    Need("new", "agreement", "its end"),
    Need("clear", "token", "its balance"),
    *(told(name) for name in ("Replaced", "Credited", "StateChanged")),
)
