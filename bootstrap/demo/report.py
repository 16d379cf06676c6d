"""What happened, as a table for people and as JSON for scripts; amounts of nets are read from the chain."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bootstrap.demo.actors import Actor
from bootstrap.demo.stage import Stage
from contracts.bindings import factory as factory_binding
from contracts.bindings import token
from contracts.rpc import HttpRpc

DECIMALS = 6


async def balances(stage: Stage, actors: dict[str, Actor]) -> dict[str, int]:
    """Token units of everybody who can be paid, by address."""
    async with HttpRpc(stage.chain_url) as rpc:
        settings = await factory_binding.settings(rpc, stage.book.factory)
        addresses = [actor.address for actor in actors.values()] + [settings.fee_receiver]
        money = stage.book.test_euro or ""
        return {address.lower(): await token.balance_of(rpc, money, address) for address in addresses}


async def height(stage: Stage) -> int:
    """Number of the newest block."""
    async with HttpRpc(stage.chain_url) as rpc:
        return int(await rpc.call("eth_blockNumber"), 16)


def nets(before: dict[str, int], after: dict[str, int], actors: dict[str, Actor]) -> list[dict[str, Any]]:
    """Each address's change in cents; the fee receiver is the one that is no actor."""
    names = {actor.address.lower(): actor.name for actor in actors.values()}
    return [
        {
            "party": names.get(address, "Platform fee"),
            "address": address,
            "amount_minor": (after[address] - before[address]) // token.UNITS_PER_CENT,
            "before_minor": before[address] // token.UNITS_PER_CENT,
            "after_minor": after[address] // token.UNITS_PER_CENT,
        }
        for address in after
    ]


def outcome(
    order: dict[str, Any],
    agreements: list[dict[str, Any]],
    timeline: list[dict[str, Any]],
    stage: Stage,
    *,
    changes: list[dict[str, Any]],
    head: int,
    timings: dict[str, float],
) -> dict[str, Any]:
    """The document that `--json` writes."""
    quote = order["quote"]
    return {
        "order_id": order["id"],
        "status": order["status"],
        "events": [{"name": item["name"], "at": item["at"]} for item in timeline],
        "quote": {name: quote[name] for name in ("total_minor", "currency", "lines")},
        "agreements": [
            {name: agreement[name] for name in ("kind", "id", "address", "status", "amount_minor")}
            | {
                "payouts": [
                    {name: payout[name] for name in ("party", "address", "amount_minor")}
                    for payout in agreement["payouts"]
                ]
            }
            for agreement in agreements
        ],
        "nets": changes,
        "token": {"address": stage.book.test_euro, "decimals": DECIMALS},
        "chain": {"chain_id": stage.book.chain_id, "height": head},
        "timings_s": {name: round(value, 2) for name, value in timings.items()},
    }


def write_document(path: Path, document: dict[str, Any]) -> None:
    """The outcome as a file."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def euros(minor: int) -> str:
    """As people write it."""
    return f"{minor / 100:,.2f}"


def show(console: Console, document: dict[str, Any], names: dict[str, str]) -> None:
    """Who was paid how much, by which contract."""
    paid = Table(title=f"Order {document['order_id']}: {document['status']}", title_justify="left")
    for heading in ("Agreement", "Contract", "To", "€"):
        paid.add_column(heading, justify="right" if heading == "€" else "left")
    for agreement in document["agreements"]:
        paid.add_row(agreement["kind"], agreement["address"], "", euros(agreement["amount_minor"]), style="bold")
        for payout in agreement["payouts"]:
            who = names.get(payout["address"].lower(), payout["party"])
            paid.add_row("", "", f"{who} ({payout['party']})", euros(payout["amount_minor"]))
    console.print(paid)
    changes = Table(title="What each address has gained or spent", title_justify="left")
    for heading in ("Party", "Address", "€"):
        changes.add_column(heading, justify="right" if heading == "€" else "left")
    for net in document["nets"]:
        changes.add_row(net["party"], net["address"], euros(net["amount_minor"]))
    console.print(changes)
