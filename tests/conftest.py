"""House rules of the whole suite.

Sockets are closed (pytest-socket, see `addopts`), unix sockets excepted. A test marked `integration` or
`browser` may reach loopback and nothing else. Each `req` marker names numbers that exist in
docs/requirements.md. Files of few long tests begin first, so that at the end no process waits minutes for another.
"""

import pytest

LOOPBACK = ["127.0.0.1", "::1"]
LONG = ("faults", "browser", "model", "integration", "tooling", "contracts", "benchmarks")
"""Folders with tests of minutes, the longest first."""
LAST_REQUIREMENT = 194  # docs/requirements.md; compared with that file in tests/tooling


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long folders first; loopback for the tests that say they need it; no requirement numbers nobody wrote."""
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("integration") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        for marker in item.iter_markers("req"):
            check_numbers(item, marker)


def _turn(item: pytest.Item) -> int:
    """When the folder of a test begins; within a folder the order stays."""
    return next((turn for turn, folder in enumerate(LONG) if f"tests/{folder}/" in item.nodeid), len(LONG))


def check_numbers(item: pytest.Item, marker: pytest.Mark) -> None:
    """Stop the run where a `req` marker names no number of the list."""
    known = all(type(n) is int and 1 <= n <= LAST_REQUIREMENT for n in marker.args)
    if not marker.args or marker.kwargs or not known:
        raise pytest.UsageError(f"{item.nodeid}: req{marker.args} must name numbers from 1 to {LAST_REQUIREMENT}")
