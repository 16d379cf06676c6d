"""Photos for a dispute: kept without what a camera adds, shown to those who sit at the table."""

import asyncio
from collections.abc import Collection, Sequence

from marketplace.application.context import Context
from marketplace.application.dispute_access import seat, side
from marketplace.application.dispute_views import PhotoView
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.parties import Account
from marketplace.planning.photo_file import BadPhoto, read_photo
from marketplace.ports.unit_of_work import DisputePhoto, Transaction

LARGEST = 15 << 20
"""Bytes of one file as a phone hands it in; what is kept of it is far smaller."""
MOST_KEPT = 4 << 20
MOST_IN_A_STATEMENT = 6
MOST_OF_A_SIDE = 24


async def upload_photo(ctx: Context, caller: Account, order_id: str, kind: str, data: bytes) -> PhotoView:
    """Take a photo in; the same one again changes nothing. Raises NotFound, InvalidInput, Conflict where there are
    many."""
    if not 0 < len(data) <= LARGEST:
        raise InvalidInput("file", f"must have from 1 to {LARGEST} bytes")
    async with ctx.uow.read() as tx:
        await side(tx, caller, order_id)  # a stranger's file is not even decoded
    try:
        # A thread: the largest photo takes a second to decode, and others must not wait for it.
        read = await asyncio.to_thread(read_photo, data, kind)
    except BadPhoto as bad:
        raise InvalidInput("file", str(bad)) from bad
    if len(read.data) > MOST_KEPT:
        raise InvalidInput("file", "is too detailed to keep: take a smaller photo")
    photo = DisputePhoto(ctx.chain.keccak(read.data), caller.party_id, len(read.data), read.width, read.height)
    async with ctx.uow.write() as tx:
        await side(tx, caller, order_id)
        mine = [known for known in await tx.photos.of(order_id) if known.party_id == caller.party_id]
        if len(mine) >= MOST_OF_A_SIDE and photo.digest not in {known.digest for known in mine}:
            raise Conflict(f"you have shown {len(mine)} photos of this order: take one back that you have not sent")
        await tx.photos.keep(order_id, photo, read.data, ctx.clock.now())
    return photo_view(photo)


async def read_photo_of(ctx: Context, caller: Account, order_id: str, digest: str) -> bytes:
    """The JPEG. One's own at once, the other side's once it is part of what that side said. Raises NotFound."""
    async with ctx.uow.read() as tx:
        await seat(tx, caller, order_id)
        known = [photo for photo in await tx.photos.of(order_id) if photo.digest == digest]
        visible = any(photo.said or photo.party_id == caller.party_id for photo in known)
        data = await tx.photos.data(order_id, digest) if visible else None
    if data is None:
        raise NotFound("photo")
    return data


async def drop_photo(ctx: Context, caller: Account, order_id: str, digest: str) -> None:
    """Take back a photo that was not sent yet. Raises NotFound."""
    async with ctx.uow.write() as tx:
        await side(tx, caller, order_id)
        if not await tx.photos.drop(order_id, caller.party_id, digest):
            raise NotFound("photo")


async def say_photos(tx: Transaction, caller: Account, order_id: str, digests: Sequence[str]) -> tuple[str, ...]:
    """These photos of the caller's become part of a statement. Raises InvalidInput naming the one that is not there."""
    wanted = tuple(dict.fromkeys(digests))
    if len(wanted) > MOST_IN_A_STATEMENT:
        raise InvalidInput("photos", f"has more than {MOST_IN_A_STATEMENT} photos")
    mine = {photo.digest for photo in await tx.photos.of(order_id) if photo.party_id == caller.party_id}
    for index, digest in enumerate(wanted):
        if digest not in mine:
            raise InvalidInput(f"photos.{index}", "is no photo that you have uploaded for this order")
    if wanted:
        await tx.photos.say(order_id, caller.party_id, wanted)
    return wanted


def photo_views(photos: Sequence[DisputePhoto], digests: Collection[str]) -> tuple[PhotoView, ...]:
    """Those of `digests`, in their order; a photo that both sides showed is one."""
    known = {photo.digest: photo for photo in photos}
    return tuple(photo_view(known[digest]) for digest in digests if digest in known)


def photo_view(photo: DisputePhoto) -> PhotoView:
    """As people see it."""
    return PhotoView(photo.digest, photo.size, photo.width, photo.height)
