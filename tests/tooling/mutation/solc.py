"""The compiler, kept warm: a mutant takes half a second instead of ten."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts import artifacts, compiler

_SERVER: Final = Path(__file__).parent / "solc_server.js"
_OUTPUT: Final = [
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]
FACTORY: Final = "AgreementFactory"
AGREEMENT: Final = "DeliveryAgreement"
TWIN: Final = "SupplyAgreement"
"""Empty over the same core as AGREEMENT: its code is a copy."""

Sources = Mapping[str, str]
"""Compiler's path → text."""


class DoesNotCompileError(Exception):
    """The sources have errors; warnings are not minded."""


@dataclass(frozen=True)
class Code:
    """What the compiler made of one contract."""

    creation: str
    runtime: str
    immutable_references: str

    def put_into(self, artifact: Mapping[str, Any]) -> dict[str, Any]:
        """The artifact with this code in it."""
        return {
            **artifact,
            "bytecode": "0x" + self.creation,
            "deployedBytecode": "0x" + self.runtime,
            "immutableReferences": json.loads(self.immutable_references),
        }


class Solc:
    """One compiler process; `session` ends it."""

    def __init__(self) -> None:
        """Starts it."""
        package = compiler.TOOLS / "node_modules" / "solc"
        self._process = subprocess.Popen(
            ["node", str(_SERVER), str(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def codes(self, sources: Sources, names: tuple[str, ...], *, optimised: bool = False) -> dict[str, Code]:
        """Compiles the named contracts; by the old pipeline, which is the quicker one.

        Raises:
            DoesNotCompileError: the sources have errors.
        """
        settings = {
            **compiler.SETTINGS,
            "viaIR": False,
            "optimizer": compiler.SETTINGS["optimizer"] if optimised else {"enabled": False},
            "outputSelection": {f"src/{name}.sol": {name: _OUTPUT} for name in names},
        }
        output = self._ask(sources, settings)
        return {name: _code(output["contracts"][f"src/{name}.sol"][name]["evm"]) for name in names}

    def trees(self, sources: Sources) -> dict[str, Any]:
        """The syntax tree of each source.

        Raises:
            DoesNotCompileError: the sources have errors.
        """
        output = self._ask(sources, {**compiler.SETTINGS, "outputSelection": {"*": {"": ["ast"]}}})
        return {name: source["ast"] for name, source in output["sources"].items()}

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=10)

    def _ask(self, sources: Sources, settings: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in sources.items()},
            "settings": settings,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        errors = [problem["formattedMessage"] for problem in answer.get("errors", []) if problem["severity"] == "error"]
        if errors:
            raise DoesNotCompileError(errors[0])
        return answer


@contextmanager
def session() -> Iterator[Solc]:
    """A compiler until the block ends."""
    solc = Solc()
    try:
        yield solc
    finally:
        solc.close()


def sources_on_disk() -> dict[str, str]:
    """Every source that the contracts need, OpenZeppelin's too."""
    return {name: source["content"] for name, source in compiler.standard_input()["sources"].items()}


def write_artifacts(folder: Path, codes: Mapping[str, Code]) -> None:
    """Writes the committed artifacts to `folder` with other code: a mutant changes no ABI."""
    folder.mkdir(parents=True, exist_ok=True)
    codes = {**codes, TWIN: codes[AGREEMENT]}
    for name in artifacts.CONTRACTS:
        text = (artifacts.FOLDER / f"{name}.json").read_text("utf-8")
        if name in codes:
            text = json.dumps(codes[name].put_into(json.loads(text)))
        (folder / f"{name}.json").write_text(text, "utf-8")


def _code(evm: Mapping[str, Any]) -> Code:
    spans = json.dumps(evm["deployedBytecode"]["immutableReferences"], sort_keys=True)
    return Code(evm["bytecode"]["object"], evm["deployedBytecode"]["object"], spans)
