"""Whatever a node answers, the doctor says so in a sentence: never a traceback, never a crash, never without an end."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bootstrap.doctor import logs as reading
from bootstrap.doctor import node as asking
from bootstrap.doctor.examine import Question, examine
from bootstrap.doctor.failures import CouldNotLook
from bootstrap.doctor.report import Report
from tests.bootstrap.doctor.conftest import Doctor, asked
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.views import Refuse, TrueNode

METHODS = [
    *("eth_chainId", "eth_getBlockByNumber", "eth_getLogs", "eth_call", "eth_getTransactionReceipt"),
    *("eth_getTransactionCount", "eth_getTransactionByHash"),
]
JUNK: list[Any] = [
    *(None, True, -1, 10**400, "", "0x", "0xzz", "0x" + "f" * 64, "0x" + "f" * 400, "\ud800", "-0x1", "0x-1", "1e9"),
    *([], [[]], [{}], [1], {}, {"number": "0x1"}, {"hash": 5, "number": "0x0", "timestamp": "0x0"}),
    [{"topics": []}],
    [{"topics": ["0x" + "00" * 32] * 4, "data": "0x"}],
    {"status": "0x7", "blockNumber": None},
    {"from": "0x", "nonce": {}},
]
SECRET = "secret-path"


def outcome(doctor: Doctor, **given: Any) -> Report | str:
    """What it found, or why it could not look."""
    try:
        return doctor(**given)
    except CouldNotLook as refusal:
        return str(refusal)


@pytest.mark.parametrize("method", METHODS)
def test_junk_of_any_kind_is_answered_in_words(method: str, doctor: Doctor, situation: Situation) -> None:
    given = {"genesis": None}
    told = set()
    for junk in JUNK:
        found = outcome(doctor, lie=lambda asked_, params, result: junk if asked_ == method else result, **given)  # noqa: B023
        if isinstance(found, str):
            assert SECRET not in found
            assert found.isprintable()
            told.add(found)
    if method not in ("eth_getTransactionCount", "eth_getTransactionByHash"):  # of which a sound house asks nothing
        assert told


@pytest.mark.parametrize("method", METHODS)
def test_refusals_of_any_method_are_answered_in_words(method: str, doctor: Doctor) -> None:
    def refuse(asked_: str, params: list[Any], result: Any) -> Any:
        if asked_ == method:
            raise Refuse("\x1b[31mno\n" * 500)
        return result

    found = outcome(doctor, lie=refuse)
    assert isinstance(found, Report) or ("\x1b" not in found and "\n" not in found)


BODIES = {
    "nothing": b"",
    "no JSON": b"<html>502 Bad Gateway</html>",
    "deep": b"[" * 200_000,
    "deep objects": b'{"result":' * 100_000,
    "NaN": b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "a number too long": b'{"jsonrpc":"2.0","id":1,"result":' + b"9" * 5_000 + b"}",
    "no encoding": b'{"jsonrpc":"2.0","id":1,"result":"\xff\xfe"}',
    "another id": b'{"jsonrpc":"2.0","id":77,"result":"0x7a69"}',
    "a list": b"[]",
    "a word": b'"0x7a69"',
    "neither": b'{"jsonrpc":"2.0","id":1}',
    "an error that is none": b'{"jsonrpc":"2.0","id":1,"error":[[[]]]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_bodies_of_any_kind_are_answered_in_words(body: bytes, status: int, situation: Situation) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    with pytest.raises(CouldNotLook) as refusal:
        examine(Question(**asked(situation, f"sqlite:///{situation.database}")), transport=transport)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("what"), OSError("gone")],
)
def test_a_node_that_is_away_is_answered_in_words(failure: Exception, situation: Situation) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(CouldNotLook) as refusal:
        examine(Question(**asked(situation, "sqlite:///x")), transport=httpx.MockTransport(fail))
    assert "http://node.example:8545" in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_a_slow_drip_ends_at_the_deadline(situation: Situation) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=drip()))
    began = time.monotonic()
    with pytest.raises(CouldNotLook):
        examine(Question(**asked(situation, "sqlite:///x"), patience_s=0.2), transport=transport)
    assert time.monotonic() - began < 10


def test_an_endless_answer_is_cut(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LARGEST", 100_000)

    def flood() -> Iterator[bytes]:
        while True:
            yield b"[" * 10_000

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=flood()))
    with pytest.raises(CouldNotLook, match="more than 100000 bytes"):
        examine(Question(**asked(situation, "sqlite:///x")), transport=transport)


def test_a_redirect_is_not_followed(situation: Situation) -> None:
    hosts = []

    def lead(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "http://elsewhere.example/"})

    with pytest.raises(CouldNotLook):
        examine(Question(**asked(situation, "sqlite:///x")), transport=httpx.MockTransport(lead))
    assert set(hosts) == {"node.example"}


def test_ranges_that_a_node_refuses_become_smaller(doctor: Doctor) -> None:
    ranges = []

    def refuse(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs":
            first, last = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
            ranges.append((first, last))
            if last - first >= 3:
                raise Refuse("query returned more than 10000 results")
        return result

    report = doctor(lie=refuse)
    assert (report.exit, report.events > 50) == (0, True)
    asked_for = [first for first, last in ranges if last - first < 3]
    assert len(asked_for) == len(set(asked_for)) > 5


def test_a_node_that_gives_no_logs_at_all_ends_it(doctor: Doctor) -> None:
    def refuse(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs":
            raise Refuse("no")
        return result

    with pytest.raises(CouldNotLook, match="does not give the logs of block"):
        doctor(lie=refuse)


def test_a_node_without_batches_is_asked_one_by_one(situation: Situation, node: TrueNode) -> None:
    inner, refused = node.transport(), []

    def single(request: httpx.Request) -> httpx.Response:
        if isinstance(json.loads(request.content), list):
            refused.append(1)
            error = {"code": -32600, "message": "no batches here"}
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "error": error})
        return inner.handle_request(request)

    question = Question(**asked(situation, f"sqlite:///{situation.database}"))
    report = examine(question, transport=httpx.MockTransport(single))
    assert (report.exit, len(refused)) == (0, 1)


def test_a_block_that_moves_under_our_eyes_is_no_finding(doctor: Doctor) -> None:
    """Told one hash first and another one later: nothing can be said of anybody."""
    seen: list[str] = []

    def move(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_call":
            seen.append(params[0]["to"])
        if method == "eth_getBlockByNumber" and params[0] not in ("0x0", "latest") and len(seen) > 3:
            return result | {"hash": "0x" + "fe" * 32}
        return result

    with pytest.raises(CouldNotLook, match="run again"):
        doctor(lie=move)


def test_a_fork_between_reading_and_comparing_is_no_finding(doctor: Doctor, situation: Situation) -> None:
    """The logs of the first reading are another branch's: the last block of it is not there any more."""
    told: list[str] = []

    def fork(method: str, params: list[Any], result: Any) -> Any:
        told.append(method)
        is_there = method == "eth_getBlockByNumber" and params[0] not in ("0x0", "latest")
        return result | {"hash": "0x" + "fe" * 32} if is_there and "eth_getLogs" not in told else result

    with pytest.raises(CouldNotLook, match="run again"):
        doctor(lie=fork)


def test_the_range_of_one_question_is_bounded() -> None:
    assert reading.MOST_BLOCKS <= 10_000
