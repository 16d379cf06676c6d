"""Worlds for the tests of the interface."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mobile_api.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A marketplace of this test's own."""
    async with open_world(tmp_path) as opened:
        yield opened
