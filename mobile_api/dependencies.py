"""What routes ask for: the context, the caller and the roles they let in. A route that names no access cannot start."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from marketplace.application.context import Context
from marketplace.domain.errors import Forbidden
from marketplace.domain.parties import Account, Role
from mobile_api.security import authenticate
from mobile_api.services import services


class Allow(SecurityBase):
    """A guard: lets callers with one of `roles` in and gives their account.

    What FastAPI tells of it is in `model`; the token itself is read and checked by `security`.
    """

    model = HTTPBearer(bearerFormat="JWT", description="From POST /v1/tokens.")
    scheme_name = "bearer"

    def __init__(self, roles: Iterable[Role]) -> None:
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Account:
        """The caller. Raises Unauthenticated, Forbidden."""
        account = (await authenticate(request)).account
        if account.role not in self.roles:
            raise Forbidden("this is for the role " + " or ".join(sorted(self.roles)))
        return account


async def public() -> None:
    """Says that a route is for everybody, on purpose."""


async def context(request: Request) -> Context:
    """The application's context; for a request that may write, one whose writes are one transaction.

    A coroutine, or each request would wait for a thread to read one attribute.
    """
    own: Context | None = getattr(request.state, "ctx", None)
    return own or services(request).ctx


Ctx = Annotated[Context, Depends(context)]
Public = Depends(public)
Anyone = Annotated[Account, Depends(Allow(Role))]
Customer = Annotated[Account, Depends(Allow([Role.CUSTOMER]))]
Manufacturer = Annotated[Account, Depends(Allow([Role.MANUFACTURER]))]
EitherSide = Annotated[Account, Depends(Allow([Role.CUSTOMER, Role.MANUFACTURER]))]
Deliverer = Annotated[Account, Depends(Allow([Role.MANUFACTURER, Role.CARRIER]))]
Producer = Annotated[Account, Depends(Allow([Role.MANUFACTURER, Role.SUPPLIER]))]
Organised = Annotated[Account, Depends(Allow([Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER]))]


def access_of(route: APIRoute) -> frozenset[Role] | None:
    """The roles a route lets in, all of them for a public one, or None when it says nothing."""
    roles: frozenset[Role] | None = None
    for call in _calls(route.dependant):
        if call is public:
            return frozenset(Role)
        if isinstance(call, Allow):
            roles = call.roles if roles is None else roles & call.roles
    return roles


def is_public(route: APIRoute) -> bool:
    """Whether a route is declared to be for everybody."""
    return any(call is public for call in _calls(route.dependant))


def require_declared_access(router: APIRouter) -> None:
    """Raises RuntimeError for a route that does not say who may use it: the default is that nobody may."""
    for route in router.routes:
        if not isinstance(route, APIRoute) or access_of(route) is None:
            raise RuntimeError(f"{getattr(route, 'path', route)} does not declare its roles: use a guard or Public")


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
