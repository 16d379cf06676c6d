"""A stranger's photo: an image file of which only the pixels are kept.

The file is decoded within bounds and written anew as JPEG, so nothing else of it survives: no EXIF, no place, no
comment, no second format in its tail.
"""

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

MAGIC: Final[Mapping[str, tuple[tuple[int, bytes], ...]]] = {
    "JPEG": ((0, b"\xff\xd8\xff"),),
    "PNG": ((0, b"\x89PNG\r\n\x1a\n"),),
    "WEBP": ((0, b"RIFF"), (8, b"WEBP")),
}
"""Format → what stands where at its beginning."""
MOST_PIXELS: Final = 50_000_000
"""The largest phone's camera; a bomb of a few bytes claims more."""
LONGEST_EDGE: Final = 2_048
"""Pixels of the longer side of what is kept: a scratch shows, and a photo is a few hundred kilobytes."""
QUALITY: Final = 85
_ONE_AT_A_TIME: Final = threading.Lock()
"""The largest photo takes 200 MB while it is decoded."""


class BadPhoto(Exception):
    """It cannot be read as the photo it is said to be; the text says why."""


@dataclass(frozen=True, slots=True)
class Photo:
    """The JPEG that is kept, and its size in pixels."""

    data: bytes
    width: int
    height: int


def read_photo(data: bytes, kind: str) -> Photo:
    """The photo of a file that is said to be of `kind` (a key of MAGIC). Raises BadPhoto."""
    if not all(data[at : at + len(sign)] == sign for at, sign in MAGIC[kind]):
        raise BadPhoto(f"is not a {kind} file")
    with _ONE_AT_A_TIME:
        try:
            return _written(io.BytesIO(data), kind)
        except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError, Warning) as error:
            # What a decoder says of a broken file depends on where it is broken.
            raise BadPhoto(f"cannot be read as a {kind} photo") from error


def _written(file: io.BytesIO, kind: str) -> Photo:
    with Image.open(file, formats=(kind,)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise BadPhoto(f"has more than {MOST_PIXELS // 1_000_000} million pixels: take a smaller one")
        image.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))  # a JPEG need not be decoded larger than it is kept
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
        plain = Image.new("RGB", upright.size, "white")
        seen_through = "A" in upright.getbands() or "transparency" in upright.info
        plain.paste(upright.convert("RGB"), mask=upright.convert("RGBA").getchannel("A") if seen_through else None)
        out = io.BytesIO()
        plain.save(out, "JPEG", quality=QUALITY)
        return Photo(out.getvalue(), plain.width, plain.height)
