"""Small forge projects with something wrong in them, for the controls of the audit's tools."""

from pathlib import Path

from tests.tooling.foundry import CONTRACTS

_HEAD = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.28;\n"


def project(where: Path, **sources: str) -> Path:
    """A forge project with our settings; each keyword is a contract's name and text: `Bad` in src, `BadTest` in a test.

    `solc` and our `Test.sol` are linked, so that a planted suite starts from what a real one starts from.
    """
    (where / "solc").symlink_to(CONTRACTS / "solc")
    (where / "foundry.toml").write_bytes((CONTRACTS / "foundry.toml").read_bytes())
    tests = where / "audit" / "test"
    tests.mkdir(parents=True)
    (where / "src").mkdir()
    for name in ("Test.sol", "Vm.sol"):
        (tests / name).write_bytes((CONTRACTS / "audit" / "test" / name).read_bytes())
    for name, source in sources.items():
        if name.endswith("Test"):
            (tests / f"{name}.t.sol").write_text(_HEAD + 'import {Test} from "./Test.sol";\n' + source)
        else:
            (where / "src" / f"{name}.sol").write_text(_HEAD + source)
    return where
