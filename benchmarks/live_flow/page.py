"""One of the phones as a real Chromium with the app: when does the entry stand on the screen?"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Page, ViewportSize, async_playwright

import mobile_api
from bootstrap.system import unix_time
from tests.browser.chromium import ABSENT, ARGUMENTS, executable

PHONE: Final = ViewportSize(width=390, height=844)
LONGEST_MS: Final = 30_000
WATCH: Final = """
window.shownAt = {};
addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
  for (const entry of document.querySelectorAll('[data-testid=timeline-item] strong')) {
    const mark = entry.textContent.match(/\\bs[0-9]+\\b/)?.[0];
    if (!mark || mark in shownAt) continue;
    shownAt[mark] = 0;
    requestAnimationFrame(() => { shownAt[mark] = performance.timeOrigin + performance.now() });
  }
}).observe(document.body, { subtree: true, childList: true, characterData: true }));
"""
"""Notes when an entry with a mark is painted, in milliseconds since 1970."""


class OrderPage:
    """The order's page. Instants are those of the monotonic clock."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._offset_s = unix_time() - time.monotonic()

    async def shown(self) -> dict[str, float]:
        """Mark → when it was painted."""
        found = await self._page.evaluate("shownAt")
        return {mark: at_ms / 1000 - self._offset_s for mark, at_ms in found.items() if at_ms}


def why_none() -> str | None:
    """Why no page can be opened here, or None."""
    if executable() is None:
        return ABSENT
    if not (Path(mobile_api.__file__).parent / "static" / "index.html").exists():
        return "the app is not built: make app"
    return None


@asynccontextmanager
async def open_page(api_url: str, email: str, password: str, order: str) -> AsyncIterator[OrderPage]:
    """The customer signs in and opens the order with its whole timeline."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        context = await chromium.new_context(viewport=PHONE, base_url=api_url, has_touch=True, is_mobile=True)
        context.set_default_timeout(LONGEST_MS)
        await context.add_init_script(WATCH)
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_test_id("email").fill(email)
        await page.get_by_test_id("password").fill(password)
        await page.get_by_test_id("signin-submit").click()
        await page.get_by_test_id("nav").wait_for()
        await page.goto(f"/#/orders/{order}")
        await page.get_by_test_id("live-status").get_by_text(re.compile("^Live$")).wait_for()
        # What comes faster than one reads is folded: unfolded, every entry is there.
        await page.get_by_test_id("timeline-more").click()
        try:
            yield OrderPage(page)
        finally:
            await context.close()
            await chromium.close()
