"""`lotsizeone quote`: the example answered for people and scripts, and every wrong field named."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap import cli, quote_file
from marketplace.domain.price_document import trace_from
from marketplace.domain.price_trace import recompute

EXAMPLE = Path(__file__).parents[2] / "examples" / "quote.json"


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """Compiling the formulas of the catalogue takes longer than a quote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quote_file, "load_catalogue", cache(quote_file.load_catalogue))
        yield


@pytest.mark.req(45, 52)
def test_the_example_is_answered_for_scripts() -> None:
    done = CliRunner().invoke(cli.app, ["quote", str(EXAMPLE), "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    trace = trace_from(answer["price"]["trace"])
    assert recompute(trace) == ()
    assert trace.total_minor == answer["price"]["total_minor"] == answer["chosen"]["total_minor"] > 0
    assert answer["earliest"] <= answer["dates"][0]["day"] <= answer["recommended"] <= "2027-03-12"
    assert answer["chosen"]["day"] == answer["deliver_by"] == "2027-03-08"
    assert [one["supplier"] for one in answer["suppliers"]] == ["amp"]
    assert {slot["machine"] for slot in answer["slots"]} == {"router#1", "laser#1"}


def test_the_example_is_answered_for_people() -> None:
    done = CliRunner().invoke(cli.app, ["quote", str(EXAMPLE)])
    assert done.exit_code == 0, done.output
    assert "Set-up: minutes 13 * minor_per_hour 4800 // 60 = € 10.40" in done.stdout
    assert "recommended" in done.stdout
    assert "cutting: amp" in done.stdout


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "missing": (lambda one: one.pop("now"), "now: is missing"),
    "unknown": (lambda one: one.update(nwo=1), "nwo: is not known"),
    "product": (lambda one: one.update(product="lamp"), "product: must be one of"),
    "no option": (lambda one: one["configuration"].update(colour="red"), "configuration.colour"),
    "no values": (lambda one: one.update(configuration=[]), "configuration: must be an object"),
    "not makeable": (lambda one: one["configuration"].update(words=""), "configuration."),
    "naive": (lambda one: one.update(now="2027-03-01T09:00:00"), "now: must be an instant"),
    "no instant": (lambda one: one.update(now=7), "now: must be an instant"),
    "no day": (lambda one: one.update(deliver_by="soon"), "deliver_by: must be a date"),
    "past": (lambda one: one.update(deliver_by="2027-02-01"), "deliver_by: must be from"),
    "fee": (lambda one: one.update(fee_bps=True), "fee_bps: must be a whole number"),
    "penalty": (lambda one: one.update(penalty={"day_bps": 1.5}), "penalty.day_bps"),
    "penalty key": (lambda one: one.update(penalty={"dya_bps": 1}), "penalty.dya_bps: is not known"),
    "offers": (lambda one: one.update(offers=3), "offers must be a list"),
    "limits": (lambda one: one.update(limits={"maximum": 1}), "limits.maximum is not known"),
    "holds": (lambda one: one.update(holds={}), "holds: must be a list"),
    "hold": (lambda one: one["holds"][0].pop("minutes"), "holds[0].minutes: is missing"),
    "machine": (lambda one: one["holds"][1].update(machine="lathe#1"), "holds[1].machine: must be one of"),
    "too long": (lambda one: one["holds"][0].update(minutes=481), "holds[0].minutes"),
    "hold's end": (lambda one: one["holds"][0].update(to="later"), "holds[0].to: must be an instant"),
}


@pytest.mark.parametrize(("spoil", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(spoil: Callable[[dict[str, Any]], object], words: str, tmp_path: Path) -> None:
    question = json.loads(EXAMPLE.read_text("utf-8"))
    spoil(question)
    file = tmp_path / "question.json"
    file.write_text(json.dumps(question), "utf-8")
    with pytest.raises(ValueError, match=r"question\.json: ") as refused:
        CliRunner().invoke(cli.app, ["quote", str(file)], catch_exceptions=False)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"now": NaN}', '{"now": 1e400}', '{"a": "\\u0000"}', '{"a": 1, "a": 1}'])
def test_what_is_no_question_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "question.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"question\.json: "):
        CliRunner().invoke(cli.app, ["quote", str(file)], catch_exceptions=False)


def test_where_no_offer_is_in_time_it_ends_with_one(tmp_path: Path) -> None:
    question = json.loads(EXAMPLE.read_text("utf-8"))
    question["limits"]["max_lead_time_h"] = 1
    file = tmp_path / "question.json"
    file.write_text(json.dumps(question), "utf-8")
    done = CliRunner().invoke(cli.app, ["quote", str(file), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["feasible"]) == (1, False)
