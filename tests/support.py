"""What any test may import: a truthful answer to "the server this test needs is not here"."""

import os
from typing import NoReturn

import pytest


def require_server(reason: str) -> NoReturn:
    """Skip a test whose server cannot be had here, or fail it where everything must be there.

    On a laptop a missing Chromium or PostgreSQL is a skip with its reason. With ``CI=true`` a skip
    would be a false green, so it is a failure.
    """
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{reason} (a skip counts as a failure where CI=true)", pytrace=False)
    pytest.skip(reason)
