"""The verdict on a life that was lived, by a node that may lie and with a file that may be tampered with."""

from typing import Any

from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.verdict import Discrepancy
from contracts.verification.verify import Verdict, verify
from tests.contracts.verification import lying
from tests.contracts.verification.conftest import Lived
from tests.contracts.verification.gateways import as_bytes


async def judged(lived: Lived, lie: lying.Lie = lambda method, params, result: result, **options: Any) -> Verdict:
    """The verdict on the order, by a node that tells the lie."""
    rpc = lying.Lying(lived.rpc, lie)
    options.setdefault("address", lived.address(0))
    return await verify(rpc, **options)


async def judged_file(lived: Lived, file: dict[str, Any]) -> Discrepancy | None:
    """What is wrong with the order and this file."""
    try:
        evidence = EvidenceFile.parse(as_bytes(file))
    except Discrepancy as failure:
        return failure
    verdict = await judged(lived, evidence=evidence, address=None)
    return verdict.failure
