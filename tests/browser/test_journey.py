"""One order through the app alone: a customer, a maker and a supplier without machines, each with a phone."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bootstrap.system import SystemClock
from tests.browser.person import SOON_MS, Person, screens_folder, somebody
from tests.browser.theatre import Theatre

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STAGE_MS = 60_000
"""A stage of the story: machines work, blocks are mined, another person answers."""
PASSPHRASE = "correct horse battery"
TOTAL = "€ 600.00"
STEP = re.compile("Feeding|Drilling|Inspection|Finished")
CHOICES = ("base-base-40mm", "cover-standard", "cleaning-without", "pressing-without", "inspection-complete")


@dataclass
class Cast:
    """Who has a phone."""

    theatre: Theatre
    ana: Person
    maker: Person
    supplier: Person

    @property
    def everybody(self) -> tuple[Person, ...]:
        """For what must hold for each of them."""
        return self.ana, self.maker, self.supplier


@pytest_asyncio.fixture(loop_scope="module")
async def cast(browser: Browser, theatre: Theatre, tmp_path: Path) -> AsyncIterator[Cast]:
    """Three fresh phones; only the customer's must be free of the machinery's words."""
    pictures = screens_folder(tmp_path)
    origin = theatre.stage.api_url
    ana = await somebody(browser, "the customer", origin, pictures, plain_words=True)
    maker = await somebody(browser, "the manufacturer", origin, pictures)
    supplier = await somebody(browser, "the supplier", origin, pictures)
    yield Cast(theatre, ana, maker, supplier)
    await asyncio.gather(*(person.context.close() for person in (ana, maker, supplier)))


@pytest.mark.req(8, 25, 47, 86, 90, 173, 175, 183)
@pytest.mark.req(8, 18, 19, 25, 31, 47, 48, 86, 107, 161, 167, 184)
async def test_everybody_plays_an_order_from_the_first_tap_to_the_last_cent(cast: Cast) -> None:
    """Registered, configured, signed, made, handed over, accepted, paid: nobody needs more than the app."""
    await asyncio.gather(_register(cast.ana), _open_shop(cast))
    await _configure(cast.ana)
    order_id = await _place(cast.ana)
    await _sign_as_supplier(cast)
    await _confirm(cast.ana)
    await _watch_production(cast)
    await _ship(cast, order_id)
    await _hand_over(cast)
    await _settle(cast)
    assert cast.theatre.restarts == []
    for person in cast.everybody:
        assert person.watch.faults == [], f"on the phone of {person.name}"


async def _register(ana: Person) -> None:
    await ana.see("signin-submit")
    await ana.picture("sign-in")
    await ana.tap("to-register")
    await ana.write("register-name", "Ana Souza")
    await ana.write("email", "ana@example.org")
    await ana.write("password", "a password of hers")
    await ana.picture("register")
    await ana.tap("register-submit")
    await ana.tap("tab-orders")
    await ana.see("orders-empty")
    await ana.picture("orders-empty")
    await ana.tap("tab-account")
    await ana.tap("key-create")
    await ana.write("key-passphrase", PASSPHRASE)
    await ana.write("key-passphrase-repeat", PASSPHRASE)
    await ana.picture("create-key")
    await ana.unlock(PASSPHRASE)
    await ana.see("key-state", "On this device")
    await ana.picture("account")


async def _open_shop(cast: Cast) -> None:
    """The manufacturer signs in with an account of the demonstration and brings its key along."""
    maker, actor = cast.maker, cast.theatre.actors["manufacturer"]
    await maker.sign_in(actor.role.email, actor.password)
    await maker.tap("tab-account")
    await maker.see("key-state", "Not on this device")
    await maker.tap("backup-import")
    await maker.find("key-backup-file").set_input_files(cast.theatre.backup("manufacturer"))
    await maker.picture("import-key")
    await maker.unlock(actor.password)
    await maker.see("key-state", "On this device")
    await expect(maker.find("key-address")).to_have_text(re.compile(actor.address, re.IGNORECASE))
    await maker.tap("tab-orders")
    supplier, actor = cast.supplier, cast.theatre.actors["machining"]
    await supplier.sign_in(actor.role.email, actor.password)
    await supplier.see("requests-empty")


async def _configure(ana: Person) -> None:
    await ana.tap("tab-products")
    await ana.see("product-card", "Pneumatic cylinder", product="pneumatic-cylinder")
    await ana.picture("product-list")
    await ana.tap("product-card", product="pneumatic-cylinder")
    for choice in CHOICES:
        await ana.choose(f"option-{choice}")
    await ana.write("option-drilling_s", "3")
    await ana.write("option-engraving", "Ana 2026")
    await ana.write("option-amount", "40")
    in_ten_days = (SystemClock().now() + timedelta(days=10)).date().isoformat()
    await ana.write("deliver-by", in_ten_days)
    await ana.see("live-price", TOTAL)
    await ana.picture("configurator")
    await ana.picture("quote", show="deliver-by")


async def _place(ana: Person) -> str:
    """Gives the order's id. The price stays indicative: a supplier has not signed."""
    await ana.tap("place-order")
    await ana.unlock(PASSPHRASE)
    await ana.see("order-title")
    await expect(ana.find("order-status")).to_have_text("Gathering signatures", timeout=STAGE_MS)
    await ana.see("indicative-note", "firm by", within_ms=STAGE_MS)
    await ana.see("live-status", "Live")
    await ana.picture("sourcing")
    return ana.page.url.rpartition("/")[2]


