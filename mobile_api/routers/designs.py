"""Customers' own files: drawings (SVG) and solids (STL)."""

from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import design_files
from marketplace.application.configuration_views import DesignFileView
from marketplace.domain.errors import InvalidInput
from marketplace.domain.product import FileFormat
from mobile_api.dependencies import Anyone, Ctx, Customer
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.products import DesignFile, DesignFileList

designs = router("designs", remembering=False)

Digest = Annotated[str, Path(pattern=r"^0x[0-9a-f]{64}$")]
MEDIA = {"image/svg+xml": FileFormat.SVG, "model/stl": FileFormat.STL}
FILE: dict[str, Any] = {
    "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA},
    "required": True,
}
ANSWER: dict[int | str, dict[str, Any]] = {200: {"description": "The file.", "content": dict(FILE["content"])}}


@designs.post("/design-files", status_code=201, response_model=DesignFile, openapi_extra={"requestBody": FILE})
async def upload_design(ctx: Ctx, caller: Customer, request: Request) -> DesignFileView:
    """Hand a file in, at most 5 MB. Of an SVG only the paths are kept; the same file again is the same file."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA:
        raise InvalidInput("Content-Type", "must be " + " or ".join(MEDIA))
    return await design_files.upload_design(ctx, caller, MEDIA[media], await request.body())


@designs.get("/design-files", response_model=DesignFileList)
async def list_designs(ctx: Ctx, caller: Customer) -> dict[str, object]:
    """The caller's files, newest first."""
    return {"items": await design_files.list_designs(ctx, caller)}


@designs.get("/design-files/{digest}", response_class=Response, responses=ANSWER)
async def read_design(ctx: Ctx, caller: Customer, digest: Digest) -> Response:
    """A file of the caller's."""
    return _file(*await design_files.read_design(ctx, caller, digest))


@designs.delete("/design-files/{digest}", status_code=204)
async def drop_design(ctx: Ctx, caller: Customer, digest: Digest) -> None:
    """The caller no longer needs the file. Orders that are made from it keep it."""
    await design_files.drop_design(ctx, caller, digest)


@designs.get("/orders/{id}/design-files/{digest}", response_class=Response, responses=ANSWER)
async def read_order_design(ctx: Ctx, caller: Anyone, order_id: Id, digest: Digest) -> Response:
    """A file that an order is made from, for those who take part in it."""
    return _file(*await design_files.read_order_design(ctx, caller, order_id, digest))


def _file(view: DesignFileView, data: bytes) -> Response:
    """As a download: a browser that opened it in a tab would show a stranger's file under our name."""
    media = next(media for media, kind in MEDIA.items() if kind == view.format)
    name = f'attachment; filename="{view.digest[2:14]}.{view.format}"'
    return Response(data, media_type=media, headers={"Content-Disposition": name, "ETag": f'"{view.digest}"'})
