"""Photos from strangers: what is kept are pixels, and whatever else a file brings is refused or left behind."""

import io
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from marketplace.planning import photo_file
from marketplace.planning.photo_file import LONGEST_EDGE, MAGIC, BadPhoto, read_photo

PLACE = {1: "N", 2: (38.0, 43.0, 1.0), 3: "W", 4: (9.0, 8.0, 1.0)}
GPS, MAKE, ORIENTATION = 0x8825, 0x010F, 0x0112


def photo(kind: str = "JPEG", size: tuple[int, int] = (64, 32), **more: Any) -> bytes:
    """A file with a red picture in it."""
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **more)
    return out.getvalue()


def exif() -> Image.Exif:
    """Who took it, where, and held how."""
    found = Image.Exif()
    found[MAKE] = "Somebody's phone"
    found[ORIENTATION] = 6
    found.get_ifd(GPS).update(PLACE)
    return found


@pytest.mark.parametrize("kind", MAGIC)
def test_every_format_is_kept_as_a_plain_jpeg(kind: str) -> None:
    kept = read_photo(photo(kind), kind)
    with Image.open(io.BytesIO(kept.data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 32))
        red, green, blue = image.getpixel((10, 10))  # type: ignore[misc]
        assert red > 150 > max(green, blue)
    assert read_photo(photo(kind), kind) == kept  # the same photo is the same bytes


@pytest.mark.parametrize("kind", MAGIC)
def test_nothing_but_pixels_survives(kind: str) -> None:
    given_file = photo(kind, exif=exif()) + b"<script>alert(1)</script>"
    with Image.open(io.BytesIO(given_file)) as image:
        assert image.getexif().get_ifd(GPS)[1] == "N"  # the control: it is there before
    kept = read_photo(given_file, kind)
    with Image.open(io.BytesIO(kept.data)) as image:
        assert dict(image.getexif()) == {}
        assert image.size == (32, 64)  # it was held upright: the pixels are turned before the note of it is dropped
    for word in (b"Exif", b"Somebody", b"script"):
        assert word not in kept.data


def test_a_large_photo_is_kept_smaller() -> None:
    kept = read_photo(photo(size=(4_000, 3_000)), "JPEG")
    assert (kept.width, kept.height) == (LONGEST_EDGE, LONGEST_EDGE * 3 // 4)


def test_what_can_be_seen_through_is_put_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(read_photo(out.getvalue(), "PNG").data)) as image:
        assert min(image.getpixel((4, 4))) > 250  # type: ignore[type-var]


@pytest.mark.parametrize("said", MAGIC)
@pytest.mark.parametrize("real", MAGIC)
def test_a_file_is_what_it_is_said_to_be(said: str, real: str) -> None:
    if said != real:
        with pytest.raises(BadPhoto, match=f"is not a {said} file"):
            read_photo(photo(real), said)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"<svg/>", b"GIF89a"])
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(BadPhoto):
        read_photo(data, "JPEG")


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_file, "MOST_PIXELS", 64 * 31)
    with pytest.raises(BadPhoto, match="million pixels"):
        read_photo(photo("PNG"), "PNG")


def test_a_header_that_claims_gigapixels_is_refused() -> None:
    data = bytearray(photo("PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(BadPhoto):
        read_photo(bytes(data), "PNG")


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(sorted(MAGIC)), at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_broken_file_is_a_bad_photo_or_a_photo(kind: str, at: int, byte: int, cut: int) -> None:
    data = bytearray(photo(kind))
    data[at % len(data)] = byte
    with suppress(BadPhoto):
        read_photo(bytes(data[: len(data) - cut % len(data)]), kind)
