"""All routers, in the order of the description and of the search for a request's route: the busiest are first."""

from fastapi import APIRouter, FastAPI

from mobile_api.dependencies import require_declared_access
from mobile_api.routers.accounts import accounts, tokens
from mobile_api.routers.chain import chain
from mobile_api.routers.designs import designs
from mobile_api.routers.dev import dev
from mobile_api.routers.disputes import disputes, photos
from mobile_api.routers.floor import floor
from mobile_api.routers.inbox import messages
from mobile_api.routers.invitations import invitations, joining
from mobile_api.routers.live import live
from mobile_api.routers.oauth import clients, grants, metadata
from mobile_api.routers.orders import orders
from mobile_api.routers.products import products
from mobile_api.routers.signature_requests import signature_requests

ALWAYS: tuple[APIRouter, ...] = (
    orders,
    signature_requests,
    floor,
    accounts,
    tokens,
    clients,
    grants,
    metadata,
    chain,
    products,
    designs,
    disputes,
    photos,
    live,
    messages,
    invitations,
    joining,
)


def api_routers(*, development: bool) -> tuple[APIRouter, ...]:
    """Our routers; the last one exists in a development profile only."""
    return (*ALWAYS, dev) if development else ALWAYS


def include(app: FastAPI, *, development: bool) -> None:
    """Add our routes. Raises RuntimeError if one does not say who may use it."""
    for router in api_routers(development=development):
        require_declared_access(router)
        app.include_router(router)
