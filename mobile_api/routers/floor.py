"""The shop floor: jobs, gateways and the rule that accepts orders."""

from marketplace.application import acceptance_rule, report_by_hand
from marketplace.application import register_gateway as registering
from marketplace.application.views import GatewayView, JobView
from marketplace.domain.acceptance import AcceptanceRule
from mobile_api import security
from mobile_api.conditional import unless_changed
from mobile_api.dependencies import Ctx, Manufacturer, Producer
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.work import Gateway, GatewayCreate, Job, JobList, JobReport, Rule, RuleAnswer

floor = router("shop floor")


@floor.get("/jobs", response_model=JobList)
async def list_jobs(ctx: Ctx, caller: Producer) -> dict[str, object]:
    """The jobs of the caller's organisation."""
    return {"items": await report_by_hand.jobs(ctx, caller)}


@floor.post("/jobs/{id}/reports", response_model=Job)
async def report_job(ctx: Ctx, caller: Producer, job_id: Id, body: JobReport) -> JobView:
    """Report by hand. It is shown as reported by a person, and releases no money."""
    return await report_by_hand.report(ctx, caller, job_id, kind=body.kind, note=body.note)


@floor.post("/gateways", status_code=201, response_model=Gateway, tags=["gateways"])
async def register_gateway(ctx: Ctx, caller: Producer, body: GatewayCreate) -> GatewayView:
    """Register a gateway. Its secret is in this answer and nowhere else."""
    secret = security.new_secret()
    return await registering.register_gateway(
        ctx,
        caller,
        name=body.name,
        address=body.address,
        secret=secret,
        secret_hash=security.hash_secret(secret),
    )


@floor.get("/manufacturer/rule", response_model=RuleAnswer)
async def read_rule(ctx: Ctx, caller: Manufacturer) -> AcceptanceRule:
    """When orders are accepted without a person looking at them."""
    return await acceptance_rule.rule(ctx, caller)


@floor.put("/manufacturer/rule", response_model=RuleAnswer, dependencies=[unless_changed(floor, read_rule)])
async def replace_rule(ctx: Ctx, caller: Manufacturer, body: Rule) -> AcceptanceRule:
    """Replace the rule, for orders placed from now on."""
    rule = AcceptanceRule(
        accept_automatically=body.accept_automatically,
        max_total_minor=body.max_total_minor,
        min_days=body.min_days,
        min_margin_bps=body.min_margin_bps,
        most_open_orders=body.most_open_orders,
        products=tuple(body.products),
        blocked_customers=tuple(body.blocked_customers),
        known_customers_only=body.known_customers_only,
    )
    return await acceptance_rule.set_rule(ctx, caller, rule)
