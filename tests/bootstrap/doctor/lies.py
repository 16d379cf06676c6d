"""What a chain could say instead of the truth: each row names the check that must see it, and its order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.doctor.abi import SHAPES, raw, selector
from tests.bootstrap.doctor.views import Lie

TOPIC = {shape.name: "0x" + topic.hex() for topic, shape in SHAPES.items()}
OTHER_WORD = "0x" + "00" * 12 + "ab" * 20
Log = dict[str, Any]
Logs = list[Log]


@dataclass(frozen=True)
class Told:
    """A lie about one order of the situation."""

    name: str
    check: str
    order: str
    lie: Callable[["About"], Lie]
    is_nobodys: bool = False


@dataclass(frozen=True)
class About:
    """Whose agreements are lied about."""

    delivery: str
    supply: str
    clone: str
    last: int


def logs(change: Callable[[Logs, About], Logs]) -> Callable[[About], Lie]:
    """Other logs."""
    return lambda about: lambda method, params, result: change(result, about) if method == "eth_getLogs" else result


def _is(log: Log, name: str, agreement: str) -> bool:
    return log["topics"][:2] == [TOPIC[name], agreement]


def _without(name: str, which: Callable[[About], str]) -> Callable[[About], Lie]:
    """The last log of an event is not there."""

    def change(found: Logs, about: About) -> Logs:
        mine = [log for log in found if _is(log, name, which(about))]
        return [log for log in found if log is not mine[-1]] if mine else found

    return logs(change)


def _again(name: str, which: Callable[[About], str]) -> Callable[[About], Lie]:
    """A log is there a second time, at a place of its own."""

    def change(found: Logs, about: About) -> Logs:
        mine = [log for log in found if _is(log, name, which(about))]
        return [*found, *(log | {"logIndex": hex(900)} for log in mine[-1:])]

    return logs(change)


def _other(name: str, which: Callable[[About], str], edit: Callable[[Log], Log]) -> Callable[[About], Lie]:
    """The last log of an event says something else."""

    def change(found: Logs, about: About) -> Logs:
        mine = [log for log in found if _is(log, name, which(about))]
        return [edit(log) if mine and log is mine[-1] else log for log in found]

    return logs(change)


def word(place: int, step: int) -> Callable[[Log], Log]:
    """A number in the data is another one."""

    def edit(log: Log) -> Log:
        data = bytearray(raw(log["data"]))
        at = slice(32 * place, 32 * place + 32)
        data[at] = (int.from_bytes(data[at], "big") + step).to_bytes(32, "big")
        return log | {"data": "0x" + data.hex()}

    return edit


def topic(place: int, value: str) -> Callable[[Log], Log]:
    """A topic is another one."""
    return lambda log: log | {"topics": [*log["topics"][:place], value, *log["topics"][place + 1 :]]}


def delivery(about: About) -> str:
    return about.delivery


def supply(about: About) -> str:
    return about.supply


def _call(start: bytes, place: int, step: int) -> Callable[[About], Lie]:
    """A contract's answer about the delivery's clone is another number."""

    def told(about: About) -> Lie:
        def lie(method: str, params: list[Any], result: Any) -> Any:
            if method != "eth_call" or not params[0]["data"].startswith("0x" + start.hex()):
                return result
            if about.clone[2:] not in params[0]["data"] and params[0]["to"].lower() != about.clone:
                return result
            return word(place, step)({"data": result})["data"]

        return lie

    return told


def _shorter(about: About) -> Lie:
    """The chain ends five blocks earlier."""
    end = about.last - 5

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and result is not None:
            if params[0] == "latest":
                return result | {"number": hex(end)}
            return result if int(params[0], 16) <= end else None
        if method == "eth_getLogs":
            return [log for log in result if int(log["blockNumber"], 16) <= end]
        return result

    return lie


def _forked(about: About) -> Lie:
    """The last applied block is another one."""

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] in (hex(about.last), "latest"):
            return result | {"hash": "0x" + "fe" * 32}
        return result

    return lie


def _instead(method_: str, value: Any) -> Callable[[About], Lie]:
    return lambda about: lambda method, params, result: value if method == method_ else result


def _receipt(about: About) -> Lie:
    """What no log proves has failed."""
    return lambda method, params, result: (
        result | {"status": "0x0"} if method == "eth_getTransactionReceipt" else result
    )


T = Told
LIES: Sequence[Told] = (
    T("a payment is missing", "payout-paid", "settled", _without("Withdrawn", delivery)),
    T("a credit is missing", "payout-without-event", "delivered", _without("Credited", supply)),
    T("an opening is missing", "agreement-without-event", "contracted", _without("Opened", supply)),
    T("a handover is missing", "order-status", "delivered", _without("Delivered", delivery)),
    T("a state is missing", "agreement-status", "disputed", _without("StateChanged", delivery)),
    T("a claim is missing", "milestones", "contracted", _without("Claimed", supply)),
    T("an advance is missing", "payout-without-event", "contracted", _without("AdvanceToPayee", delivery)),
    T("a credit one cent higher", "payout-amount", "settled", _other("Credited", delivery, word(1, 10_000))),
    T("a credit one unit higher", "ledger", "delivered", _other("Credited", supply, word(1, 1))),
    T("an advance one cent lower", "payout-amount", "refunded", _other("AdvanceToSupply", delivery, word(0, -10_000))),
    T("a payment to somebody else", "paid-to-stranger", "settled", _other("Withdrawn", delivery, topic(3, OTHER_WORD))),
    T("another state", "agreement-status", "settled", _other("StateChanged", delivery, word(1, 2))),
    T("another price", "agreement-terms", "contracted", _other("Opened", delivery, word(10, 10_000))),
    T("another address", "agreement-terms", "contracted", _other("Opened", supply, topic(2, OTHER_WORD))),
    T("opened twice", "opened-twice", "settled", _again("Opened", delivery)),
    T("paid twice", "paid-twice", "settled", _again("Withdrawn", delivery)),
    T("credited twice", "event-without-payout", "settled", _again("Credited", delivery)),
    T("a balance one unit short", "balance", "delivered", _call(selector("balanceOf(address)"), 0, -1)),
    T("books with less left", "ledger", "delivered", _call(selector("books(Terms)"), 3, -1)),
    T("books with another due", "ledger", "contracted", _call(selector("books(Terms)"), 5, 1)),
    T("a failed receipt", "tx-outcome", "settled", _receipt, is_nobodys=True),
    T("a shorter chain", "cursor-ahead", "settled", _shorter, is_nobodys=True),
    T("another branch", "cursor-hash", "settled", _forked, is_nobodys=True),
    T("another chain", "chain-identity", "settled", _instead("eth_chainId", "0x1"), is_nobodys=True),
)
