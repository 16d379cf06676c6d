"""Something is wrong with a delivery: the customer opens a dispute, both sides say and show what they know."""

from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import dispute_order, dispute_photos
from marketplace.application.dispute_views import DisputeView, PhotoView
from marketplace.domain.errors import InvalidInput
from mobile_api.dependencies import Anyone, Ctx, Customer, EitherSide
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.disputes import Dispute, DisputeOpen, Photo, StatementBody

disputes = router("disputes")
photos = router("disputes", remembering=False)

Digest = Annotated[str, Path(pattern=r"^0x[0-9a-f]{64}$")]
MEDIA = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
FILE: dict[str, Any] = {
    "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA},
    "required": True,
}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The photo.", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}


@disputes.get("/orders/{id}/dispute", response_model=Dispute)
async def read_dispute(ctx: Ctx, caller: Anyone, order_id: Id) -> DisputeView:
    """The dispute about a delivery, or what one would mean: for both sides, and for the arbiter of an open one."""
    return await dispute_order.dispute(ctx, caller, order_id)


@disputes.post("/orders/{id}/dispute", status_code=201, response_model=Dispute)
async def open_dispute(ctx: Ctx, caller: Customer, order_id: Id, body: DisputeOpen) -> DisputeView:
    """Ask the arbiter: what is left of the money is frozen until it is decided."""
    return await dispute_order.open_dispute(
        ctx, caller, order_id, reason=body.reason, photos=body.photos, signature=body.signature
    )


@disputes.post("/orders/{id}/dispute/statements", status_code=201, response_model=Dispute)
async def answer_dispute(ctx: Ctx, caller: EitherSide, order_id: Id, body: StatementBody) -> DisputeView:
    """Say and show more, while the dispute is open."""
    return await dispute_order.answer_dispute(ctx, caller, order_id, text=body.text, photos=body.photos)


@photos.post("/orders/{id}/dispute/photos", status_code=201, response_model=Photo, openapi_extra={"requestBody": FILE})
async def upload_photo(ctx: Ctx, caller: EitherSide, order_id: Id, request: Request) -> PhotoView:
    """Hand a photo in, at most 15 MB. Only its pixels are kept; others see it once it is in a statement."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA:
        raise InvalidInput("Content-Type", "must be " + " or ".join(MEDIA))
    return await dispute_photos.upload_photo(ctx, caller, order_id, MEDIA[media], await request.body())


@photos.get("/orders/{id}/dispute/photos/{digest}", response_class=Response, responses=ANSWER)
async def read_photo(ctx: Ctx, caller: Anyone, order_id: Id, digest: Digest) -> Response:
    """A photo of a dispute, for both sides and its arbiter."""
    data = await dispute_photos.read_photo_of(ctx, caller, order_id, digest)
    # As a download: nothing of a stranger's is shown under our name by a browser that opens the address.
    name = f'attachment; filename="{digest[2:14]}.jpg"'
    return Response(data, media_type="image/jpeg", headers={"Content-Disposition": name, "ETag": f'"{digest}"'})


@photos.delete("/orders/{id}/dispute/photos/{digest}", status_code=204)
async def drop_photo(ctx: Ctx, caller: EitherSide, order_id: Id, digest: Digest) -> None:
    """Take back a photo that is in no statement yet."""
    await dispute_photos.drop_photo(ctx, caller, order_id, digest)
