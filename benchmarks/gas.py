"""Gas of every move of an agreement and of a whole order, beside what the EVM asks at least and what others need.

`python -m benchmarks.gas [--json] [--write-snapshot] [--eth-eur N]` measures on the devchain in this process. It ends
with 1 and names every operation that uses more than 1.15 of its bound, or 3 % more than `gas_snapshot.json` says.
"""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.gas_model import page
from benchmarks.gas_model.chain import Chain, Sent
from benchmarks.gas_model.life import Step, Steps, life, operations, whole_order
from benchmarks.gas_model.needs import unmet
from benchmarks.gas_model.prices import ETH_EUR, L1_GWEI, ROLLUPS, on_ethereum, on_rollup
from benchmarks.harness import Result

SNAPSHOT: Final = Path(__file__).parent / "gas_snapshot.json"
OVER_BOUND: Final = 115
OVER_SNAPSHOT: Final = 103
"""In hundredths, of the bound and of the snapshot."""
OVER_BOUND_OF: Final = {"finalise_sweeping": 119}
"""The one that may be dearer: it divides four payments, and dividing is nothing in a bound. Alone each is cheap."""

BESIDE: Final = {
    "kleros_v2_create": 168_022,
    "kleros_v2_pay": 53_317,
    "kleros_v2_reimburse": 53_379,
    "kleros_v2_propose": 81_876,
    "kleros_v2_dispute": 71_946 + 204_064,
    "sablier_create": 120_038,
    "sablier_withdraw_least": 22_815,
    "sablier_withdraw_most": 33_179,
}
"""Gas of others: Kleros Escrow v2 with an ERC-20, measured once on the same kind of chain, the payer's allowance given
before; Sablier's figures are its own and perhaps without the 21,000 of a transaction."""
_COMPARED: Final = {
    "open_allowance": "kleros_v2_create",
    "open_permit": "kleros_v2_create",
    "finalise": "kleros_v2_pay",
    "refund": "kleros_v2_reimburse",
    "dispute": "kleros_v2_dispute",
    "supply_next": "sablier_create",
}


@dataclass(frozen=True)
class Measured:
    """Gas and bounds by operation; the needs that did not happen; the transactions of one whole order."""

    figures: dict[str, int]
    bounds: dict[str, int]
    unmet: list[str]
    order: list[Sent]


def measure() -> Measured:
    """Plays all stories on a new chain."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Measured:
    chain = Chain(folder)
    await chain.prepare()
    lone, spaced, order = await life(chain), await life(chain, spaced=True), await whole_order(chain)
    found = await operations(chain)
    chain.close()
    missing = [
        f"{name}: {what}"
        for steps in (lone, spaced, order, found)
        for name, step in steps.items()
        for what in unmet(step.needs, step.sent.trace, chain.roles())
    ]
    figures, bounds = (_by_kind(lone, spaced, order, found, kind) for kind in ("gas", "bound"))
    return Measured(figures, bounds, missing, [step.sent for step in order.values()])


def _by_kind(lone: Steps, spaced: Steps, order: Steps, found: Steps, kind: str) -> dict[str, int]:
    def of(step: Step) -> int:
        return int(getattr(step, kind))

    def total(steps: Iterable[Step]) -> int:
        return sum(of(step) for step in steps)

    named = {
        "open_allowance": of(lone["open"]),
        "claim_first": of(lone["claim_first"]),
        "claim_later": of(lone["claim_second"]),
        "claim_sweeping": of(spaced["claim_second"]),
        "delivered": of(lone["delivered"]),
        "finalise_sweeping": of(lone["finalise"]),
        "supply_next": of(found["batch_of_3"]) - of(found["batch_of_2"]),
        **{name: of(step) for name, step in found.items() if name != "batch_of_2"},
        "life_three_claims": total(lone.values()),
        "life_three_claims_spaced": total(spaced.values()),
        "order_total_gas": total(order.values()),
    }
    return {name: named[name] for name in page.WHAT}


def offenders(figures: Mapping[str, int], bounds: Mapping[str, int], snapshot: Mapping[str, int]) -> list[str]:
    """What is dearer than it may be, in words."""
    found = []
    for name, gas in figures.items():
        most = OVER_BOUND_OF.get(name, OVER_BOUND)
        if gas * 100 > most * bounds[name]:
            found.append(
                f"{name}: {gas:,} is {gas / bounds[name]:.3f} of its bound {bounds[name]:,}, more than {most / 100}"
            )
    for name in sorted(figures.keys() | snapshot.keys()):
        if name not in figures or name not in snapshot:
            found.append(f"{name}: only the {'snapshot' if name in snapshot else 'measurement'} has it")
        elif figures[name] * 100 > OVER_SNAPSHOT * snapshot[name]:
            found.append(f"{name}: {figures[name]:,} is more than 3 % above {snapshot[name]:,} of the snapshot")
    return found


def result_of(measured: Measured) -> Result:
    """Ours, others', the bounds, and how they compare."""
    figures, bounds = measured.figures, measured.bounds
    ratios = {f"{name}_to_bound": gas / bounds[name] for name, gas in figures.items()}
    ratios |= {f"{ours}_to_{theirs}": figures[ours] / BESIDE[theirs] for ours, theirs in _COMPARED.items()}
    return Result(dict(figures), dict(BESIDE), dict(bounds), ratios)


