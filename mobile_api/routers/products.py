"""Products, their options and indicative prices."""

from marketplace.application import browse_products, configure_product, indicative_quote
from marketplace.application.configuration_views import ConfigurationView
from marketplace.application.quote_views import IndicativeQuote
from marketplace.application.views import ProductView
from mobile_api.dependencies import Anyone, Ctx
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.products import (
    ConfigurationAnswer,
    ConfigurationRequest,
    Product,
    ProductList,
    QuoteAnswer,
    QuoteRequest,
)

products = router("products")


@products.get("/products", response_model=ProductList)
async def list_products(ctx: Ctx, _caller: Anyone) -> dict[str, object]:
    """All products on offer."""
    return {"items": await browse_products.list_products(ctx)}


@products.get("/products/{id}", response_model=Product)
async def read_product(ctx: Ctx, _caller: Anyone, product_id: Id) -> ProductView:
    """A product with its modules and options."""
    return await browse_products.product(ctx, product_id)


@products.post("/products/{id}/configuration", response_model=ConfigurationAnswer)
async def try_configuration(ctx: Ctx, caller: Anyone, product_id: Id, body: ConfigurationRequest) -> ConfigurationView:
    """Whether these values go together and can be made; which rules they break, and the nearest repairs."""
    return await configure_product.try_configuration(ctx, caller, product_id, values=body.configuration)


@products.post("/products/{id}/quotes", response_model=QuoteAnswer)
async def quote_product(ctx: Ctx, caller: Anyone, product_id: Id, body: QuoteRequest) -> IndicativeQuote:
    """What it would cost by that day. Nothing is ordered and nothing is promised."""
    return await indicative_quote.indicative_quote(
        ctx, caller, product_id, configuration=body.configuration, deliver_by=body.deliver_by
    )
