"""A real Chromium and the real marketplace."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

import mobile_api
from tests.browser.chromium import ABSENT, ARGUMENTS, executable
from tests.browser.theatre import Theatre, open_theatre
from tests.support import require_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; Playwright brings none of its own."""
    found = executable()
    if found is None:
        require_server(ABSENT)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    """The marketplace with its app, in a folder of its own."""
    if not (Path(mobile_api.__file__).parent / "static" / "index.html").exists():
        require_server("the app is not built: make app")
    async with open_theatre(tmp_path) as opened:
        yield opened
