"""What the audit's tests tell at the end."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The properties that halmos proved, where it ran, with the seconds of each."""
    reports = terminalreporter.getreports("passed")
    rows = [str(value) for report in reports for name, value in report.user_properties if name == "proved"]
    if rows:
        terminalreporter.section(f"{len(rows)} properties proved for every argument")
        terminalreporter.write("\n".join(rows) + "\n")
