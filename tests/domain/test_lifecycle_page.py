"""docs/order-lifecycle.md says what the transition table says."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from docs import generate
from marketplace.domain import events as e
from marketplace.domain import transitions
from marketplace.domain.order import Status

ROOT = Path(__file__).parents[2]
PAGE = "docs/order-lifecycle.md"


@pytest.mark.req(58, 179, 180)
def test_the_page_is_fresh() -> None:
    assert generate.stale(ROOT) == [], "run `python docs/generate.py` and commit the page"


def test_the_command_runs_as_the_page_says() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_page_that_is_missing_or_edited_is_stale_until_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"], tmp_path) == 1
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    page = tmp_path / PAGE
    page.write_text(page.read_text("utf-8") + "An order may also fly.\n", "utf-8")
    assert generate.main(["--check"], tmp_path) == 1
    assert f"{PAGE} is stale" in capsys.readouterr().out


def test_a_row_more_or_less_in_the_table_makes_the_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = dict(transitions.TRANSITIONS)
    del rows[(Status.EXPIRED, e.AgreementsOpened)]
    monkeypatch.setattr(generate, "TRANSITIONS", rows)
    assert generate.stale(ROOT) == [PAGE]
    monkeypatch.setattr(
        generate, "TRANSITIONS", {**transitions.TRANSITIONS, (Status.SETTLED, e.OrderShipped): "placed"}
    )
    assert generate.stale(ROOT) == [PAGE]


def test_every_row_of_the_table_is_on_the_page() -> None:
    page = generate.order_lifecycle()
    for (source, event), target in transitions.TRANSITIONS.items():
        if target is source:
            (row,) = [line for line in page.splitlines() if line.startswith(f"| **{source}**")]
            assert event.__name__ in row.split("|")[3]
        else:
            assert any(
                line.startswith(f"    {source} --> {target}: ") and event.__name__ in line for line in page.splitlines()
            )


def test_every_event_has_somebody_behind_it() -> None:
    assert set(generate.WHO) == set(get_args(e.Event))


def test_only_ends_are_left_alone_by_time() -> None:
    rows = [line.split(" | ") for line in generate.order_lifecycle().splitlines() if line.startswith("| **")]
    left_alone = {row[0].strip("| *") for row in rows if row[3].startswith("nothing")}
    assert left_alone == {"settled", "rejected", "expired", "cancelled", "refunded"}
    assert len(rows) == len(Status)
