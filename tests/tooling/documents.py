"""What can be checked of a document without understanding it. Each check gives what is wrong, in words."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

CODE = "marketplace|contracts|matchmaking|notifications|shopfloor|mobile_api|mobile_app|bootstrap"
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"[a-z]+:")
_COMMAND = re.compile(r"\blotsizeone ([a-z][a-z-]*)")
_TARGET = re.compile(r"(?:`|^    )make ([a-z][a-z-]*)", re.MULTILINE)
_FILE = re.compile(rf"`((?:{CODE}|tests|benchmarks|docs|examples)/[\w./-]+)`")
_SETTING = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| ([^|]+) \|", re.MULTILINE)
_FENCE = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
BUILT = "mobile_api/static"
"""Named by documents, and there only after a build."""


def pages(root: Path) -> list[Path]:
    """Every document of the project."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md")), root / "mobile_app" / "README.md"]


def broken_links(page: Path) -> list[str]:
    """Links to files of ours that are not there, and to headings that nobody wrote."""
    broken = []
    for match in _LINK.finditer(page.read_text("utf-8")):
        target = match[1] or match[2]
        name, _, heading = target.partition("#")
        there = page.parent / name if name else page
        if _ELSEWHERE.match(target):
            continue
        if not there.exists() or (heading and heading not in headings(there.read_text("utf-8"))):
            broken.append(f"{page.name}: {target} leads nowhere")
    return broken


def headings(text: str) -> set[str]:
    """Headings as links spell them."""
    lines = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


def missing_files(page: Path, root: Path) -> list[str]:
    """Files and folders of ours that the text names and that are not there."""
    named = _FILE.findall(page.read_text("utf-8"))
    return [
        f"{page.name}: {name} is not there"
        for name in named
        if not name.startswith(BUILT) and not (root / name).exists()
    ]


def unknown_commands(page: Path, commands: Collection[str], targets: Collection[str]) -> list[str]:
    """`lotsizeone X` and `make X` that do not exist."""
    text = page.read_text("utf-8")
    wrong = [f"{page.name}: lotsizeone {name}" for name in _COMMAND.findall(text) if name not in commands]
    return wrong + [f"{page.name}: make {name}" for name in _TARGET.findall(text) if name not in targets]


def settings_of(text: str) -> dict[str, str]:
    """Variable → default, from the table of settings."""
    return {name: default.strip() for name, default in _SETTING.findall(text)}


def unnamed(packages: Iterable[str], text: str) -> list[str]:
    """Packages that the text does not name as a word."""
    return [name for name in packages if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def diagrams(page: Path) -> list[str]:
    """The Mermaid blocks of a page."""
    return _FENCE.findall(page.read_text("utf-8"))


_TEXT = re.compile(r'"[^"]*"')
_ID = r"\w+"
_NODE = rf"{_ID}(?:\[\[~\]\]|\[\(~\)\]|\(\[[^\[\]()\"]*\]\)|\[[^\[\]()\"]*\])?"
_EDGE = r"(?:-->|---|-- [^->]+ -->|-\. [^.]+ \.->)"
_FLOW = re.compile(rf"(?:direction (?:LR|TB)|subgraph {_ID}(?:\[[^\[\]]*\])?|end|{_NODE}(?: {_EDGE} {_NODE})*)")
_CAST = re.compile(rf"(?:actor|participant) ({_ID}) as [^;]+")
_SAYING = re.compile(rf"({_ID})--?>>({_ID}): [^;#]+")
_STATE = re.compile(rf"(?:\[\*\]|{_ID}) --> (?:\[\*\]|{_ID})(?:: [\w, ]+)?")


def diagram_faults(block: str) -> Iterator[str]:
    """Lines of a Mermaid block that its grammar, as far as we use it, does not have."""
    first, *lines = [line.strip() for line in block.splitlines() if line.strip()] or [""]
    match first.split():
        case ["flowchart", "LR" | "TB"]:
            plain = [_TEXT.sub("~", line) for line in lines]
            yield from (line for line in plain if not _FLOW.fullmatch(line))
            if sum(line.startswith("subgraph ") for line in plain) != plain.count("end"):
                yield "a subgraph is not closed"
        case ["sequenceDiagram"]:
            cast = {found[1] for line in lines if (found := _CAST.fullmatch(line))}
            for line in lines:
                said = _SAYING.fullmatch(line)
                if not _CAST.fullmatch(line) and not (said and {said[1], said[2]} <= cast):
                    yield line
        case ["stateDiagram-v2"]:
            yield from (line for line in lines if not _STATE.fullmatch(line))
        case _:
            yield f"{first!r} is no diagram that we use"
