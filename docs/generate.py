"""Writes the pages of `docs/` that say what the code says: `python docs/generate.py`, or `--check` to compare.

`docs/order-lifecycle.md` comes from the transition table; a page that was edited by hand, or a table that moved on
without its page, is stale, and `--check` then ends with status 1.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, Python looks for our packages beside this file only

from marketplace.domain import events as e  # noqa: E402
from marketplace.domain.commands import PassDeadline  # noqa: E402
from marketplace.domain.effects import EffectKind  # noqa: E402
from marketplace.domain.lifecycle import decide  # noqa: E402
from marketplace.domain.order import Order, Status  # noqa: E402
from marketplace.domain.reactions import CONFIRM_MARGIN, WAITS  # noqa: E402
from marketplace.domain.transitions import ENDS, TRANSITIONS, UNDELIVERED  # noqa: E402

WHO: Mapping[type[e.Event], str] = {
    e.OrderPlaced: "customer",
    e.MatchPostponed: "search",
    e.OrderMatched: "search",
    e.DecisionAsked: "manufacturer's rule",
    e.OrderAccepted: "manufacturer's rule or person",
    e.OrderRejected: "manufacturer or platform",
    e.AgreementsDrafted: "platform",
    e.TermsSigned: "suppliers and manufacturer",
    e.SupplierDeclined: "supplier",
    e.SupplierSilent: "clock",
    e.SupplierCountered: "supplier",
    e.NextSupplierAsked: "platform",
    e.SupplyDrafted: "platform",
    e.SearchReopened: "platform",
    e.QuoteIssued: "last signature",
    e.QuoteConfirmed: "customer",
    e.AgreementsOpened: "chain",
    e.ProductionStarted: "shop floor",
    e.ProductionProgressed: "shop floor",
    e.MilestoneProved: "chain",
    e.SupplyDelivered: "chain",
    e.ProductionFailed: "shop floor",
    e.ProductionFinished: "shop floor",
    e.OrderShipped: "manufacturer",
    e.HandoverPresented: "carrier or customer",
    e.OrderDelivered: "chain",
    e.DeliveryAccepted: "customer",
    e.DisputeOpened: "customer",
    e.DisputeRecorded: "chain",
    e.DisputeAnswered: "customer or manufacturer",
    e.DisputeDecided: "chain",
    e.OrderSettled: "chain",
    e.OrderRefunded: "chain",
    e.OrderExpired: "clock",
    e.OrderCancelled: "customer",
}
"""Who is behind each event."""

MONEY: Mapping[EffectKind, str] = {
    EffectKind.REFUND: "has the chain send the money back",
    EffectKind.FINALISE: "has the chain settle",
}

HEAD = """# The life of an order

This page is generated from `marketplace/domain/transitions.py` by `python docs/generate.py`. Do not edit it.

An arrow is an event. Nothing but the table moves an order, and every status that waits has a deadline that moves the
order, or its money, on without anybody's help (`tests/domain/test_deadlines.py` walks every way there is).
"""


def order_lifecycle() -> str:
    """The page `docs/order-lifecycle.md`."""
    return "\n".join((HEAD, "```mermaid", *_diagram(), "```", "", *_table(), "", *_reading(), ""))


def _diagram() -> Iterable[str]:
    """Arrows between statuses; events that leave an order where it is are in the table below."""
    yield "stateDiagram-v2"
    yield f"    [*] --> {Status.PLACED}: {e.OrderPlaced.__name__}"
    for status in Status:
        for target, names in _moves(status).items():
            if target is not status:
                yield f"    {status} --> {target}: {', '.join(names)}"
        if status in ENDS:
            yield f"    {status} --> [*]"


def _moves(status: Status) -> Mapping[Status, list[str]]:
    """Target → names of the events that lead there from `status`, in the table's order."""
    moves: dict[Status, list[str]] = {}
    for (source, event), target in TRANSITIONS.items():
        if source is status:
            moves.setdefault(target, []).append(event.__name__)
    return moves


def _table() -> Iterable[str]:
    yield "| status | who moves it on | what it hears meanwhile | what time alone does |"
    yield "|---|---|---|---|"
    for status in Status:
        moving = [_by(event, target) for event, target in _events(status) if target is not status]
        hearing = [_by(event) for event, target in _events(status) if target is status]
        cells = (f"**{status}**", "<br>".join(moving) or "–", "<br>".join(hearing) or "–", _time_alone(status))
        yield f"| {' | '.join(cells)} |"


def _events(status: Status) -> Iterable[tuple[type[e.Event], Status]]:
    return ((event, target) for (source, event), target in TRANSITIONS.items() if source is status)


def _by(event: type[e.Event], target: Status | None = None) -> str:
    arrow = f" → {target}" if target else ""
    return f"{WHO[event]}: {event.__name__}{arrow}"


def _time_alone(status: Status) -> str:
    """What the deadline of `status` leads to, asked of the lifecycle itself."""
    order = _order(status)
    for wait in (status, Status.CONTRACTED):
        decision = decide(order, PassDeadline(wait), order.placed_at)
        outcomes = [str(decision.order.status)] if decision.events else []
        outcomes += [MONEY[effect.kind] for effect in decision.effects if effect.kind in MONEY]
        if outcomes:
            return f"{_when(status)}: {', '.join(outcomes)}"
    return "nothing: an end"


def _when(status: Status) -> str:
    if status in WAITS:
        hours = int(WAITS[status].total_seconds() // 3600)
        return f"after {hours} h"
    if status in UNDELIVERED:
        return "after delivery date and grace"
    if status is Status.DELIVERED:
        return "after the acceptance window"
    if status is Status.CONFIRMED:
        return f"{int(CONFIRM_MARGIN.total_seconds() // 60)} min after the quote's term"
    return "at the end of the quote's term"


def _order(status: Status) -> Order:
    """An order in `status` with nothing special about it."""
    return Order(
        id="order",
        status=status,
        version=1,
        customer_id="customer",
        manufacturer_id="manufacturer",
        product_id="product",
        product_version=1,
        configuration={},
        amount=1,
        deliver_by=date(2026, 1, 1),
        payer_address="",
        handover_hash="",
        client_reference="",
        placed_at=datetime(2026, 1, 1, tzinfo=UTC),
        delivery_id="delivery",
    )


def _reading() -> Iterable[str]:
    yield "*Wishes* (what a person wants) that do not fit are refused in words; *facts* (what chain, shop floor and"
    yield "clock report) that no longer fit change nothing, so a fact may be told twice. After a search was reopened,"
    yield "its waits have deadlines of their own; each supplier that is asked has one too. An order that has"
    yield "expired still follows the chain: money that opened after we had given up is still money. So does one whose"
    yield "confirmation was lost, because the database was restored from an older backup."


PAGES: Mapping[str, Callable[[], str]] = {"docs/order-lifecycle.md": order_lifecycle}
"""Path below the project's root → what the page should say."""


def stale(root: Path) -> list[str]:
    """The pages under `root` that do not say what the code says, or are not there."""
    return [name for name, page in PAGES.items() if not _says(root / name, page())]


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the pages, or with `--check` compare them; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; end with status 1 if a page is stale")
    old = stale(root)
    if parser.parse_args(arguments).check:
        for name in old:
            print(f"{name} is stale: run `python docs/generate.py` and commit it")
        return 1 if old else 0
    for name in old:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
