"""What only a development profile offers."""

from marketplace.application import test_funds
from mobile_api.dependencies import Anyone, Ctx
from mobile_api.routers.paths import NoBody, router
from mobile_api.schemas.work import Funds

dev = router("development")


@dev.post("/dev/funds", response_model=Funds)
async def fund_account(ctx: Ctx, caller: Anyone, _body: NoBody = None) -> dict[str, int]:
    """Test money for the caller's signing key."""
    return {"amount_minor": await test_funds.test_funds(ctx, caller)}
