"""Manufacturers invite suppliers; the invited join by a link, without an account."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import invite_supplier, join_by_link
from marketplace.application import sign_in as signing_in
from marketplace.application.invite_supplier import InvitationView
from marketplace.application.join_by_link import NOT_GOOD, Company
from marketplace.domain.errors import Conflict, Finding
from marketplace.domain.parties import Account
from marketplace.ports import activity
from mobile_api import security, tokens
from mobile_api.dependencies import Ctx, Manufacturer, Public
from mobile_api.errors import INVALID, problem
from mobile_api.oauth import issuer_of
from mobile_api.route import StrictRoute
from mobile_api.routers.paths import Id, router
from mobile_api.schemas import invitations as schemas
from mobile_api.services import services

SOONEST_S = 0.25
"""More than looking and writing take, on a machine that is not overloaded."""
NOBODY = "(join)"
"""Under which failures with links are counted: who comes with one has no name."""


class EvenRoute(StrictRoute):
    """A route whose answers come no sooner than after `SOONEST_S`: how long one took says nothing of what it found.

    The wait is behind the commit, so it keeps no turn at the database.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The strict handler, held back."""
        handle = super().get_route_handler()

        async def even(request: Request) -> Response:
            began = time.perf_counter()
            try:
                return await handle(request)
            finally:
                await asyncio.sleep(began + SOONEST_S - time.perf_counter())

        return even


invitations = router("invitations")
joining = APIRouter(prefix="/v1", tags=["invitations"], route_class=EvenRoute)


@invitations.get("/orders/{id}/absent-suppliers", response_model=schemas.AbsentSupplierList)
async def list_absent_suppliers(ctx: Ctx, caller: Manufacturer, order_id: Id) -> dict[str, object]:
    """Who offers something for the order, in registries, and has not joined here."""
    return {"items": await invite_supplier.absent_suppliers(ctx, caller, order_id)}


@invitations.get("/orders/{id}/invitations", response_model=schemas.InvitationList)
async def list_invitations(ctx: Ctx, caller: Manufacturer, order_id: Id) -> dict[str, object]:
    """Who was invited for the order."""
    return {"items": await invite_supplier.invitations(ctx, caller, order_id)}


@invitations.post("/orders/{id}/invitations", status_code=201, response_model=schemas.Invitation)
async def invite(
    request: Request, ctx: Ctx, caller: Manufacturer, order_id: Id, body: schemas.InvitationCreate
) -> InvitationView:
    """Send a link to the contact that the registry names for a supplier. An earlier link for it is taken back."""
    settings = services(request).settings
    if not settings.public_url and not settings.development:
        # A letter of ours must lead to us, whatever a request claims to have been sent to.
        raise Conflict("this marketplace does not know its own address: the operator must set PUBLIC_URL")
    origin = issuer_of(request)
    return await invite_supplier.invite(ctx, caller, order_id, body.registry_party_id, origin=origin)


@invitations.delete("/invitations/{id}", status_code=204)
async def revoke_invitation(
    ctx: Ctx, caller: Manufacturer, invitation_id: Annotated[str, Path(alias="id", pattern=r"^[A-Za-z0-9_]{1,128}$")]
) -> None:
    """Take an invitation back."""
    await invite_supplier.revoke_invitation(ctx, caller, invitation_id)


@joining.post("/join/invitation", response_model=schemas.InvitationSeen, dependencies=[Public])
async def read_invitation(request: Request, ctx: Ctx, body: schemas.LinkBody) -> object:
    """What stands behind a link."""
    _check(request)
    found = await join_by_link.look(ctx, body.link)
    return found or _refused(request)


@joining.post("/join/code", status_code=202, response_model=schemas.CodeAsked, dependencies=[Public])
async def ask_code(request: Request, ctx: Ctx, body: schemas.LinkBody) -> dict[str, object]:
    """Send a code to the contact. The answer is the same for every link."""
    _check(request)
    await join_by_link.ask_code(ctx, body.link)
    return {}


@joining.post("/join", status_code=201, response_model=schemas.Joined, dependencies=[Public])
async def join(request: Request, response: Response, ctx: Ctx, body: schemas.Joining) -> object:
    """Join for the company that was invited: an account, and a token for it."""
    _check(request)
    password_hash = None if body.password is None else await services(request).passwords.hash(body.password)
    company = Company(body.company, body.country, body.vat_id, body.signatory)
    account = await join_by_link.join(ctx, link=body.link, code=body.code, company=company, password_hash=password_hash)
    if account is None:
        return _refused(request)
    response.headers["Cache-Control"] = "no-store"
    return _let_in(request, account, login_free=body.password is None)


def _check(request: Request) -> None:
    """Raises TooManyAttempts."""
    services(request).attempts.check(NOBODY, security.address_of(request))


def _refused(request: Request) -> Response:
    """One answer for whatever is wrong. Given and not raised: what was counted is committed."""
    services(request).attempts.failed(NOBODY, security.address_of(request))
    security.log_failure("Invalid invitation")
    return problem(INVALID.status, INVALID.slug, INVALID.title, str(INVALID.detail), errors=[Finding("code", NOT_GOOD)])


def _let_in(request: Request, account: Account, *, login_free: bool) -> dict[str, object]:
    api = services(request)
    lifetime = timedelta(days=api.settings.token_days)
    token, _ = tokens.issue(
        api.settings,
        subject=account.id,
        role=account.role.value,
        audience=api.settings.audience,
        lifetime=lifetime,
        now=api.ctx.clock.now(),
        scope=tokens.LOGIN_FREE if login_free else "",
    )
    activity.user_id.set(account.id)
    security.log_success(account.id)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "login_free": login_free,
        "account": signing_in.view(account),
    }
