"""The last line of `make test`: how many tests ran, read from pytest's JUnit files."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def closing_line(*junit: Path) -> tuple[str, bool]:
    """The line and whether the run is good: something ran and nothing failed."""
    suites = [suite for file in junit for suite in ET.parse(file).getroot().iter("testsuite")]  # noqa: S314
    total, failed, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    passed = total - failed - skipped
    return f"tests: {passed} passed, {failed} failed, {skipped} skipped", passed > 0 and failed == 0


if __name__ == "__main__":
    line, good = closing_line(*map(Path, sys.argv[1:]))
    print(line)
    sys.exit(0 if good else 1)
