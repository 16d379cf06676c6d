"""Whatever is tampered with in an evidence file is found, under its own name; untampered it passes."""

import copy
import re

import pytest

from contracts.terms import evidence_root_typed_data
from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.verdict import Check, Discrepancy
from tests.contracts.verification.conftest import Lived
from tests.contracts.verification.gateways import TestGateway, as_bytes
from tests.contracts.verification.judging import judged, judged_file
from tests.contracts.verification.tampering import OTHER, TAMPERINGS, tampered
from tests.contracts.world import PEOPLE, SIGNERS


async def test_the_untampered_orders_pass(settled: Lived, replaced: Lived) -> None:
    for lived in (settled, replaced):
        assert (await judged(lived)).failure is None
        assert await judged_file(lived, lived.file) is None


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_tampered_file_is_named(settled: Lived, name: str) -> None:
    failure = await judged_file(settled, tampered(settled.file, name))
    assert failure is not None
    assert failure.check is TAMPERINGS[name].check, failure
    assert re.search(TAMPERINGS[name].says, failure.statement), failure


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("null", "an evidence file is a JSON object"),
        ("[]", "an evidence file is a JSON object"),
        ("NaN", "NaN is no number"),
        ("1e400", "1e400 is past every number"),
        ("9" * 5_000, "a number has 5000 digits"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ("[" * 100_000, "nests deeper than 64"),
        ("\0", "Expecting value"),
        (b"\xff\xfe", "can't decode byte"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_no_file_at_all_is_refused_in_words(text: str | bytes, says: str) -> None:
    with pytest.raises(Discrepancy, match=f"EVIDENCE_FILE: this is no evidence file: .*{re.escape(says)}"):
        EvidenceFile.parse(text)


async def test_two_roots_of_one_number_are_named(settled: Lived) -> None:
    """The gateway told somebody else another story, and signed that too."""
    honest = settled.plant.gateway("attestor")
    delivery = settled.terms[0]
    forked = TestGateway(honest.key, honest.domain, honest.batches[:-1], dict(honest.heads))
    forked.report(settled.world.id(delivery), delivery, 300, 400)
    file = copy.deepcopy(settled.file)
    file["events"] += forked.filed()[-2:]
    failure = await judged_file(settled, file)
    assert failure is not None
    assert failure.check is Check.EVIDENCE_SEQUENCE


async def test_a_root_that_skips_one_is_named(settled: Lived) -> None:
    honest = settled.plant.gateway("attestor")
    file = copy.deepcopy(settled.file)
    event = next(one for one in file["events"] if one["event_code"] == 400)
    assert honest.key.address in event["payload"]
    message = evidence_root_typed_data(
        bytes.fromhex(event["root"][2:]),
        event["sequence"],
        OTHER,
        chain_id=settled.world.chain_id,
        factory=settled.world.book.factory,
    )
    signer = next(SIGNERS[name] for name in PEOPLE if SIGNERS[name].address.lower() == honest.key.address)
    event |= {"previous": "0x" + OTHER.hex(), "signature": "0x" + (await signer.sign_typed_data(message)).hex()}
    failure = await judged_file(settled, file)
    assert failure is not None
    assert failure.check is Check.EVIDENCE_SEQUENCE


async def test_the_evidence_of_a_foreign_order_is_named(settled: Lived, replaced: Lived) -> None:
    evidence = EvidenceFile.parse(as_bytes(replaced.file | {"agreements": []}))
    verdict = await judged(settled, evidence=evidence)
    assert verdict.failure is not None
    assert verdict.failure.check is Check.EVIDENCE_FOREIGN


async def test_another_factory_than_the_named_one(settled: Lived) -> None:
    evidence = EvidenceFile.parse(as_bytes(settled.file))
    for options in ({"evidence": evidence, "factory": "0x" + "66" * 20}, {"factory": "0x" + "66" * 20}):
        verdict = await judged(settled, **options)
        assert verdict.failure is not None
        assert verdict.failure.check in (Check.EVIDENCE_FOREIGN, Check.FACTORY_CODE)
