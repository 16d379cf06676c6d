"""The committed artifacts are what the sources give, and Python's enums are Solidity's."""

import json
import re
from enum import IntEnum
from pathlib import Path

import pytest

from contracts import artifacts, compiler
from contracts.bindings.agreement import Party, Reason, State
from contracts.eip712 import TYPES
from contracts.terms import Witnessed
from tests.support import require_server

SOURCES = json.loads(artifacts.STANDARD_INPUT.read_text("utf-8"))["sources"]
TYPES_SOURCE = SOURCES["src/types/AgreementTypes.sol"]["content"]
# EIP-170: more cannot be deployed.
MAX_RUNTIME = 24_576


@pytest.mark.parametrize("enum", [State, Party, Reason, Witnessed])
def test_enums_are_equal_in_both_languages(enum: type[IntEnum]) -> None:
    found = re.search(rf"enum {enum.__name__} {{([^}}]*)}}", TYPES_SOURCE)
    assert found is not None
    names = [re.sub(r"(?<!^)(?=[A-Z])", "_", name.strip()).upper() for name in found[1].split(",")]
    assert {name: value for value, name in enumerate(names)} == {one.name: one.value for one in enum}


def test_type_strings_are_equal_in_both_languages() -> None:
    source = SOURCES["src/libraries/TermsHash.sol"]["content"]
    joined = re.sub(r'"\s*"', "", source)
    for struct in ("Terms", "Action", "EvidenceRoot"):
        assert f'"{struct}({TYPES[struct]})"' in joined


def test_sources_on_disk_are_the_inlined_ones() -> None:
    assert compiler.stale_sources() == []


def test_changed_added_and_lost_sources_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in SOURCES.items():
        if name.startswith("src/"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source["content"], "utf-8")
    monkeypatch.setattr(compiler, "ROOT", tmp_path)
    monkeypatch.setattr(compiler, "SOURCES", tmp_path / "src")
    assert compiler.stale_sources() == []
    (tmp_path / "src" / "TestEuro.sol").write_text("// other", "utf-8")
    (tmp_path / "src" / "More.sol").write_text("", "utf-8")
    (tmp_path / "src" / "AgreementCore.sol").unlink()
    assert sorted(compiler.stale_sources()) == ["src/AgreementCore.sol", "src/More.sol", "src/TestEuro.sol"]


@pytest.mark.req(81)
def test_fresh_compilation_gives_the_committed_bytes() -> None:
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    compiler.check()


def test_source_that_does_not_compile_says_where() -> None:
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    everything = {"outputSelection": {"*": {"*": ["abi"]}}}
    broken = {"src/Broken.sol": {"content": "pragma solidity ^0.8.28; contract Broken { uint256 x = y; }"}}
    with pytest.raises(compiler.CompilerError, match=r"Broken\.sol:1"):
        compiler.compile_input({"language": "Solidity", "sources": broken, "settings": compiler.SETTINGS | everything})


@pytest.mark.parametrize("name", artifacts.CONTRACTS)
def test_artifact_fits_on_a_chain(name: str) -> None:
    artifact = artifacts.load(name)
    assert 0 < len(artifact.runtime) < MAX_RUNTIME
    assert artifact.compiler.startswith("0.8.")
    assert artifact.matches(artifact.runtime)
    start, length = artifact.immutable_references[0]
    filled = artifact.runtime[:start] + b"\x11" * length + artifact.runtime[start + length :]
    assert artifact.matches(filled)
    assert not artifact.matches(bytes([artifact.runtime[0] ^ 1]) + artifact.runtime[1:])
    assert not artifact.matches(b"")


def test_unknown_contract_is_a_clear_error() -> None:
    with pytest.raises(artifacts.ArtifactError, match="Nothing"):
        artifacts.load("Nothing")
