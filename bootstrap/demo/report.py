"""What happened, for people and as JSON for scripts. Nets and the manufacturer's own money are read from the chain."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from bootstrap.demo.actors import Actor
from bootstrap.demo.narrator import Narrator
from bootstrap.demo.stage import Stage
from contracts.bindings import factory as factory_binding
from contracts.bindings import token
from contracts.rpc import HttpRpc
from mobile_api.client.models.orders import Agreement

DECIMALS = 6
TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
"""The event of ERC-20: topics from and to, data the amount."""


async def balances(stage: Stage, actors: Mapping[str, Actor]) -> dict[str, int]:
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


async def sent_by(stage: Stage, address: str, after_block: int) -> int:
    """Cents that `address` paid out of its own balance after a block, by the token's Transfer logs."""
    query = {
        "address": stage.book.test_euro,
        "fromBlock": hex(after_block + 1),
        "toBlock": "latest",
        "topics": [TRANSFER, "0x" + address.lower().removeprefix("0x").rjust(64, "0")],
    }
    async with HttpRpc(stage.chain_url) as rpc:
        logs = await rpc.call("eth_getLogs", query)
    return sum(int(entry["data"], 16) for entry in logs) // token.UNITS_PER_CENT


def nets(before: dict[str, int], after: dict[str, int], actors: Mapping[str, Actor]) -> list[dict[str, Any]]:
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
    order: Mapping[str, Any],
    agreements: Sequence[Mapping[str, Any]],
    timeline: Sequence[Mapping[str, Any]],
    stage: Stage,
    *,
    changes: list[dict[str, Any]],
    own_money_minor: int,
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
        "manufacturer_own_money_minor": own_money_minor,
        "token": {"address": stage.book.test_euro, "decimals": DECIMALS},
        "chain": {"chain_id": stage.book.chain_id, "height": head},
        "timings_s": {name: round(value, 2) for name, value in timings.items()},
    }


def write_document(path: Path, document: dict[str, Any]) -> None:
    """The outcome as a file."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def euros(minor: int) -> str:
    """As people write it."""
    return f"{'-' if minor < 0 else ''}€ {abs(minor) // 100:,}.{abs(minor) % 100:02}"


def receivers(actors: Mapping[str, Actor], agreements: Sequence[Agreement]) -> dict[str, str]:
    """What people call the addresses that are paid: actors, and agreements that fund one another."""
    names = {actor.address.lower(): actor.name for actor in actors.values()}
    funded = {
        agreement["address"].lower(): f"into the supply agreement with {agreement['payee']['name']}"
        for agreement in agreements
        if agreement["kind"] == "supply"
    }
    return names | funded


def show(narrator: Narrator, document: dict[str, Any], names: Mapping[str, str]) -> None:
    """Which contract paid whom how much, and what each address gained or spent; addresses are never cut."""
    narrator.tell()
    narrator.tell(f"Order {document['order_id']}: {document['status']}", "bold")
    for agreement in document["agreements"]:
        narrator.tell()
        kind = "Delivery agreement" if agreement["kind"] == "delivery" else "Supply agreement"
        narrator.tell(f"{kind}, {euros(agreement['amount_minor'])}, {agreement['status']}", "bold")
        narrator.tell(f"  {agreement['address']}", "dim")
        for payout in agreement["payouts"]:
            who = "platform fee" if payout["party"] == "fee" else names.get(payout["address"].lower(), payout["party"])
            narrator.tell(f"  {euros(payout['amount_minor']):>10}  {who}")
    narrator.tell()
    narrator.tell("What each address gained or spent, read from the chain", "bold")
    for net in document["nets"]:
        narrator.tell(f"  {euros(net['amount_minor']):>10}  {net['party']}")
        narrator.tell(f"              {net['address']}", "dim")
    narrator.tell(f"  {euros(sum(net['amount_minor'] for net in document['nets'])):>10}  sum of all")
    own = euros(document["manufacturer_own_money_minor"])
    narrator.tell(f"  {own:>10}  money of its own that the manufacturer put in")
