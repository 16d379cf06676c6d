"""The suite's own rules hold: closed sockets, known numbers, no silent skip in CI, an honest last line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

from tests.conftest import check_numbers
from tests.support import require_server
from tests.tooling.closing_line import closing_line

CONFTEST = (Path(__file__).parents[1] / "conftest.py").read_text()
BAD_AND_GOOD = [((1, 194), True), ((0,), False), ((True,), False), (("1",), False), ((), False)]
SETTINGS = """
[pytest]
addopts = --strict-markers --disable-socket --allow-unix-socket -p no:cacheprovider
asyncio_default_fixture_loop_scope = function
markers =
    req(*numbers): requirements
    integration: loopback
    browser: browser
"""


def run_suite(where: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on one planted test under our conftest."""
    (where / "conftest.py").write_text(CONFTEST)
    (where / "pytest.ini").write_text(SETTINGS)
    (where / "test_planted.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", str(where)]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60, check=False)


def test_sockets_are_closed_and_unix_sockets_open() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET)
    socket.socket(socket.AF_UNIX).close()


@pytest.mark.integration
def test_integration_reaches_loopback_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    with socket.socket(socket.AF_INET) as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))  # TEST-NET-1, RFC 5737: nobody's address


def test_unknown_requirement_numbers_stop_the_run(tmp_path: Path) -> None:
    result = run_suite(tmp_path, "import pytest\n\n@pytest.mark.req(1, 195)\ndef test_x(): pass\n")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "must name numbers" in result.stdout + result.stderr


@pytest.mark.parametrize(("numbers", "good"), BAD_AND_GOOD)
def test_requirement_numbers_are_numbers_of_the_list(
    request: pytest.FixtureRequest, numbers: tuple[object, ...], good: bool
) -> None:
    mark = pytest.mark.req(*numbers).mark
    if good:
        check_numbers(request.node, mark)
    else:
        with pytest.raises(pytest.UsageError):
            check_numbers(request.node, mark)


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_server_skips_here_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setitem(os.environ, "CI", ci)
    with pytest.raises(outcome, match="no such server"):
        require_server("no such server")


@pytest.mark.parametrize(
    ("suite", "line", "good"),
    [
        ('tests="7" failures="0" errors="0" skipped="2"', "tests: 5 passed, 0 failed, 2 skipped", True),
        ('tests="7" failures="1" errors="1" skipped="0"', "tests: 5 passed, 2 failed, 0 skipped", False),
        ('tests="0" failures="0" errors="0" skipped="0"', "tests: 0 passed, 0 failed, 0 skipped", False),
    ],
)
def test_the_closing_line_tells_what_ran(tmp_path: Path, suite: str, line: str, good: bool) -> None:
    (tmp_path / "t.xml").write_text(f"<testsuites><testsuite {suite}/></testsuites>")
    assert closing_line(tmp_path / "t.xml") == (line, good)


def test_the_closing_line_adds_up_what_ran_in_parts(tmp_path: Path) -> None:
    for name, failures in (("a", 0), ("b", 1)):
        (tmp_path / name).write_text(f'<testsuite tests="4" failures="{failures}" errors="0" skipped="1"/>')
    assert closing_line(tmp_path / "a", tmp_path / "b") == ("tests: 5 passed, 1 failed, 2 skipped", False)
