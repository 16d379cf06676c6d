"""A node that lies, about one thing at a time and always in the same way."""

import copy
from collections.abc import Callable
from typing import Any

from eth_abi.abi import encode

from contracts.abi import Fragment, fragments, function
from contracts.rpc import Rpc

Lie = Callable[[str, tuple[Any, ...], Any], Any]
"""From a method, its parameters and the true result to what the node says."""
LogLie = Callable[[dict[str, Any]], dict[str, Any] | None]
"""From a log to what the node says, None for nothing."""


class Remembering:
    """A node whose chain has come to its end: it is asked everything once."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._answers: dict[str, Any] = {}

    async def call(self, method: str, *params: object) -> Any:
        asked = repr((method, params))
        if asked not in self._answers:
            self._answers[asked] = await self._rpc.call(method, *params)
        return copy.deepcopy(self._answers[asked])


class Lying:
    """The node with a lie on its lips."""

    def __init__(self, rpc: Rpc, lie: Lie) -> None:
        self._rpc = rpc
        self._lie = lie

    async def call(self, method: str, *params: object) -> Any:
        return self._lie(method, params, await self._rpc.call(method, *params))


def event(name: str) -> Fragment:
    """An event of the agreements, the factory or the token."""
    found = [
        fragment
        for contract in ("DeliveryAgreement", "AgreementFactory", "TestEuro")
        for fragment in fragments(contract, "event")
        if fragment.name == name
    ]
    return found[0]


def about_logs(name: str, lie: LogLie, *, of: Callable[[dict[str, Any]], bool] = lambda log: True) -> Lie:
    """Logs of an event, alike in searches and receipts."""
    topic = "0x" + event(name).hash.hex()

    def say(log: dict[str, Any]) -> dict[str, Any] | None:
        return lie(log) if log["topics"] and log["topics"][0] == topic and of(log) else log

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method == "eth_getLogs":
            return [said for log in result if (said := say(log)) is not None]
        if method == "eth_getTransactionReceipt" and result is not None:
            return result | {"logs": [said for log in result["logs"] if (said := say(log)) is not None]}
        return result

    return told


def only_in(method: str, lie: Lie) -> Lie:
    """The lie, told by one method alone."""
    return lambda asked, params, result: lie(asked, params, result) if asked == method else result


def nothing(_log: dict[str, Any]) -> None:
    """The log is not there."""


def saying(name: str, **changes: Any) -> LogLie:
    """The log with other arguments, which are not indexed."""
    fragment = event(name)

    def say(log: dict[str, Any]) -> dict[str, Any]:
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"][1:]]
        arguments = fragment.decode_log(topics, bytes.fromhex(log["data"][2:])) | changes
        plain = [(kind, arguments[member]) for member, kind, indexed in fragment.inputs if not indexed]
        data = encode([kind for kind, _ in plain], [value for _, value in plain])
        return log | {"data": "0x" + data.hex()}

    return say


def with_topic(place: int, topic: bytes) -> LogLie:
    """The log with another topic."""

    def say(log: dict[str, Any]) -> dict[str, Any]:
        topics = list(log["topics"])
        topics[place] = "0x" + topic.hex()
        return log | {"topics": topics}

    return say


def about_calls(contract: str, name: str, lie: Callable[[dict[str, Any]], dict[str, Any]], *, to: str = "") -> Lie:
    """Transactions that ask a function: their calldata has other arguments."""
    fragment = function(contract, name)

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method != "eth_getTransactionByHash" or not result["input"].startswith("0x" + fragment.selector.hex()):
            return result
        if to and result["to"].lower() != to.lower():
            return result
        arguments = fragment.decode_arguments(bytes.fromhex(result["input"][10:]))
        changed = arguments | lie(arguments)
        return result | {"input": "0x" + fragment.encode([changed[member] for member, _, _ in fragment.inputs]).hex()}

    return told


def about_views(contract: str, name: str, value: Any, *, at: str = "") -> Lie:
    """What a view returns."""
    fragment = function(contract, name)

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method != "eth_call" or not params[0]["data"].startswith("0x" + fragment.selector.hex()):
            return result
        if at and params[0]["to"].lower() != at.lower():
            return result
        if callable(value):
            return (
                "0x" + encode(list(fragment.outputs), [value(fragment.decode_result(bytes.fromhex(result[2:])))]).hex()
            )
        return "0x" + encode(list(fragment.outputs), [value]).hex()

    return told


def about_code(address: str, lie: Callable[[bytes], bytes]) -> Lie:
    """The code at an address."""

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method != "eth_getCode" or params[0].lower() != address.lower():
            return result
        return "0x" + lie(bytes.fromhex(result[2:])).hex()

    return told


def about_time(earlier_s: int, block: int) -> Lie:
    """When a block was made."""

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method != "eth_getBlockByNumber" or int(result["number"], 16) != block:
            return result
        return result | {"timestamp": hex(int(result["timestamp"], 16) - earlier_s)}

    return told


def about_transactions(name: str, changes: dict[str, Any] | None) -> Lie:
    """Transactions by the agreement's function they ask; None: the node does not have them."""
    selector = "0x" + function("DeliveryAgreement", name).selector.hex()

    def told(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method != "eth_getTransactionByHash" or not result["input"].startswith(selector):
            return result
        return None if changes is None else result | changes

    return told
