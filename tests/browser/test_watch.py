"""The watch itself: each fault that it looks for is found on a page that has it, and none on a page that has none."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from tests.browser.person import Person, somebody
from tests.browser.watch import machinery_words

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ORIGIN = "http://localhost:9"
"""Nothing listens there: every answer is given by the test."""
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self' http://elsewhere.test"
FAULTS = {
    "console.error('a fault of the app')": "console error: a fault of the app",
    "console.warn('a warning')": "console warning: a warning",
    "queueMicrotask(() => { throw new Error('nobody catches it') })": "uncaught: nobody catches it",
    "fetch('http://elsewhere.test/count')": "request to another origin: http://elsewhere.test/count",
    "new Image().src = '/picture.png'": "CSP img-src",
}


async def _person(browser: Browser, tmp_path: Path, script: str, words: str = "Your order") -> Person:
    """Somebody who opens a page with this script and these words; what the page asks for arrives."""

    async def answer(route: Route) -> None:
        if route.request.url.endswith("/app.js"):
            await route.fulfill(body=script, content_type="text/javascript")
        elif route.request.is_navigation_request():
            page = f"<!doctype html><body>{words}<script src=/app.js></script>"
            await route.fulfill(body=page, content_type="text/html", headers={"Content-Security-Policy": POLICY})
        else:
            await route.fulfill(body="", headers={"Access-Control-Allow-Origin": "*"})

    return await somebody(browser, "somebody", ORIGIN, tmp_path, answer=answer)


async def test_a_page_without_faults_is_left_alone(browser: Browser, tmp_path: Path) -> None:
    """Neither its own requests nor its own words are faults."""
    person = await _person(browser, tmp_path, "console.log('ready'); fetch('/v1/orders')")
    await person.page.wait_for_load_state("networkidle")
    assert person.watch.faults == []
    assert await machinery_words(person.page) == []


@pytest.mark.parametrize(("script", "fault"), FAULTS.items(), ids=("error", "warning", "uncaught", "origin", "policy"))
async def test_each_fault_is_seen(browser: Browser, tmp_path: Path, script: str, fault: str) -> None:
    """One page, one fault, and the watch names it."""
    person = await _person(browser, tmp_path, script)
    await person.page.wait_for_load_state("networkidle")
    assert any(fault in seen for seen in person.watch.faults), person.watch.faults


async def test_words_of_the_machinery_are_read(browser: Browser, tmp_path: Path) -> None:
    """Wherever they stand in the text; words that only look like them are nobody's business."""
    words = ["wallet", "Gas", "tokens", "blockchain", "0xdeadbeef99", "undefined", "NaN"]
    person = await _person(browser, tmp_path, "", f"Gaskets and chained nannies. {', '.join(words)}.")
    assert await machinery_words(person.page) == words
