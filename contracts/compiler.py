"""Builds and checks `contracts/artifacts`: `python -m contracts.compiler [--check]`.

A user needs neither this module nor a compiler. The compiler is the npm build behind `contracts/solc/solc`, so after
`npm ci` in `contracts/solc` nothing is downloaded.
"""

import argparse
import hashlib
import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from contracts.artifacts import CONTRACTS, FOLDER, STANDARD_INPUT

ROOT: Final = Path(__file__).parent
SOURCES: Final = ROOT / "src"
TOOLS: Final = ROOT / "solc"
WRAPPER: Final = TOOLS / "solc"
_IMPORT: Final = re.compile(r'^\s*import\s+(?:[^"]*\s+from\s+)?"([^"]+)"\s*;', re.MULTILINE)

_OUTPUT: Final = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "storageLayout",
]
SETTINGS: Final[dict[str, Any]] = {
    # By the intermediate representation: 4 % less gas at opening and 2-3 % later than by the legacy pipeline.
    "viaIR": True,
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 800},
    # No IPFS hash in the code: a comment must not change the bytes that people compare.
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    # Only what is deployed: the code of OpenZeppelin's other contracts took a third of the time.
    "outputSelection": {f"src/{name}.sol": {name: _OUTPUT} for name in CONTRACTS},
}


class CompilerError(Exception):
    """The contracts do not compile, or the tools to compile them are missing."""


class StaleArtifactsError(CompilerError):
    """Compiling again gives something else than what is committed."""


def missing_tools() -> str | None:
    """Why the contracts cannot be compiled here, or None if they can."""
    if shutil.which("node") is None:
        return "node is not on the PATH"
    if not (TOOLS / "node_modules" / "solc").is_dir():
        return "run `npm ci` in contracts/solc first"
    if importlib.util.find_spec("solcx") is None:
        return "py-solc-x is not installed: run `make setup-dev` first"
    return None


def standard_input() -> dict[str, Any]:
    """The compiler's input with every source inlined, OpenZeppelin's too, in a stable order."""
    found: dict[str, str] = {}
    waiting = [f"src/{path.relative_to(SOURCES).as_posix()}" for path in sorted(SOURCES.rglob("*.sol"))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _disk_path(name).read_text("utf-8")
            waiting.extend(_imports(name, found[name]))
    sources = {name: {"content": found[name]} for name in sorted(found)}
    return {"language": "Solidity", "sources": sources, "settings": SETTINGS}


def compile_input(standard: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Compiles; gives the compiler's version with its commit, and its output.

    Raises:
        CompilerError: tools are missing, or the sources have errors or warnings.
    """
    reason = missing_tools()
    if reason is not None:
        raise CompilerError(reason)
    import solcx  # noqa: PLC0415 - a development dependency
    from solcx.exceptions import SolcError  # noqa: PLC0415
    from solcx.wrapper import get_version_str_from_solc_binary  # noqa: PLC0415

    try:
        version = get_version_str_from_solc_binary(WRAPPER)
        output = solcx.compile_standard(dict(standard), solc_binary=WRAPPER)
    except SolcError as error:
        # The exception carries the whole output, 400 kB of it: show what a person can read.
        raise CompilerError("\n".join(_messages(error.stdout_data or "")) or str(error.message)) from None
    # A warning in OpenZeppelin's sources (transient storage, said to be safe for a guard) is not ours to mend.
    problems = [
        problem["formattedMessage"]
        for problem in output.get("errors", [])
        if problem["severity"] == "error" or problem["sourceLocation"]["file"].startswith("src/")
    ]
    if problems:
        raise CompilerError("\n".join(problems))
    return version, output


def build_artifacts(standard: Mapping[str, Any] | None = None) -> dict[str, str]:
    """File name → text of everything in `contracts/artifacts`, from other sources if given."""
    standard = standard_input() if standard is None else standard
    version, output = compile_input(standard)
    hashes = {
        name: hashlib.sha256(source["content"].encode()).hexdigest() for name, source in standard["sources"].items()
    }
    files = {STANDARD_INPUT.name: _text(standard)}
    for name in CONTRACTS:
        files[f"{name}.json"] = _text(_artifact(name, version, hashes, output))
    return files


def write() -> list[Path]:
    """Compiles and writes all artifacts; gives what was written."""
    files = build_artifacts()
    FOLDER.mkdir(exist_ok=True)
    for name, text in files.items():
        (FOLDER / name).write_text(text, "utf-8")
    return [FOLDER / name for name in files]


def stale_sources() -> list[str]:
    """Sources on disk that differ from the committed inlined ones; needs no compiler.

    OpenZeppelin's are compared where its package is installed.
    """
    committed = json.loads(STANDARD_INPUT.read_text("utf-8"))["sources"]
    own = {f"src/{path.relative_to(SOURCES).as_posix()}" for path in SOURCES.rglob("*.sol")}
    stale = sorted(own - committed.keys())
    for name, source in committed.items():
        path = _disk_path(name)
        if not path.is_file():
            if name.startswith("src/"):
                stale.append(name)
        elif path.read_text("utf-8") != source["content"]:
            stale.append(name)
    return stale


def check() -> None:
    """Raises StaleArtifactsError unless a fresh compilation gives the committed bytes, file by file."""
    stale = stale_sources()
    for name, text in build_artifacts().items():
        path = FOLDER / name
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(f"artifacts/{name}")
    if stale:
        raise StaleArtifactsError(f"not what the sources give: {', '.join(stale)}; run `python -m contracts.compiler`")


def _disk_path(name: str) -> Path:
    return ROOT / name if name.startswith("src/") else TOOLS / "node_modules" / name


def _imports(name: str, text: str) -> Iterator[str]:
    for target in _IMPORT.findall(text):
        if not target.startswith("."):
            yield target
            continue
        parts = name.split("/")[:-1]
        for step in target.split("/"):
            if step == "..":
                parts.pop()
            elif step != ".":
                parts.append(step)
        yield "/".join(parts)


def _artifact(name: str, version: str, hashes: Mapping[str, str], output: Mapping[str, Any]) -> dict[str, Any]:
    source = f"src/{name}.sol"
    compiled = output["contracts"][source][name]
    deployed = compiled["evm"]["deployedBytecode"]
    return {
        "contractName": name,
        "sourceName": source,
        "compiler": version,
        "settings": {key: value for key, value in SETTINGS.items() if key != "outputSelection"},
        "sources": hashes,
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutableReferences": deployed["immutableReferences"],
        "storageLayout": compiled["storageLayout"],
    }


def _text(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _messages(stdout: str) -> list[str]:
    try:
        return [problem["formattedMessage"] for problem in json.loads(stdout).get("errors", [])]
    except ValueError:
        return []


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """The command line: writes the artifacts, or with `--check` compares them. 0 only when that worked."""
    parser = argparse.ArgumentParser(prog="python -m contracts.compiler", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            check()
            say("The artifacts are what the sources give.\n")
        else:
            for path in write():
                say(f"wrote {path.relative_to(ROOT.parent)}\n")
    except CompilerError as error:
        say(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
