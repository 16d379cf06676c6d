"""The tables of docs/gas.md, written from a measurement."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "gas.md"
WHAT: Final = {
    "open_allowance": "a delivery without advance, both signatures, standing allowance",
    "open_permit": "the same with the payer's permit, not its first",
    "batch_of_3": "a delivery and three supplies, which its advance pays",
    "supply_next": "one more supply in a batch: of three less of two",
    "open_supply": "another supplier for an open delivery",
    "claim_first": "first claim of an agreement, proof of eight steps",
    "claim_later": "second claim, the first still in its window",
    "claim_sweeping": "second claim, which pays the first one",
    "contest": "the payer refuses a claim",
    "approve": "the payer releases a milestone; the agreement's first payment",
    "approve_later": "a later payment",
    "delivered": "by the recipient's secret",
    "delivered_by_carrier": "by the carrier's signature",
    "accept_signed": "by the payer's signature; pays the payee",
    "finalise": "after silence; pays the payee",
    "finalise_sweeping": "the same with three claims that matured meanwhile",
    "release": "the retention",
    "withdraw": "anyone has the payee paid for a mature claim",
    "refund": "after date and grace",
    "revoke": "the payee gives up",
    "cancel": "the payer gives up, for a share of the price",
    "dispute": "the payer, after the delivery",
    "resolve": "the arbiter divides; pays both",
    "timeout": "the arbiter kept silent",
    "split": "both agree; pays both",
    "novate": "new terms for more money",
    "life_three_claims": "open, three claims within one window, delivered, finalised, the payee paid",
    "life_three_claims_spaced": "the same, each claim paid before the next move",
    "order_total_gas": "a delivery and three supplies from opening to the last fee: 15 transactions",
}
"""Every figure in words. Where a party consents, it signs, and the relayer sends."""
_ROW: Final = re.compile(r"^\| `(\w+)` \| [^|]* \| ([\d,]+) \|", re.MULTILINE)


def written(text: str, figures: Mapping[str, int], bounds: Mapping[str, int], euros: Mapping[str, float]) -> str:
    """The page with its two tables as these figures have them."""
    rows = [
        f"| `{name}` | {what} | {figures[name]:,} | {bounds[name]:,} | {figures[name] / bounds[name]:.2f} |"
        for name, what in WHAT.items()
    ]
    costs = [f"| {name.replace('_', ' ')} | {cost:,.2f} € |" for name, cost in euros.items()]
    return _between(_between(text, "figures", rows), "euros", costs)


def gas_on(text: str) -> dict[str, int]:
    """What the page says of each operation."""
    return {name: int(gas.replace(",", "")) for name, gas in _ROW.findall(text)}


def _between(text: str, name: str, rows: list[str]) -> str:
    """The text with its marked table's rows replaced, below the two lines of the head."""
    pattern = re.compile(rf"(<!-- {name} -->\n(?:\|[^\n]*\n){{2}}).*?(?=<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda found: found[1] + "\n".join(rows) + "\n", text, count=1)
