"""How large the advance of an order is under the platform's policy and on this chain."""

from collections.abc import Sequence

from marketplace.application.context import Policy
from marketplace.domain.advance import advance_bps
from marketplace.domain.events import SupplyChoice
from marketplace.ports.chain import ChainParameters


def advance_of(policy: Policy, total_minor: int, choices: Sequence[SupplyChoice], known: ChainParameters) -> int | None:
    """The advance that pays these suppliers, in basis points, or None where the ceiling does not allow as much."""
    supplies = sum(choice.amount_minor for choice in choices)
    return advance_bps(
        total_minor,
        supplies,
        fee_bps=known.fee_bps,
        least_bps=policy.advance_bps,
        most_bps=known.self_attested_bps,
    )
