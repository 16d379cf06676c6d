"""Every check by name: what is looked at, and what to do about what it finds."""

from dataclasses import dataclass
from typing import Final

_SYNC: Final = "Let the worker catch up and look again; if it stays, compare `lotsizeone verify` with the row."
_ROW: Final = (
    "Do not correct the row by hand: restore the last backup, or delete what differs only after "
    "`lotsizeone verify` has shown the chain's side."
)
_CHAIN: Final = "Stop the worker, point CHAIN_URL at a node you trust, and look again before any money moves."


@dataclass(frozen=True, slots=True)
class Check:
    """`about` is what is looked at, in people's words; `advice` what to do where a finding has none of its own."""

    name: str
    about: str
    advice: str


_ALL: Final = (
    Check("chain-identity", "the node's chain is the one the contracts are on", _CHAIN),
    Check("distrust", "the workers believe their node", _CHAIN),
    Check("witness", "a second node tells the same chain", _CHAIN),
    Check(
        "cursor-hash",
        "the last applied block is still on the chain",
        "The chain forked below what was acted on: stop the worker, see `lotsizeone chain status`.",
    ),
    Check("cursor-ahead", "the chain is as long as what was applied", _CHAIN),
    Check(
        "cursor-behind", "what is final has been applied", "Start a worker; see its log for why it does not read on."
    ),
    Check(
        "final-early",
        "nothing was applied before it was deep enough",
        "Set CONFIRMATIONS alike for all processes; ship nothing on this until the chain is deeper.",
    ),
    Check("block-ring", "remembered block hashes are still on the chain", "Let the worker find the common ancestor."),
    Check("chain-events", "each remembered event is a log of the chain, and each final log is remembered", _SYNC),
    Check("frozen", "orders that a deep fork stopped", "Look at each, then `lotsizeone chain thaw ORDER`."),
    Check("agreement-without-event", "an agreement that the database calls open was opened on the chain", _ROW),
    Check(
        "event-without-agreement",
        "each agreement of ours on the chain has its row",
        "After a restore: tell its parties; what time allows is done for it. Else restore the last backup.",
    ),
    Check("agreement-status", "agreements stand where the chain says", _SYNC),
    Check("agreement-terms", "stored terms and addresses are the signed ones", _ROW),
    Check("milestones", "milestones stand where the chain says", _SYNC),
    Check("payout-without-event", "each payout row has its event", _ROW),
    Check("payout-twice", "no payout is written twice", _ROW),
    Check("event-without-payout", "each payment on the chain has its row", _SYNC),
    Check("payout-amount", "payouts have the chain's amounts", _ROW),
    Check("payout-party", "payouts name whom the chain paid", _ROW),
    Check("payout-paid", "what is marked paid has arrived, and the other way round", _SYNC),
    Check("opened-twice", "no agreement was opened twice", _CHAIN),
    Check("paid-twice", "no due was paid more than once", "Stop the worker. Keep this output and the node's logs."),
    Check("paid-to-stranger", "the chain paid the parties of the terms", _CHAIN),
    Check("ledger", "paid in = left + paid out, agreement by agreement", _CHAIN),
    Check("balance", "each contract holds what its books say", _CHAIN),
    Check("ledger-whole", "the sums of all agreements agree", _ROW),
    Check("family", "supplies, parents and successors belong together", _ROW),
    Check("order-status", "orders stand where their agreements allow", _SYNC),
    Check("order-events", "events are counted without a gap and end in the order's row", _ROW),
    Check("effect-missing", "what each event must cause is in the outbox", "Restore the row, or cancel the order."),
    Check("next-action", "each unfinished order waits for something", "Look at the order: nobody will move it."),
    Check("orphan", "nothing belongs to an order that is not there", _ROW),
    Check("unreadable", "rows can be read", _ROW),
    Check(
        "effect-parked",
        "effects that were given up",
        "`lotsizeone effects show ID`; mend the cause, then retry or drop it.",
    ),
    Check(
        "effect-held",
        "effects older than a restored backup",
        "Compare with the chain, then `lotsizeone effects release ID` or drop it.",
    ),
    Check("effect-overdue", "effects are done when they are due", "Start a worker; see its log."),
    Check("lease-expired", "claimed effects are finished within their lease", "A worker died; another one takes over."),
    Check(
        "nonce-hole", "nonces are counted without a gap", "See who else uses the relayer's key; rotate it if nobody."
    ),
    Check("nonce-foreign", "each used nonce went to a transaction of ours", "Somebody else uses the relayer's key."),
    Check("tx-bytes", "stored transactions are what their rows say", _ROW),
    Check("tx-outcome", "noted outcomes are the chain's", "Let the sender look again: `lotsizeone worker`."),
    Check("key-twice", "no business key has two successful transactions", "Stop the worker. Keep this output."),
)
CHECKS: Final = {check.name: check for check in _ALL}
