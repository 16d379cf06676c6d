"""Somebody with a phone: taps, types and reads in a browser context of their own."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect

from tests.browser.watch import Watch, machinery_words

PHONE = ViewportSize(width=390, height=844)
SOON_MS = 20_000
"""A screen that waits for the server on a busy machine."""
SCREENS = Path(__file__).parents[2] / "docs" / "screens"


def screens_folder(scratch: Path) -> Path:
    """Where pictures go: into the documentation with LSO_SCREENS=1, else where nobody looks."""
    return SCREENS if os.environ.get("LSO_SCREENS") == "1" else scratch


@dataclass
class Person:
    """One browser context. Every step waits for what it needs and for nothing else."""

    name: str
    page: Page
    context: BrowserContext
    watch: Watch
    pictures: Path
    plain_words: bool

    def find(self, testid: str, **marks: str) -> Locator:
        """The elements of a test id, narrowed by `data-` attributes."""
        narrowed = "".join(f"[data-{name}='{value}']" for name, value in marks.items())
        return self.page.locator(f"[data-testid='{testid}']{narrowed}")

    async def see(self, testid: str, text: str | None = None, *, within_ms: int = SOON_MS, **marks: str) -> Locator:
        """Wait until it is on the screen, with these words."""
        found = self.find(testid, **marks).first
        await expect(found).to_be_visible(timeout=within_ms)
        if text is not None:
            await expect(found).to_contain_text(text, timeout=within_ms)
        return found

    async def tap(self, testid: str, **marks: str) -> None:
        """Tap it, as soon as it can be tapped."""
        await self.find(testid, **marks).first.click(timeout=SOON_MS)

    async def choose(self, testid: str) -> None:
        """Choose a radio button."""
        await self.find(testid).check(timeout=SOON_MS)

    async def write(self, testid: str, text: str) -> None:
        """Fill a field and leave it."""
        field = self.find(testid)
        await field.fill(text, timeout=SOON_MS)
        await field.blur()

    async def unlock(self, passphrase: str) -> None:
        """Answer the key sheet."""
        await self.write("key-passphrase", passphrase)
        await self.tap("key-submit")
        await expect(self.find("key-sheet")).to_have_count(0, timeout=SOON_MS)

    async def sign_in(self, email: str, password: str) -> None:
        """From the first screen to the role's own."""
        await self.write("email", email)
        await self.write("password", password)
        await self.tap("signin-submit")
        await self.see("nav")

    async def picture(self, name: str, show: str | None = None) -> None:
        """Keep what the screen shows as a picture, from the top or from the element `show`; it fits, in plain words."""
        if show is None:
            await self.page.evaluate("scrollTo(0, 0)")
        else:
            await self.find(show).first.evaluate("el => scrollTo(0, el.getBoundingClientRect().top + scrollY - 16)")
        await self.page.screenshot(
            path=self.pictures / f"{name}.png",
            animations="disabled",
            caret="hide",
            style="[data-testid='toast']{display:none!important}",
        )
        assert self.page.viewport_size is not None
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.page.viewport_size["width"], f"{name} is too wide"
        await self.read()

    async def read(self) -> None:
        """Fail on a word of the machinery, where the reader is a customer."""
        if self.plain_words:
            words = await machinery_words(self.page)
            assert words == [], f"{self.name} must not have to read {words}"


async def somebody(
    browser: Browser,
    name: str,
    origin: str,
    pictures: Path,
    *,
    plain_words: bool = False,
    answer: Callable[[Route], Awaitable[None]] | None = None,
    viewport: ViewportSize = PHONE,
    at: str = "/",
) -> Person:
    """A fresh phone, or a screen of another size, at the app's first screen or `at` another address.

    `answer` stands in for every server.
    """
    phone = viewport == PHONE
    context = await browser.new_context(
        viewport=viewport,
        base_url=origin,
        locale="en-GB",
        timezone_id="Europe/Lisbon",
        has_touch=phone,
        is_mobile=phone,
    )
    watch = Watch(origin)
    await watch.listen(context)
    if answer is not None:
        await context.route("**/*", answer)
    page = await context.new_page()
    await page.goto(at)
    return Person(name, page, context, watch, pictures, plain_words)
