"""Documents name what is there: links, files, commands, settings, dependencies; their diagrams can be drawn."""

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from bootstrap.cli import app
from bootstrap.settings import Settings
from tests.tooling.documents import (
    broken_links,
    diagram_faults,
    diagrams,
    missing_files,
    pages,
    settings_of,
    unknown_commands,
    unnamed,
)
from tests.tooling.requirements_index import LIST, NOT_YET, ROOT, Index, build_index, restated, stated

COMMANDS = frozenset(typer.main.get_group(app).commands)
TARGETS = frozenset(re.findall(r"^([a-z][a-z -]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
MAKE = frozenset(name for names in TARGETS for name in names.split())
PAGES = pages(ROOT)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page of its own beside a file `there.md`."""
    (tmp_path / "there.md").write_text("# It is here\n")
    return tmp_path / "page.md"


@each_page
def test_what_a_document_points_at_is_there(page: Path) -> None:
    assert broken_links(page) == []
    assert missing_files(page, ROOT) == []


@each_page
def test_what_a_document_tells_to_run_can_be_run(page: Path) -> None:
    assert unknown_commands(page, COMMANDS, MAKE) == []


@pytest.mark.parametrize(
    "text", ["[a](gone.md)", "[a](there.md#nowhere)", "[a](#nowhere)", '<img src="gone.png">', "`tests/gone.py`"]
)
def test_a_planted_dead_end_is_seen(page: Path, text: str) -> None:
    page.write_text(text)
    assert len(broken_links(page) + missing_files(page, ROOT)) == 1


@pytest.mark.parametrize(
    "text", ["[a](there.md)", "[a](there.md#it-is-here)", "[a](https://example.org/x)", "`tests/tooling`", "`a/b.py`"]
)
def test_what_leads_somewhere_is_no_dead_end(page: Path, text: str) -> None:
    page.write_text(text)
    assert broken_links(page) + missing_files(page, ROOT) == []


@pytest.mark.parametrize("text", ["`lotsizeone fly`", "    lotsizeone fly --high", "`make fly`", "    make fly"])
def test_a_planted_command_is_seen(page: Path, text: str) -> None:
    page.write_text(text)
    assert len(unknown_commands(page, COMMANDS, MAKE)) == 1


def test_the_table_of_settings_is_the_settings() -> None:
    told = settings_of((ROOT / "docs" / "operating.md").read_text())
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert set(told) == set(fields)
    wrong = {
        name: default
        for name, default in told.items()
        if re.fullmatch("`[^`]*`", default) and default.strip("`") != _spelled(fields[name].default)
    }
    assert wrong == {}


def _spelled(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_table_is_read_row_by_row() -> None:
    assert settings_of("| `PORT` | `80` | x |\n| `lotsizeone api` | y | z |\n| `A_B` | none | x |\n") == {
        "PORT": "`80`",
        "A_B": "none",
    }


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(entry for extra in project["optional-dependencies"].values() for entry in extra),
    ]
    names = [re.split(r"[\[<>=~ ]", entry)[0] for entry in wanted]
    adr = (ROOT / "docs" / "adr" / "0006-dependencies.md").read_text()
    assert unnamed(names, adr) == []
    assert unnamed(["celeryx", "http"], adr) == ["celeryx", "http"]


@each_page
def test_diagrams_can_be_drawn(page: Path) -> None:
    assert [fault for block in diagrams(page) for fault in diagram_faults(block)] == []


@pytest.mark.parametrize(
    "block",
    [
        "",
        "piechart\n",
        "flowchart TB\n  a[open --> b\n",
        'flowchart TB\n  a["unended] --> b\n',
        "flowchart TB\n  subgraph x\n  a --> b\n",
        "flowchart TB\n  a -> b\n",
        "sequenceDiagram\n  actor A as Ana\n  A->>B: to nobody\n",
        "sequenceDiagram\n  actor A as Ana\n  A->>A\n",
        "stateDiagram-v2\n  a -> b\n",
    ],
)
def test_a_planted_slip_in_a_diagram_is_seen(block: str) -> None:
    assert list(diagram_faults(block))


def test_there_are_diagrams_to_check() -> None:
    assert sum(len(diagrams(page)) for page in PAGES) >= 5


def test_the_list_of_requirements_says_no_more_than_is_shown() -> None:
    index, told = build_index(ROOT), stated((ROOT / LIST).read_text())
    assert set(told) == set(index.titles)
    assert claimed_too_much(told, index) == {}, "run: python -m tests.tooling.requirements_index --write"


def claimed_too_much(told: dict[int, str], index: Index) -> dict[int, str]:
    """Rows that name a kind of evidence which is not there. A row that says less is only late."""
    order = ["test", "figure", "words", NOT_YET]
    return {number: state for number, state in told.items() if order.index(state) < order.index(index.state(number))}


def test_a_planted_claim_is_seen_and_rewritten() -> None:
    index = Index({1: "a", 2: "b"})
    index.shown[2].add("docs/scope.md")
    text = "| 1 | a | x | test |\n| 2 | b | x | not yet |\n"
    assert claimed_too_much(stated(text), index) == {1: "test"}
    assert stated(restated(text, index)) == {1: NOT_YET, 2: "words"}
