"""Where the agreements live, for those who want to look for themselves."""

from dataclasses import dataclass

from marketplace.application.context import Context


@dataclass(frozen=True, slots=True)
class TokenView:
    """The settlement money, as a wallet would ask."""

    address: str
    decimals: int
    symbol: str


@dataclass(frozen=True, slots=True)
class ChainView:
    """Where the agreements live. `unit` is token units in one cent, as text."""

    chain_id: int
    factory: str
    token: TokenView
    unit: str


async def chain_info(ctx: Context) -> ChainView:
    """Chain, factory and settlement token. Raises ChainUnavailable."""
    known = await ctx.chain.parameters()
    token = TokenView(known.token, known.token_decimals, known.token_symbol)
    return ChainView(known.chain_id, known.factory, token, str(known.unit))
