"""Where the agreements live."""

from marketplace.application import chain_info
from marketplace.application.chain_info import ChainView
from mobile_api.dependencies import Ctx, Public
from mobile_api.routers.paths import router
from mobile_api.schemas.accounts import Chain

chain = router("chain")


@chain.get("/chain", response_model=Chain, dependencies=[Public])
async def read_chain(ctx: Ctx) -> ChainView:
    """Chain, contracts and settlement money: what anybody needs to check an agreement without us."""
    return await chain_info.chain_info(ctx)
