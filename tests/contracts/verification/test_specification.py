"""A supply's specification names the order that its delivery is for, by the hash that the delivery's terms carry."""

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.terms import Kind
from contracts.verification.evidence import Evidence
from contracts.verification.evidence_file import FiledAgreement
from contracts.verification.verdict import Check, Discrepancy, Notes
from tests.bootstrap.signing.asking import NOTHING, delivery_document, hashed, supply_document, terms

ADDRESS = "0x" + "ab" * 20
DELIVERY, SUPPLY = b"\xd0" * 32, b"\x50" * 32
WHOLE = delivery_document()
ABOVE = terms(kind=Kind.DELIVERY, parent=NOTHING, spec_hash=hashed(WHOLE))


def check(document: dict[str, Any]) -> list[str]:
    """What is noted of a supply with this specification, beside the agreements that the chain has."""
    below = terms(parent=DELIVERY, spec_hash=hashed(document))
    known = {SUPPLY: below, DELIVERY: ABOVE}
    notes = Notes()
    found: Any = {one: SimpleNamespace(address=ADDRESS, terms=own) for one, own in known.items()}
    Evidence(None, notes, found)._check_agreement(FiledAgreement(SUPPLY, ADDRESS, Kind.SUPPLY, document))  # type: ignore[arg-type]
    return [fact.statement for fact in notes.facts]


def test_a_supply_of_its_delivery_is_told_to_be_what_both_signed() -> None:
    (said,) = check(supply_document(order="0x" + hashed(WHOLE).hex()))
    assert "lines, order, product, salt, version" in said


def test_a_supply_of_another_order_is_found() -> None:
    with pytest.raises(Discrepancy, match="another order") as found:
        check(supply_document(order="0x" + "0e" * 32))
    assert found.value.check is Check.SPECIFICATION
