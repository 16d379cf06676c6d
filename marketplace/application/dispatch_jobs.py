"""Work begins only after its agreement is open: one ISA-95 job for each operation, sent to its gateway once."""

import json
from dataclasses import dataclass

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
    works = _own_work(ctx, order) if agreement.kind is AgreementKind.DELIVERY else _supplied(order, agreement)
    return [
        Job(
            # The same agreement, operation and revision always give the same id: a repeat is recognised anywhere.
            id=f"{agreement.id[2:14]}-{work.operation}-1",
            order_id=order.id,
            agreement_id=agreement.id,
            organisation_id=agreement.payee_id,
            operation=work.operation,
            quantity=work.quantity,
            parameters=(*work.parameters, _finish_code(last=work is works[-1])),
            spec_hash=agreement.terms.spec_hash,
            gateway=gateway,
            due=agreement.terms.deliver_by,
        )
        for work in works
    ]


@dataclass(frozen=True, slots=True)
class _Work:
    """One operation: how many pieces, and what the machine must know of them."""

    operation: str
    quantity: int
    parameters: tuple[JobParameter, ...] = ()


def _own_work(ctx: Context, order: Order) -> list[_Work]:
    """The manufacturer's operation, with the customer's options."""
    chosen = tuple(JobParameter(name, str(value)) for name, value in order.configuration.items())
    return [_Work(template_of(ctx, order.product_id).own_operation, order.amount, chosen)]


def _supplied(order: Order, agreement: Agreement) -> list[_Work]:
    """A supplier's lines, as it has signed for them: what else the customer wants is not for its machines."""
    if agreement.specification is None:  # agreements of before keep none
        return [_Work(line, order.amount) for line in agreement.lines]
    lines = {line["id"]: line for line in json.loads(agreement.specification)["lines"]}
    return [
        _Work(name, lines[name]["quantity"], tuple(_attribute(*one) for one in lines[name]["attributes"].items()))
        for name in agreement.lines
    ]


def _attribute(name: str, value: str) -> JobParameter:
    """`diameter@mm` is a diameter in mm."""
    quantity, _, unit = name.partition("@")
    return JobParameter(quantity, value, unit)


def _finish_code(*, last: bool) -> JobParameter:
    """Only the last operation of an agreement ends with the code that its milestone names."""
    code = EventCode.PRODUCTION_FINISHED if last else EventCode.OPERATION_FINISHED
    return JobParameter(FINISH_CODE, str(int(code)))
