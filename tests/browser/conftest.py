"""A real Chromium and the real marketplace."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

import mobile_api
from tests.browser.theatre import Theatre, open_theatre
from tests.support import require_server

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; Playwright brings none of its own."""
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if executable is None:
        require_server("no Chromium is installed: apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    """The marketplace with its app, in a folder of its own."""
    if not (Path(mobile_api.__file__).parent / "static" / "index.html").exists():
        require_server("the app is not built: make app")
    async with open_theatre(tmp_path) as opened:
        yield opened
