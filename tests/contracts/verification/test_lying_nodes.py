"""A node that lies about one thing is found out, and the thing is named."""

from typing import Any

import pytest

from contracts.verification.verdict import Check
from tests.contracts.verification.conftest import Lived
from tests.contracts.verification.judging import judged
from tests.contracts.verification.lies import LIES, LIES_OF_A_CHANGE, topic_of
from tests.contracts.verification.test_tampered_files import FILES


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


def test_every_check_has_been_seen_to_fail() -> None:
    named = {check for _, check in FILES} | {check for _, check in (LIES | LIES_OF_A_CHANGE).values()}
    assert set(Check) - named == {Check.EVIDENCE_SEQUENCE}  # its tests are above
