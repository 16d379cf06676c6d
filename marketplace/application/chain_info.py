"""Where the agreements live, for those who want to look for themselves."""

from marketplace.application.context import Context
from marketplace.application.views import ChainView, TokenView


async def chain_info(ctx: Context) -> ChainView:
    """Chain, factory and settlement token. Raises ChainUnavailable."""
    known = await ctx.chain.parameters()
    token = TokenView(known.token, known.token_decimals, known.token_symbol)
    return ChainView(known.chain_id, known.factory, token, str(known.unit))
