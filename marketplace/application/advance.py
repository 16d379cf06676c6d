"""How large the advance of an order is under the platform's policy and on this chain, and what supplies may cost."""

from collections.abc import Sequence

from marketplace.application.context import Policy
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.advance import advance_bps, net_advance
from marketplace.domain.agreement import Terms
from marketplace.domain.events import SupplyChoice
from marketplace.domain.evidence import EventCode
from marketplace.domain.pricing import Price
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


def with_dearest_reserve(choices: Sequence[SupplyChoice], bench: Sequence[SupplyChoice]) -> list[SupplyChoice]:
    """The choices once the one whose next in rank costs most more is out: one of them at least can be replaced."""
    dearest, place, extra = None, 0, 0
    for index, choice in enumerate(choices):
        following = next((one for one in bench if set(one.lines) == set(choice.lines)), None)
        if following is not None and following.amount_minor - choice.amount_minor > extra:
            dearest, place, extra = following, index, following.amount_minor - choice.amount_minor
    return [dearest if dearest and index == place else choice for index, choice in enumerate(choices)]


def supplies_most(price: Price, choices: Sequence[SupplyChoice], delivery: Terms, rule: AcceptanceRule) -> int:
    """What the supplies may cost in cents, whoever makes them: the advance pays them, and the margin is kept.

    What was accepted already, by rule or by a person who has seen it, is never too much.
    """
    total = price.total_minor
    opened = delivery.milestone_for(EventCode.OPENED)
    advance = net_advance(total, 0 if opened is None else delivery.milestones[opened].bps, delivery.fee_bps)
    return max(sum(choice.amount_minor for choice in choices), min(advance, rule.most_for_supplies(price)))