def euros_of(order: Sequence[Sent], eth_eur: float) -> dict[str, float]:
    """What the platform pays for one order with three supplies, by where and when."""
    gas = sum(one.gas for one in order)
    costs = {f"ethereum_at_{gwei:g}_gwei": on_ethereum(gas, gwei, eth_eur) for gwei in L1_GWEI}
    return costs | {
        f"rollup_at_{rollup.execution_gwei:g}_gwei": on_rollup(order, rollup, eth_eur) for rollup in ROLLUPS
    }


def write_snapshot(measured: Measured) -> None:
    """Takes these figures for the measure of what comes later, and writes them into docs/gas.md."""
    SNAPSHOT.write_text(json.dumps(measured.figures, indent=1) + "\n", "utf-8")
    euros = euros_of(measured.order, ETH_EUR)
    page.PAGE.write_text(page.written(page.PAGE.read_text("utf-8"), measured.figures, measured.bounds, euros), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.gas", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument(
        "--write-snapshot", action="store_true", help="take these figures for the measure of later ones"
    )
    parser.add_argument("--eth-eur", type=float, default=ETH_EUR, help=f"euros for one ether ({ETH_EUR:,.0f})")
    options = parser.parse_args(arguments)
    measured = measure()
    if options.write_snapshot:
        write_snapshot(measured)
    snapshot: dict[str, int] = json.loads(SNAPSHOT.read_text("utf-8"))
    wrong = [*measured.unmet, *offenders(measured.figures, measured.bounds, snapshot)]
    euros = euros_of(measured.order, options.eth_eur)
    if not options.json:
        _print(measured, snapshot, euros, options.eth_eur)
    for line in wrong:
        print(line, file=sys.stderr)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    shown = {"benchmark": "gas", **asdict(result_of(measured)), "euros": euros, "offenders": wrong, "machine": machine}
    print(json.dumps(shown))
    return 1 if wrong else 0


def _print(measured: Measured, snapshot: Mapping[str, int], euros: Mapping[str, float], eth_eur: float) -> None:
    print(f"{'operation':<26}{'gas':>11}{'bound':>11}{'ratio':>8}{'snapshot':>11}")
    for name, gas in measured.figures.items():
        bound = measured.bounds[name]
        print(f"{name:<26}{gas:>11,}{bound:>11,}{gas / bound:>8.3f}{snapshot.get(name, 0):>11,}")
    print(f"\n{'beside':<26}{'gas':>11}")
    for name, gas in BESIDE.items():
        print(f"{name:<26}{gas:>11,}")
    print(f"\n{f'an order, {eth_eur:,.0f} € an ether':<26}{'€':>11}")
    for name, cost in euros.items():
        print(f"{name:<26}{cost:>11,.3f}")
    print()


if __name__ == "__main__":
    sys.exit(main())
