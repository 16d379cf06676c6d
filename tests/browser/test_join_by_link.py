"""A supplier without an account: it is invited, opens the link, joins, reads and signs; then the price is firm."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from eth_hash.auto import keccak
from playwright.async_api import Browser, ViewportSize, expect

import mobile_api
from bootstrap.demo.actors import CUSTOMER, Actor
from bootstrap.system import SystemClock
from tests.browser.person import PHONE, Person, screens_folder, somebody
from tests.browser.theatre import Theatre, open_theatre
from tests.support import require_server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STAGE_MS = 60_000
"""Another process works: a letter is sent, terms are written."""
POLL_S = 0.3
DESK = ViewportSize(width=1280, height=800)
PARTY, CONTACT = "reconcavo-machining", "rui@reconcavo.example"
PASSPHRASE, PASSWORD = "correct horse battery", "a password of theirs"
LINK = re.compile(r"^https?://\S+(/#/join/[0-9a-f]{64})$", re.MULTILINE)
CODE = re.compile(r"^ {4}([0-9]{6})$", re.MULTILINE)
WANTED = {"base": "base-40mm", "amount": 40, "drilling_s": 3, "engraving": "Ana 2026"}


@pytest_asyncio.fixture(loop_scope="module")
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    """The marketplace, in which the drilling shop that the registry names has no account."""
    if not (Path(mobile_api.__file__).parent / "static" / "index.html").exists():
        require_server("the app is not built: make app")
    async with open_theatre(tmp_path, absent=frozenset({"machining"})) as opened:
        yield opened


@pytest.mark.req(1, 8, 61, 68, 78, 161, 170, 173, 175)
@pytest.mark.parametrize(
    ("viewport", "password"), [(PHONE, ""), (DESK, PASSWORD)], ids=["phone-login-free", "desk-with-password"]
)
async def test_an_invited_supplier_signs_and_the_price_is_firm(
    browser: Browser, theatre: Theatre, tmp_path: Path, viewport: ViewportSize, password: str
) -> None:
    pictures, suffix = screens_folder(tmp_path), "" if viewport == PHONE else "-wide"
    ana = await _customer(theatre)
    order_id = await _place(ana)
    maker = await somebody(browser, "the manufacturer", theatre.stage.api_url, pictures)
    await _invite(maker, theatre, order_id)
    if not suffix:
        await maker.picture("invite")
    address = LINK.findall(await _letter(theatre, 1))[-1]
    supplier = await somebody(
        browser, "the supplier", theatre.stage.api_url, pictures, plain_words=True, viewport=viewport, at=address
    )
    await _tell(supplier, password, suffix)
    await _enter_code(supplier, theatre, suffix)
    await _make_key(supplier, suffix)
    await _sign(supplier, suffix)
    await _until_quoted(ana, order_id)
    await _what_is_open_afterwards(supplier, password, suffix)
    await _used_up(browser, theatre, pictures, address, viewport, suffix)
    assert theatre.restarts == []
    assert maker.watch.faults == []
    assert _but_refusals(supplier) == []
    for person in (maker, supplier):
        await person.context.close()


def _but_refusals(person: Person) -> list[str]:
    """The faults without the browser's own lines on slips that were made on purpose: a VAT id, a code, a used link."""
    return [fault for fault in person.watch.faults if not ("422" in fault and "/v1/join" in fault)]


async def _customer(theatre: Theatre) -> Actor:
    ana = Actor(CUSTOMER, theatre.http, PASSWORD, keccak(b"the customer of this test"))
    await ana.join()
    return ana


async def _place(ana: Actor) -> str:
    reference = str(uuid.uuid4())
    day = (SystemClock().now() + timedelta(days=10)).date().isoformat()
    body = {
        "product_id": "pneumatic-cylinder",
        "configuration": WANTED,
        "deliver_by": day,
        "payer_address": ana.address,
        "handover_hash": "0x" + keccak(ana.handover_secret(reference)).hex(),
        "client_reference": reference,
    }
    return str((await ana.call("POST", "/v1/orders", body))["id"])


async def _invite(maker: Person, theatre: Theatre, order_id: str) -> None:
    actor = theatre.actors["manufacturer"]
    await maker.sign_in(actor.role.email, actor.password)
    await maker.tap("order-row", order=order_id)
    await maker.see("absent-supplier", "Recôncavo", within_ms=STAGE_MS, party=PARTY)
    await maker.find("absent-supplier", party=PARTY).get_by_test_id("invite").click()
    await maker.see("invitation-state", "A link went to r•••@reconcavo.example", within_ms=STAGE_MS)


