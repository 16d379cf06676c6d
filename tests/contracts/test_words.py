"""The numbers that Solidity, this package and the marketplace share mean the same in all three."""

import dataclasses
import json
import re
from enum import IntEnum

import pytest

from contracts import artifacts, terms
from contracts.bindings.agreement import Party, Reason, State
from contracts.translation import MILESTONE_REASONS, NAMES
from marketplace.domain import agreement as domain
from marketplace.domain.evidence import EventCode, Witness

SOURCES = json.loads(artifacts.STANDARD_INPUT.read_text("utf-8"))["sources"]


def _members(enum: type[IntEnum]) -> dict[str, int]:
    return {one.name: one.value for one in enum}


def _solidity_enum(name: str) -> list[str]:
    """Its members, as Python writes constants."""
    text = SOURCES["src/types/AgreementTypes.sol"]["content"]
    [body] = re.findall(rf"\nenum {name} \{{([^}}]*)\}}", text)
    return [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", member.strip()).upper() for member in body.split(",")]


@pytest.mark.parametrize("ours", [State, Party, Reason, terms.Witnessed])
def test_enums_of_solidity_are_ours(ours: type[IntEnum]) -> None:
    assert _solidity_enum(ours.__name__) == [member.name for member in sorted(ours)]


def _constants(source: str, names: set[str]) -> dict[str, int]:
    text = SOURCES[source]["content"]
    found = {name: int(value) for name, value in re.findall(r"constant (\w+) = (\d+);", text)}
    return {name: found[name] for name in names & found.keys()}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (State, domain.OnChain),
        (terms.Kind, domain.AgreementKind),
        (terms.What, domain.ActionKind),
        (terms.Witnessed, Witness),
    ],
)
def test_enums_of_the_marketplace_are_the_contracts(ours: type[IntEnum], theirs: type[IntEnum]) -> None:
    assert _members(ours) == _members(theirs)


def test_every_state_on_chain_has_its_word() -> None:
    assert {state.name for state in domain.OnChain} == {
        status.name
        for status in domain.AgreementStatus
        if status.name not in {"DRAFTED", "SIGNED", "VOID"}  # what comes before the chain, or instead of it
    }


def test_constants_of_solidity_are_ours() -> None:
    actions = _constants("src/core/Consent.sol", set(terms.What.__members__))
    assert "NOVATE" not in actions
    actions |= _constants("src/AgreementFactory.sol", {"NOVATE"})
    assert actions == _members(terms.What)
    assert _constants("src/AgreementFactory.sol", set(terms.Kind.__members__)) == _members(terms.Kind)
    assert _constants("src/libraries/TermsRules.sol", {"NEVER"}) == {"NEVER": terms.NEVER}


def test_reserved_event_codes_are_the_same_everywhere() -> None:
    expected = {"OPENED": 1, "RETAINED": 2}
    assert _constants("src/libraries/Milestones.sol", set(expected)) == expected
    assert expected == {"OPENED": terms.OPENED, "RETAINED": terms.RETAINED}
    assert expected == {"OPENED": EventCode.OPENED, "RETAINED": EventCode.RETAINED}
    # 16 bits of a lane; none of the others is taken for a reserved one.
    assert all(2 < code < 2**16 for code in EventCode if code.name not in expected)


def test_every_party_and_reason_is_translated() -> None:
    assert NAMES == {Party.PAYEE: "payee", Party.PAYER: "payer", Party.FEE_RECEIVER: "fee"}
    # The advance has an event of its own; the other reasons divide the rest and mean no single milestone.
    rest = {"ACCEPTANCE", "REFUND", "REVOCATION", "CANCELLATION", "RESOLUTION", "TIMEOUT", "SPLIT", "REPLACEMENT"}
    assert {reason.name for reason in set(Reason) - MILESTONE_REASONS} == {"ADVANCE", *rest}


def test_terms_have_the_same_members_in_the_same_order() -> None:
    ours, theirs = ([field.name for field in dataclasses.fields(kind)] for kind in (terms.Terms, domain.Terms))
    assert ours == theirs
    assert domain.NEVER == terms.NEVER
    assert domain.ZERO_ADDRESS == terms.ZERO_ADDRESS
    assert "0x" + terms.ZERO_WORD.hex() == domain.ZERO_HASH
