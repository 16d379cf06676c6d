"""Something is wrong with the goods: from the customer's photo to the arbiter's split, on a phone and on a desk."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw
from playwright.async_api import Browser, ViewportSize, expect

from bootstrap.demo.actors import CUSTOMER, REQUEST_TIMEOUT_S, Actor
from bootstrap.demo.beside import beside
from bootstrap.demo.story import STORY_TIMEOUT_S, Story, staff
from tests.browser.arbiter import divide
from tests.browser.person import PHONE, Person, screens_folder, somebody
from tests.browser.theatre import Theatre
from tests.planning.test_photo_file import exif, photo

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STAGE_MS = 60_000
DESK = ViewportSize(width=1280, height=800)
MAKERS_SHARE_BPS = 2_500
BENT = "Two of the forty covers are bent, and one is scratched."
STRAIGHT = "They left us straight: the last inspection has photos of all forty."


class Delivered(Story):
    """The story up to the handover: what follows is for people with screens."""

    async def play(self) -> dict[str, object]:
        await self._place()
        async with asyncio.timeout(STORY_TIMEOUT_S):
            await self._order_until("quoted")
            await self._confirm()
            await self._order_until("produced")
            await self.manufacturer.call("POST", f"/v1/orders/{self.order_id}/ship", {})
            await self._hand_over()
            return await self._order_until("delivered")


@asynccontextmanager
async def a_customer(theatre: Theatre) -> AsyncIterator[Actor]:
    """Somebody with an account, a key and play money."""
    async with httpx.AsyncClient(base_url=theatre.stage.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
        ana = Actor(replace(CUSTOMER, email="ana@example.org"), http, "a password of hers", bytes(range(1, 33)))
        await ana.join()
        await ana.call("POST", "/v1/dev/funds", {})
        yield ana


async def _sign_everything(supplier: Actor) -> None:
    """The supplier without a machine of its own signs what it is asked to."""
    while True:
        for request in (await supplier.call("GET", "/v1/signature-requests?status=open"))["items"]:
            body = {"signature": await supplier.sign(request["typed_data"])}
            await supplier.call("POST", f"/v1/signature-requests/{request['id']}/signature", body)
        await asyncio.sleep(0.3)


async def _delivered(theatre: Theatre, ana: Actor) -> str:
    """The id of an order that has arrived."""
    actors = theatre.actors
    story = Delivered(ana, actors["manufacturer"], actors["machining"], actors["carrier"], lambda *_: None)
    at_work = staff(actors["machining"], actors["carrier"], lambda *_: None)
    async with beside(at_work, _sign_everything(actors["machining"])):
        await story.play()
    return story.order_id


@pytest.mark.req(88, 91, 161, 184)
async def test_a_complaint_goes_to_the_arbiter_and_is_divided(
    browser: Browser, theatre: Theatre, tmp_path: Path
) -> None:
    """The customer on a phone, the manufacturer at a desk; then the customer's desk and the manufacturer's phone."""
    pictures, origin = screens_folder(tmp_path), theatre.stage.api_url
    async with a_customer(theatre) as actor:
        order_id = await _delivered(theatre, actor)
        ana = await somebody(browser, "the customer", origin, pictures, plain_words=True)
        maker = await somebody(browser, "the manufacturer", origin, pictures, viewport=DESK)
        await ana.sign_in(actor.role.email, actor.password)
        await _complain(ana, order_id, actor.back_up(tmp_path / "keys"), actor.password, tmp_path)
        await _answer(maker, theatre, order_id)
        await ana.see("statement", STRAIGHT, by="manufacturer", within_ms=STAGE_MS)
        await ana.picture("dispute-answered")
        stage = theatre.stage
        await divide(stage.folder, stage.chain_url, stage.book, order_id, MAKERS_SHARE_BPS)
        await _see_the_end(ana, maker, order_id)
        assert theatre.restarts == []
        for person in (ana, maker):
            assert person.watch.faults == [], f"on the screen of {person.name}"
            await person.context.close()


async def _complain(ana: Person, order_id: str, key: Path, password: str, folder: Path) -> None:
    await ana.page.goto(f"/#/orders/{order_id}")
    await ana.see("something-wrong", within_ms=STAGE_MS)
    await ana.picture("delivered-wrong", show="acceptance")
    await ana.tap("something-wrong")
    await ana.see("dispute-meaning", "Held until it is decided")
    await ana.tap("dispute-submit")
    await ana.see("dispute-error", "Say what is wrong")
    await ana.write("dispute-text", BENT)
    taken = folder / "covers.jpg"
    taken.write_bytes(_bent_cover())
    await ana.find("photo-files").set_input_files(taken)
    await ana.see("photo")
    other = folder / "wrong.jpg"
    other.write_bytes(photo("JPEG", size=(40, 40)))
    await ana.find("photo-camera").set_input_files(other)
    await expect(ana.find("photo")).to_have_count(2)
    await ana.find("photo-remove").last.click()
    await expect(ana.find("photo")).to_have_count(1)
    await ana.picture("dispute-open")
    await ana.page.set_viewport_size(DESK)
    await ana.picture("dispute-open-desk")
    await ana.page.set_viewport_size(PHONE)
    await ana.tap("dispute-submit")
    await ana.find("key-backup-file").set_input_files(key)
    await ana.see("key-sheet", "stay where they are until it is decided")
    await ana.picture("dispute-sign")
    await ana.unlock(password)
    await ana.see("statement", BENT, by="customer")
    await ana.see("decide-by", within_ms=STAGE_MS)
    await ana.picture("dispute-sent")


async def _answer(maker: Person, theatre: Theatre, order_id: str) -> None:
    actor = theatre.actors["manufacturer"]
    await maker.sign_in(actor.role.email, actor.password)
    await maker.page.goto(f"/#/orders/{order_id}")
    await maker.see("dispute-card", "The customer says that something is wrong", within_ms=STAGE_MS)
    await expect(maker.find("order-status")).to_have_text("In dispute")
    await maker.picture("manufacturer-dispute")
    await maker.tap("open-dispute")
    await maker.see("statement", BENT, by="customer")
    await maker.see("photo")
    await maker.write("dispute-text", STRAIGHT)
    await maker.picture("manufacturer-answer")
    await maker.tap("dispute-submit")
    await maker.see("statement", STRAIGHT, by="manufacturer")


async def _see_the_end(ana: Person, maker: Person, order_id: str) -> None:
    """Both see the same euros, and they are all that was held."""
    for person in (ana, maker):
        await person.see("outcome", "The arbiter has decided", within_ms=STAGE_MS, why="verdict")
    shown = [
        [_cents(await person.find(name).first.inner_text()) for name in ("outcome-customer", "outcome-maker")]
        for person in (ana, maker)
    ]
    assert shown[0] == shown[1]
    back, earned = shown[0]
    assert back > earned > 0
    await ana.picture("dispute-decided")
    await ana.tap("back")
    await ana.see("dispute-card", "The dispute is decided", state="decided")
    await ana.picture("dispute-order")
    await maker.page.set_viewport_size(PHONE)
    await maker.tap("back")
    await maker.see("dispute-card", "To you", state="decided")
    await maker.picture("manufacturer-dispute-decided")
    await ana.page.set_viewport_size(DESK)
    await ana.picture("dispute-order-desk")


def _bent_cover() -> bytes:
    """A photo as a phone takes one: a plate whose edge is bent, with all that a camera notes of it."""
    image = Image.new("RGB", (1_600, 1_200), (118, 92, 64))
    draw = ImageDraw.Draw(image)
    draw.polygon([(260, 240), (1_330, 200), (1_380, 760), (1_090, 905), (300, 960)], (176, 182, 188))
    draw.polygon([(1_380, 760), (1_090, 905), (1_330, 1_010)], (120, 126, 133))
    for x, y in ((390, 350), (1_190, 310), (420, 840)):
        draw.ellipse((x - 42, y - 42, x + 42, y + 42), (70, 62, 54))
    draw.line([(560, 470), (720, 610), (700, 640), (860, 790)], (228, 232, 236), width=7)
    held_upright = exif()
    held_upright[0x0112] = 1
    out = io.BytesIO()
    image.save(out, "JPEG", exif=held_upright)
    return out.getvalue()


def _cents(text: str) -> int:
    return int(re.sub(r"\D", "", text))
