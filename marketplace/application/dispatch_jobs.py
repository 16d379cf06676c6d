"""Work begins only after its agreement is open: one ISA-95 job for each operation, sent to its gateway once."""

from marketplace.application.browse_products import template_of
from marketplace.application.context import Context
from marketplace.domain.agreement import ZERO_ADDRESS, Agreement, AgreementKind
from marketplace.domain.evidence import EventCode
from marketplace.domain.order import Order
from marketplace.domain.production import Job, JobParameter
from marketplace.ports.job_dispatch import SigningDomain

FINISH_CODE = "finish_code"
"""The job parameter that names the event code to sign when the operation ends."""


async def dispatch_jobs(ctx: Context, order_id: str, agreement_id: str) -> None:
    """Make the jobs of an agreement and hand them over. Raises ChainUnavailable."""
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        agreement = await tx.agreements.get(agreement_id)
        jobs = await tx.production.jobs_of_agreement(agreement_id)
        gateway = await tx.parties.gateway_by_address(agreement.terms.attestor) if agreement else None
    if order is None or agreement is None:
        return
    if not jobs:
        attended = agreement.terms.attestor != ZERO_ADDRESS and gateway is not None
        jobs = _jobs(ctx, order, agreement, gateway.id if attended and gateway else None)
        async with ctx.uow.write() as tx:
            for job in jobs:
                await tx.production.add_job(job)
    known = await ctx.chain.parameters()
    for job in jobs:
        if job.gateway is not None:
            await ctx.dispatch.dispatch(job, SigningDomain(known.chain_id, known.factory))


def _jobs(ctx: Context, order: Order, agreement: Agreement, gateway: str | None) -> list[Job]:
    template = template_of(ctx, order.product_id)
    operations = [template.own_operation] if agreement.kind is AgreementKind.DELIVERY else list(agreement.lines)
    return [
        Job(
            # The same agreement, operation and revision always give the same id: a repeat is recognised anywhere.
            id=f"{agreement.id[2:14]}-{operation}-1",
            order_id=order.id,
            agreement_id=agreement.id,
            organisation_id=agreement.payee_id,
            operation=operation,
            quantity=order.amount,
            parameters=_parameters(order, last=operation == operations[-1]),
            spec_hash=agreement.terms.spec_hash,
            gateway=gateway,
            due=agreement.terms.deliver_by,
        )
        for operation in operations
    ]


def _parameters(order: Order, *, last: bool) -> tuple[JobParameter, ...]:
    """The customer's options. Only the last operation of an agreement ends with the code that its milestone names."""
    code = EventCode.PRODUCTION_FINISHED if last else EventCode.OPERATION_FINISHED
    chosen = [JobParameter(name, str(value)) for name, value in order.configuration.items()]
    return (*chosen, JobParameter(FINISH_CODE, str(int(code))))