async def _sign_as_supplier(cast: Cast) -> None:
    """By hand, with the key imported at the moment it is needed."""
    supplier, actor = cast.supplier, cast.theatre.actors["machining"]
    await supplier.see("request-row", "€ 32.00", within_ms=STAGE_MS)
    await supplier.picture("sign-list")
    await supplier.tap("request-row", purpose="terms")
    await supplier.see("readable-terms")
    await supplier.picture("sign-terms")
    await supplier.tap("sign-request")
    await supplier.find("key-backup-file").set_input_files(cast.theatre.backup("machining"))
    await supplier.unlock(actor.password)
    await supplier.see("requests-empty")


async def _confirm(ana: Person) -> None:
    """The page changes by itself when the last supplier has signed."""
    await ana.see("quote-total", TOTAL, within_ms=STAGE_MS)
    await ana.see("device-checked")
    await ana.picture("firm-price")
    await ana.tap("add-test-money")
    await ana.see("toast", "practice money")
    await ana.picture("confirm", show="readable-terms")
    await expect(ana.find("confirm-order")).to_have_text(f"Order and pay {TOTAL}")
    await ana.tap("confirm-order")
    await ana.see("key-sheet", TOTAL)
    await ana.picture("approve")
    await ana.unlock(PASSPHRASE)
    await ana.see("payment", within_ms=STAGE_MS)


async def _watch_production(cast: Cast) -> None:
    """What machines and people report shows on the open screen, by stream; nobody reloads it."""
    ana, supplier = cast.ana, cast.supplier
    await expect(ana.find("order-status")).to_have_text("In production", timeout=STAGE_MS)
    await supplier.tap("tab-jobs")
    await supplier.see("job", within_ms=STAGE_MS)
    await supplier.picture("jobs")
    await supplier.tap("job-start")
    await supplier.see("job-finish")
    await ana.find("operation", operation="Machining").wait_for(timeout=STAGE_MS)
    await ana.find("operation", operation="Bases", finished="true").wait_for(timeout=STAGE_MS)
    await expect(ana.find("operation", operation="Covers")).to_contain_text(STEP, timeout=STAGE_MS)
    for proof in ("signed by the maker's machine", "reported by a person"):
        await ana.find("timeline").get_by_text(proof).first.wait_for(timeout=STAGE_MS)
    await expect(ana.find("payment-released")).not_to_have_text("€ 0.00", timeout=STAGE_MS)
    assert await _shown_cents(ana, "payment-released") + await _shown_cents(ana, "payment-held") == 600_00
    await ana.picture("order")
    await ana.picture("timeline", show="timeline")
    await ana.picture("payment", show="payment")
    await ana.picture("agreement", show="agreement")
    await supplier.tap("job-finish")
    await supplier.see("job-state", "Finished")
    await supplier.picture("jobs-done")


async def _shown_cents(person: Person, testid: str) -> int:
    return int(re.sub(r"\D", "", await person.find(testid).inner_text()))


async def _ship(cast: Cast, order_id: str) -> None:
    """The customer looks at something else meanwhile: what happens comes into the inbox."""
    ana, maker = cast.ana, cast.maker
    await ana.tap("tab-products")
    await maker.see("order-row")
    await expect(maker.find("order-row", order=order_id)).to_have_attribute("data-status", "produced", timeout=STAGE_MS)
    await maker.picture("manufacturer-orders")
    await maker.tap("order-row", order=order_id)
    await maker.see("mark-shipped")
    await maker.picture("manufacturer-order")
    await maker.tap("tab-jobs")
    await maker.see("job")
    await maker.picture("manufacturer-jobs")
    await maker.page.go_back()
    await maker.tap("mark-shipped")
    await maker.see("handover-input")


async def _hand_over(cast: Cast) -> None:
    ana, maker = cast.ana, cast.maker
    await ana.tap("tab-inbox")
    on_its_way = ana.find("inbox-item", read="false").filter(has_text="On its way")
    await on_its_way.wait_for(timeout=STAGE_MS)
    await ana.see("unread-badge")
    await ana.picture("inbox")
    await on_its_way.click()
    await ana.see("show-handover")
    await ana.picture("shipped")
    await expect(ana.find("unread-badge")).to_have_count(0, timeout=SOON_MS)
    await ana.tap("show-handover")
    await ana.tap("reveal-handover")
    await ana.unlock(PASSPHRASE)
    await ana.see("handover-qr")
    await ana.picture("handover")
    code = await ana.find("handover-code").get_attribute("data-code")
    assert re.fullmatch("0x[0-9a-f]{64}", code or "")
    await maker.write("handover-input", await ana.find("handover-code").inner_text())
    await maker.picture("manufacturer-handover")
    await maker.tap("handover-submit")
    await ana.tap("back")


async def _settle(cast: Cast) -> None:
    ana, maker, supplier = cast.everybody
    await ana.see("accept-delivery", within_ms=STAGE_MS)
    await ana.picture("delivered")
    await ana.tap("accept-delivery")
    await ana.unlock(PASSPHRASE)
    await expect(ana.find("order-status")).to_have_text("Complete", timeout=STAGE_MS)
    await expect(ana.find("payment-released")).to_have_text(TOTAL)
    await expect(ana.find("payment-held")).to_have_text("€ 0.00")
    await ana.picture("settled")
    await ana.page.reload()
    await ana.see("order-status", "Complete")
    await ana.tap("tab-orders")
    await ana.see("order-row", TOTAL)
    await ana.picture("orders")
    await expect(maker.find("order-status")).to_have_text("Complete", timeout=STAGE_MS)
    await maker.picture("manufacturer-settled")
    await supplier.tap("tab-agreements")
    await expect(supplier.find("earned")).to_have_text("€ 32.00", timeout=STAGE_MS)
    await supplier.picture("agreements")
