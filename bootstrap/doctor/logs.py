"""Every log of the contracts from the chain, in ranges that the node is willing to answer."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from bootstrap.doctor.abi import SHAPES, hexed
from bootstrap.doctor.failures import CouldNotLook, NodeRefused, NodeSilent
from bootstrap.doctor.node import Node, data, number, record
from bootstrap.doctor.spill import Spill

MOST_BLOCKS: Final = 10_000
"""Blocks in one question: what common nodes take. A node that refuses is asked for less."""
FIRST_BLOCKS: Final = 500
"""Blocks in the first question, before anything is known of how much they hold."""
AT_ONCE: Final = 2_000
"""Logs that an answer should bring: memory is theirs while they are read."""
MOST_LOGS: Final = 1 << 31
"""Logs in one block: far more than any block's gas pays for."""
_TOPICS: Final = [hexed(topic) for topic in SHAPES]

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def read_logs(
    node: Node, spill: Spill, first: int, last: int, told: Progress, agreements: Sequence[str] | None = None
) -> None:
    """All logs from block `first` to `last`, or those about `agreements`. Raises CouldNotLook."""
    topics: list[Any] = [_TOPICS] if agreements is None else [_TOPICS, list(agreements)]
    start, step = first, FIRST_BLOCKS
    while start <= last:
        end = min(last, start + step - 1)
        try:
            query = {"fromBlock": hex(start), "toBlock": hex(end), "topics": topics}
            logs = node.ask("eth_getLogs", query)
        except (NodeRefused, NodeSilent) as refusal:
            if start == end:
                raise CouldNotLook(f"{node.name} does not give the logs of block {start}: {refusal}") from refusal
            # Too many logs, too many blocks, too slow: nodes say it in as many ways as there are nodes.
            step = max(1, (end - start + 1) // 2)
            continue
        spill.add_logs(_rows(logs, start, end))
        start, step = end + 1, _next_step(end - start + 1, len(logs))
        told("blocks", end - first + 1, last - first + 1)


def _next_step(blocks: int, logs: int) -> int:
    """Twice as many blocks, unless they would bring more logs than are held at a time."""
    return max(1, min(blocks * 2, MOST_BLOCKS, blocks * AT_ONCE // max(logs, 1)))


def _rows(logs: Any, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    if not isinstance(logs, list):
        raise NodeSilent("the node does not answer as a node does: its logs are no list")
    for one in logs:
        log = record(one, "a log")
        words = log.get("topics")
        topics = [data(word, "a topic", 32) for word in words] if isinstance(words, list) else []
        if len(topics) < 2 or topics[0] not in SHAPES:
            raise NodeSilent("the node tells logs that it was not asked for")
        block = number(log.get("blockNumber"), "a log's block")
        if not first <= block <= last:
            raise NodeSilent(f"the node tells a log of block {block}, asked for {first} to {last}")
        place = number(log.get("logIndex"), "a log's place")
        if place >= MOST_LOGS:
            raise NodeSilent(f"the node tells a log at place {place} of its block")
        yield (
            block,
            place,
            data(log.get("transactionHash"), "a log's transaction", 32),
            data(log.get("blockHash"), "a log's block hash", 32),
            data(log.get("address"), "a log's address", 20),
            topics[1],
            b"".join(topics),
            data(log.get("data"), "a log's data"),
        )
