"""A node that lies about one thing is found out, and the thing is named."""

from typing import Any

import pytest

from contracts.errors import NodeError
from contracts.verification.verdict import Check
from tests.contracts.verification.conftest import Lived
from tests.contracts.verification.judging import judged
from tests.contracts.verification.lies import LIES, LIES_OF_A_CHANGE, topic_of
from tests.contracts.verification.tampering import TAMPERINGS

_FOUND = ("eth_getBlockByNumber", "eth_getTransactionByHash", "eth_getTransactionReceipt")
METHODS = ("eth_chainId", "eth_getCode", "eth_call", "eth_getLogs", *_FOUND)
GARBAGE: tuple[object, ...] = (None, 5, "0x", "zz", "0x" + "ff" * 40, [None], {"number": "\ud800"})


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_is_named(settled: Lived, name: str) -> None:
    lie, check = LIES[name]
    verdict = await judged(settled, lie(settled))
    assert verdict.failure is not None
    assert verdict.failure.check is check, verdict.failure
    assert verdict.exit_code == check.value


@pytest.mark.parametrize("name", LIES_OF_A_CHANGE)
async def test_a_lie_about_a_change_is_named(replaced: Lived, name: str) -> None:
    lie, check = LIES_OF_A_CHANGE[name]
    verdict = await judged(replaced, lie(replaced))
    assert verdict.failure is not None
    assert verdict.failure.check is check, verdict.failure


async def test_a_transfer_that_no_log_explains(settled: Lived) -> None:
    """The token says twice what the agreement says once."""

    def again(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        mine = [log for log in logs if log["topics"][1:2] == [topic_of(settled.address(0))]]
        return logs + [log | {"logIndex": hex(int(log["logIndex"], 16) + 1_000)} for log in mine]

    def lie(method: str, params: tuple[Any, ...], result: Any) -> Any:
        if method == "eth_getLogs":
            return again(result)
        return result | {"logs": again(result["logs"])} if method == "eth_getTransactionReceipt" else result

    verdict = await judged(settled, lie)
    assert verdict.failure is not None
    assert verdict.failure.check is Check.TRANSFER


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda value: repr(value)[:12])
async def test_an_answer_without_a_meaning_is_no_answer(settled: Lived, method: str, garbage: object) -> None:
    """Whatever a node says, there is a verdict or a node's error, and nothing else."""
    told = 0

    def lie(asked: str, params: tuple[Any, ...], result: Any) -> Any:
        nonlocal told
        told += asked == method
        return garbage if asked == method else result

    try:
        verdict = await judged(settled, lie)
    except NodeError:
        verdict = None
    assert told
    assert verdict is None or verdict.failure is not None


def test_every_check_has_been_seen_to_fail() -> None:
    named = {tampering.check for tampering in TAMPERINGS.values()} | {
        check for _, check in (LIES | LIES_OF_A_CHANGE).values()
    }
    assert set(Check) - named == {Check.EVIDENCE_SEQUENCE}  # its tests are above
