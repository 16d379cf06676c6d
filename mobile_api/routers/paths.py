"""What the routers share: ids in paths, bodies that may be left out, and how a router is made."""

from typing import Annotated

from fastapi import APIRouter, Body, Path

from mobile_api.route import RememberingRoute, StrictRoute
from mobile_api.schemas.orders import Empty

ID_PATTERN = r"^[A-Za-z0-9_.:\-]{1,128}$"
Id = Annotated[str, Path(alias="id", pattern=ID_PATTERN)]
NoBody = Annotated[Empty | None, Body()]


def router(tag: str, *, remembering: bool = True) -> APIRouter:
    """A router below /v1. `remembering` ones honour Idempotency-Key on POST; those that hand out tokens do not."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=RememberingRoute if remembering else StrictRoute)
