"""Photos of a dispute over HTTP: what they must be, how large, and what comes back."""

import io

import pytest
from PIL import Image

from marketplace.application import dispute_photos
from tests.mobile_api.asking import Answer, ask
from tests.mobile_api.house import HERE, House
from tests.planning.test_photo_file import exif, photo


async def _hand_in(house: House, body: bytes, media: str = "image/jpeg", role: str = "customer") -> Answer:
    path = f"/v1/orders/{house.crowd.orders[HERE]['delivered']}/dispute/photos"
    headers = {"Authorization": f"Bearer {house.token(role)}", "Content-Type": media}
    return await ask(house.app, "POST", path, headers, body)


@pytest.mark.req(15, 16, 91)
async def test_a_photo_comes_back_without_where_and_with_what_it_was_taken(house: House) -> None:
    made = await _hand_in(house, photo("JPEG", size=(640, 480), exif=exif()))
    assert made.status == 201, made.text
    found = made.json()
    path = f"/v1/orders/{house.crowd.orders[HERE]['delivered']}/dispute/photos/{found['digest']}"
    read = await ask(house.app, "GET", path, {"Authorization": f"Bearer {house.token('customer')}"})
    assert (read.status, read.headers["content-type"]) == (200, "image/jpeg")
    assert read.headers["content-disposition"].startswith("attachment")
    assert read.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(read.body)) as image:
        assert (image.size, dict(image.getexif())) == ((480, 640), {})
    assert len(read.body) == found["size"]
    other = await ask(house.app, "GET", path, {"Authorization": f"Bearer {house.token('manufacturer')}"})
    assert other.status == 404  # it is in no statement yet


@pytest.mark.parametrize(
    ("body", "media", "field"),
    [
        (b"", "image/jpeg", "file"),
        (b"GIF89a", "image/gif", "Content-Type"),
        (b"<svg/>", "image/svg+xml", "Content-Type"),
        (photo("PNG"), "image/jpeg", "file"),
        (photo("JPEG")[:40], "image/jpeg", "file"),
        (b"not a photo", "image/webp", "file"),
    ],
)
async def test_what_is_no_photo_is_refused_by_name(house: House, body: bytes, media: str, field: str) -> None:
    answer = await _hand_in(house, body, media)
    assert answer.status == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_file_of_a_phone_fits_and_no_larger_one(house: House) -> None:
    padded = photo("JPEG") + bytes(2 << 20)  # more than an ordinary body may have
    assert (await _hand_in(house, padded)).status == 201
    assert (await _hand_in(house, bytes(dispute_photos.LARGEST + 1))).status == 413


async def test_a_dispute_before_its_time_says_what_is_missing(house: House) -> None:
    path = f"/v1/orders/{house.crowd.orders[HERE]['shipped']}/dispute"
    headers = {"Authorization": f"Bearer {house.token('customer')}"}
    shown = (await ask(house.app, "GET", path, headers)).json()
    assert (shown["state"], shown["may_open"], shown["typed_data"]) == ("none", False, None)
    assert shown["why_not"] == "an order that is shipped cannot be disputed before it is delivered"
    body = b'{"reason": "It is late.", "signature": "0x' + b"11" * 65 + b'"}'
    answer = await ask(house.app, "POST", path, headers | {"Content-Type": "application/json"}, body)
    assert (answer.status, "before it is delivered" in answer.text) == (409, True)