async def _letter(theatre: Theatre, number: int) -> str:
    """The text of the contact's letter with this number, once it is there."""
    async with asyncio.timeout(STAGE_MS / 1000):
        while True:
            letters = theatre.letters(CONTACT)
            if len(letters) >= number:
                return letters[number - 1]
            await asyncio.sleep(POLL_S)


async def _tell(supplier: Person, password: str, suffix: str) -> None:
    """An empty form says what is missing, beside each field, and goes to the first."""
    await supplier.see("page-title", "Model Factory would like to buy from you")
    await expect(supplier.find("join-company")).to_have_value("Recôncavo Machining Services")
    await supplier.tap("join-continue")
    for field in ("country", "vat", "signatory"):
        await supplier.see(f"join-{field}-error")
    await expect(supplier.find("join-country")).to_be_focused()
    await supplier.write("join-country", "pt")
    await supplier.write("join-vat", "501 964 844")
    await supplier.write("join-signatory", "Rui Costa")
    if password:
        await supplier.write("join-password", password)
    await supplier.picture(f"join{suffix}")
    await supplier.tap("join-continue")
    await supplier.see("join-sent", "r•••@reconcavo.example")


async def _enter_code(supplier: Person, theatre: Theatre, suffix: str) -> None:
    """A slip in the VAT id leads back to it; a wrong code is said at its field; the right one is still good."""
    code = CODE.findall(await _letter(theatre, 2))[-1]
    await expect(supplier.find("page-title")).to_be_focused()
    await supplier.write("join-code", code)
    await supplier.picture(f"join-code{suffix}")
    await supplier.tap("join-submit")
    await supplier.see("join-vat-error", "Is no VAT id of PT")
    await expect(supplier.find("join-vat")).to_be_focused()
    await supplier.write("join-vat", "501 964 843")
    await supplier.tap("join-continue")
    await supplier.write("join-code", f"{(int(code) + 1) % 1_000_000:06d}")
    await supplier.tap("join-submit")
    await supplier.see("join-code-error", "not right")
    await supplier.write("join-code", code)
    await supplier.tap("join-submit")


async def _make_key(supplier: Person, suffix: str) -> None:
    await supplier.see("page-title", "Welcome, Recôncavo Machining Services")
    await supplier.picture(f"join-key{suffix}")
    await supplier.tap("join-key")
    await supplier.write("key-passphrase", PASSPHRASE)
    await supplier.write("key-passphrase-repeat", PASSPHRASE)
    await supplier.unlock(PASSPHRASE)


async def _sign(supplier: Person, suffix: str) -> None:
    """The terms open by themselves."""
    await supplier.see("readable-terms", within_ms=STAGE_MS)
    await supplier.see("request-amount", "€ 32.00")
    await supplier.picture(f"join-terms{suffix}")
    for way in ("sign-request", "decline-request", "counter-request"):
        await supplier.see(way)
    await supplier.tap("sign-request")
    await supplier.unlock(PASSPHRASE)
    await supplier.see("requests-empty")


async def _until_quoted(ana: Actor, order_id: str) -> None:
    seen: Any = None
    async with asyncio.timeout(STAGE_MS / 1000):
        while seen != "quoted":
            await asyncio.sleep(POLL_S)
            seen = (await ana.call("GET", f"/v1/orders/{order_id}"))["status"]


async def _what_is_open_afterwards(supplier: Person, password: str, suffix: str) -> None:
    """Without a password there is what is to be signed, and the account; with one, all that suppliers have."""
    tabs = ["sign", "account"] if not password else ["sign", "jobs", "agreements", "inbox", "account"]
    found = await supplier.find("nav").locator("a").evaluate_all("all => all.map(one => one.dataset.testid)")
    assert found == [f"tab-{tab}" for tab in tabs]
    await supplier.page.reload()
    await supplier.tap("tab-account")
    await supplier.see("key-state", "On this device")
    await expect(supplier.find("login-free-note")).to_have_count(0 if password else 1)
    supplier.plain_words = False  # organisations see the address of their key there
    await supplier.picture(f"join-account{suffix}")


async def _used_up(
    browser: Browser, theatre: Theatre, pictures: Path, address: str, viewport: ViewportSize, suffix: str
) -> None:
    """Whoever finds the letter later finds a link that opens nothing."""
    stranger = await somebody(
        browser, "a stranger", theatre.stage.api_url, pictures, plain_words=True, viewport=viewport, at=address
    )
    await stranger.see("join-dead", "This link is not good any more")
    await stranger.picture(f"join-dead{suffix}")
    assert _but_refusals(stranger) == []
    await stranger.context.close()
