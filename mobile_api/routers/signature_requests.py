"""What organisations are asked to sign."""

from typing import Annotated, Literal

from fastapi import Query

from marketplace.application import gather_signatures
from marketplace.application.views import SignatureRequestView
from mobile_api.dependencies import Ctx, Organised
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.orders import CounterBody, ReasonBody, SignatureBody
from mobile_api.schemas.work import SignatureRequest, SignatureRequestList

signature_requests = router("signature requests")

Which = Annotated[Literal["open", "all"], Query(alias="status")]


@signature_requests.get("/signature-requests", response_model=SignatureRequestList)
async def list_signature_requests(ctx: Ctx, caller: Organised, which: Which = "open") -> dict[str, object]:
    """What the caller's organisation is asked to sign."""
    return {"items": await gather_signatures.requests(ctx, caller, open_only=which == "open")}


@signature_requests.post("/signature-requests/{id}/signature", response_model=SignatureRequest)
async def sign_request(ctx: Ctx, caller: Organised, request_id: Id, body: SignatureBody) -> SignatureRequestView:
    """Sign."""
    return await gather_signatures.sign(ctx, caller, request_id, signature=body.signature)


@signature_requests.post("/signature-requests/{id}/decline", response_model=SignatureRequest)
async def decline_request(ctx: Ctx, caller: Organised, request_id: Id, body: ReasonBody) -> SignatureRequestView:
    """Decline: the next supplier is asked."""
    return await gather_signatures.decline(ctx, caller, request_id, reason=body.reason)


@signature_requests.post("/signature-requests/{id}/counter", response_model=SignatureRequest)
async def counter_request(ctx: Ctx, caller: Organised, request_id: Id, body: CounterBody) -> SignatureRequestView:
    """Ask for another price or day. Where the quote leaves room new terms follow; else it counts as declined."""
    return await gather_signatures.counter(
        ctx, caller, request_id, amount_minor=body.amount_minor, deliver_by=body.deliver_by, reason=body.reason
    )
