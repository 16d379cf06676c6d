"""Deep JSON ends a call and never the process, also where a library has raised the interpreter's recursion limit."""

import subprocess
import sys

import pytest

READERS = {
    "mobile_api": "from mobile_api.strict_json import MalformedJson as Refused, parse as read",
    "shopfloor": "from shopfloor.strict_json import JsonRefused as Refused, loads\n"
    "read = lambda body: loads(body, limit=10**7)",
}
CHILD = """
import sys
sys.setrecursionlimit(10**6)  # as py-evm does when it is imported
{reader}
for body in (b'[' * 100_000, b'{{"a":' * 100_000):
    try:
        read(body)
    except Refused:
        print("refused")
"""


def _run(reader: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD.format(reader=reader)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("package", READERS)
def test_deep_json_is_refused(package: str) -> None:
    ended = _run(READERS[package])
    assert (ended.returncode, ended.stdout.split()) == (0, ["refused", "refused"])


def test_without_the_check_the_process_ends() -> None:
    """The negative control: the plain reader under the same limit."""
    ended = _run("import json\nRefused = ValueError\nread = json.loads")
    assert ended.returncode != 0
