"""The whole campaign. It takes an hour; what was judged before is not judged again."""

import os
import subprocess
import sys

import pytest

from contracts import compiler
from tests.support import require_server
from tests.tooling.mutation.results import ROOT


@pytest.mark.nightly
def test_no_mistake_on_a_line_of_money_goes_unnoticed_and_nine_tenths_of_the_others_do_not() -> None:
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    command = [sys.executable, "-m", "tests.tooling.mutation", "--money", "--sample", "200", "--seed", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    report = [line for line in done.stdout.splitlines() if not line.startswith("[")]
    print(*report, sep="\n")
    assert done.returncode == 0, "\n".join(report)
