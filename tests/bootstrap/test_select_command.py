"""`lotsizeone select`: an answer for people and for scripts, refusals by field, and what would help."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "selection.json"


@pytest.mark.req(29)
def test_the_example_is_answered_for_scripts() -> None:
    done = CliRunner().invoke(cli.app, ["select", str(EXAMPLE), "--json", "--front", "3", "--seconds", "60"])
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["total_minor"] == answer["bound_minor"] == 11_144
    assert {one["supplier"] for one in answer["lines"]} == {"reconcavo"}
    assert answer["front"][0]["total_minor"] == 11_144
    assert 0 < answer["cpu_seconds"] < 60


def test_the_example_is_answered_for_people() -> None:
    done = CliRunner().invoke(cli.app, ["select", str(EXAMPLE), "--front", "2"])
    assert done.exit_code == 0
    assert "total 111.44 EUR" in done.stdout
    assert "the cheapest, proved" in done.stdout
    assert "the cheapest is out: lead_time" in done.stdout


@pytest.mark.parametrize("as_json", [True, False])
def test_where_nothing_fits_the_way_out_is_told(tmp_path: Path, as_json: bool) -> None:
    question = json.loads(EXAMPLE.read_text("utf-8"))
    question["limits"]["max_lead_time_h"] = 40
    file = tmp_path / "question.json"
    file.write_text(json.dumps(question), "utf-8")
    done = CliRunner().invoke(cli.app, ["select", str(file), *(["--json"] if as_json else [])])
    assert done.exit_code == 1
    if as_json:
        assert json.loads(done.stdout)["relaxations"][0] | {"subject": None} == {
            "kind": "lead_time_h",
            "needed": 72,
            "now": 40,
            "subject": None,
        }
    else:
        assert "lead_time_h would have to be 72 instead of 40" in done.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"{", [], "no JSON"),
        (b"\xff", [], "utf-8"),
        (b'{"lines": [{"id": "a"}], "offers": 3}', [], "offers must be a list"),
        (EXAMPLE.read_bytes(), ["--seconds", "0"], "--seconds"),
        (EXAMPLE.read_bytes(), ["--seconds", "nan"], "--seconds"),
        (None, [], "question.json"),
    ],
)
def test_a_bad_question_is_refused_in_one_line(
    content: bytes | None,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "question.json"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["lotsizeone", "select", str(file), *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    told = capfd.readouterr().err
    assert words in told
    assert told.count("\n") == 1
