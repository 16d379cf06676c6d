"""How far the database has followed the chain, and whether that chain is still the one that it followed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bootstrap.doctor.abi import hexed
from bootstrap.doctor.database import AT_ONCE, Snapshot
from bootstrap.doctor.failures import CouldNotLook, NodeRefused, NodeSilent
from bootstrap.doctor.node import Node, data, number, record
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import text, whole

HIGHEST: Final = 1 << 40
"""No chain has that many blocks: a node that says so lies."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the chain as the node tells it."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Position:
    """The last block whose events were applied; `hash` is None where none was."""

    number: int
    hash: str | None


def block_at(node: Node, where: int | str) -> Block | None:
    """A block by number or tag, None where the node has none. Raises CouldNotLook."""
    try:
        found = node.ask("eth_getBlockByNumber", hex(where) if isinstance(where, int) else where, False)
    except NodeRefused as refusal:
        if isinstance(where, int):
            return None
        raise CouldNotLook(f"{node.name} tells no {where} block: {refusal}") from refusal
    return None if found is None else _block(found)


def _block(answer: Any) -> Block:
    found = record(answer, "a block")
    height = number(found.get("number"), "a block's number")
    if height >= HIGHEST:
        raise CouldNotLook(f"the node tells a block {height}: no chain is that long")
    stamp = number(found.get("timestamp"), "a block's stamp")
    return Block(height, hexed(data(found.get("hash"), "a block's hash", 32)), min(stamp, HIGHEST))


def identity(node: Node) -> tuple[int, str]:
    """Chain id and genesis hash. Raises CouldNotLook."""
    try:
        chain_id = number(node.ask("eth_chainId"), "the chain id")
    except NodeRefused as refusal:
        raise CouldNotLook(f"{node.name} tells no chain id: {refusal}") from refusal
    genesis = block_at(node, 0)
    if genesis is None:
        raise CouldNotLook(f"{node.name} has no first block")
    return chain_id, genesis.hash


def applied(snapshot: Snapshot, start_block: int) -> Position:
    """The last block whose events count."""
    row = next(iter(snapshot.rows("SELECT final_number, final_hash FROM chain_cursor")), None)
    if row is None or row["final_number"] is None:
        return Position(start_block - 1, None)
    return Position(whole(row, "final_number"), text(row, "final_hash").lower())


def examine_trust(report: Report, snapshot: Snapshot, genesis: str, rpc: str) -> None:
    """The first block to which this database belongs, and whether its workers believe their node."""
    for row in snapshot.rows("SELECT genesis, distrust FROM chain_cursor"):
        report.saw("chain-identity")
        report.saw("distrust")
        if row["genesis"] is not None and text(row, "genesis").lower() != genesis:
            told = f"the database belongs to the chain that begins with {row['genesis']}, {rpc} to {genesis}"
            report.find("chain-identity", told)
        if row["distrust"] is not None:
            report.find("distrust", f"the workers do not believe their node: {row['distrust']}")


def final_block(node: Node, head: Block, confirmations: int | None) -> int:
    """The last block that may be acted on: so many below the head, or what the chain itself calls finalized."""
    if confirmations is not None:
        return head.number - confirmations
    found = block_at(node, "finalized")
    return -1 if found is None else found.number


def examine_position(
    report: Report,
    node: Node,
    position: Position,
    head: Block,
    confirmations: int | None,
    wall: float,
    patience_s: float,
) -> None:
    """The cursor against the chain: a fork, a chain that is shorter, acting too early, and falling behind."""
    report.saw("cursor-ahead")
    if position.number > head.number:
        told = f"events up to block {position.number} were applied, the chain ends at {head.number}"
        report.find("cursor-ahead", told)
        return
    final = final_block(node, head, confirmations)
    if position.hash is not None:
        report.saw("cursor-hash")
        report.saw("final-early")
        found = block_at(node, position.number)
        if found is None or found.hash != position.hash:
            told = f"block {position.number} was applied as {position.hash}, the chain has"
            report.find("cursor-hash", f"{told} {found.hash if found else 'none'}")
        if position.number > max(final, 0):
            told = f"block {position.number} was applied under {head.number - position.number} blocks"
            report.find("final-early", f"{told}; as of now the chain is final up to block {max(final, 0)}")
    report.saw("cursor-behind")
    if final <= position.number:
        return
    # With a depth, the block that made the next one final says since when it is.
    depth, now = (confirmations, wall) if confirmations is not None else (0, _stamp(node, final))
    late = now - _stamp(node, position.number + 1 + depth)
    if late > patience_s:
        report.find("cursor-behind", f"block {position.number + 1} is final since {late:.0f} s and was not applied")


def _stamp(node: Node, height: int) -> float:
    found = block_at(node, height)
    if found is None:
        raise NodeSilent(f"{node.name} has no block {height} below its own head")
    return found.timestamp


def examine_ring(report: Report, node: Node, snapshot: Snapshot, head: Block, last: int) -> None:
    """The hashes that are remembered of final blocks."""
    stored = {
        whole(row, "number"): text(row, "hash").lower()
        for row in snapshot.rows("SELECT number, hash FROM chain_blocks WHERE number <= ?", min(last, head.number))
    }
    report.saw("block-ring", len(stored))
    heights = sorted(stored)
    for first in range(0, len(heights), AT_ONCE):
        some = heights[first : first + AT_ONCE]
        for height, answer in zip(some, _hashes(node, some), strict=True):
            if answer != stored[height]:
                report.find("block-ring", f"block {height} is remembered as {stored[height]}, the chain has {answer}")


def _hashes(node: Node, heights: list[int]) -> Iterator[str | None]:
    questions = [("eth_getBlockByNumber", (hex(height), False)) for height in heights]
    for answer in node.ask_all(questions):
        yield None if answer is None or isinstance(answer, NodeRefused) else _block(answer).hash


def frozen_orders(report: Report, snapshot: Snapshot) -> frozenset[str]:
    """Orders that a fork stopped, each of them named."""
    found = set()
    report.saw("frozen")
    for row in snapshot.rows("SELECT order_id, block, reason, thawed_at FROM order_freezes ORDER BY order_id"):
        if row["thawed_at"] is None:
            found.add(text(row, "order_id"))
            told = f"frozen since block {row['block']}: {row['reason']}"
            report.find("frozen", told, order=text(row, "order_id"))
    return frozenset(found)
