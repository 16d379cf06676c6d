"""Where a machine has no connection a person reports: shown as such, and never evidence."""

from datetime import UTC, datetime

from marketplace.application.context import Context
from marketplace.application.record_production import Told, tell_order
from marketplace.application.views import JobView, ParameterView, StepsView
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.evidence import EventCode, Source
from marketplace.domain.parties import Account
from marketplace.domain.production import FINAL, Job, advance

REPORTS = {
    "started": EventCode.PRODUCTION_STARTED,
    "step": EventCode.OPERATION_FINISHED,
    "finished": EventCode.PRODUCTION_FINISHED,
    "scrapped": EventCode.PRODUCTION_FAILED,
}
"""What a person may report, and the event code it corresponds to."""

JOBS_SHOWN = 100


async def jobs(ctx: Context, caller: Account) -> tuple[JobView, ...]:
    """The jobs of the caller's organisation, newest first."""
    async with ctx.uow.read() as tx:
        found = await tx.production.jobs_of_organisation(caller.party_id, JOBS_SHOWN)
    return tuple(job_view(job) for job in found)


async def report(ctx: Context, caller: Account, job_id: str, *, kind: str, note: str) -> JobView:
    """Take a person's report.

    Raises NotFound, InvalidInput, Conflict for a job that a machine reports or that has ended.
    """
    code = REPORTS.get(kind)
    if code is None:
        raise InvalidInput("kind", "must be one of " + ", ".join(REPORTS))
    async with ctx.uow.write() as tx:
        job = await tx.production.job(job_id)
        if job is None or job.organisation_id != caller.party_id:
            raise NotFound("job")
        if not job.by_hand:
            raise Conflict("this job is reported by its machine")
        if job.state in FINAL:
            raise Conflict(f"this job has {job.state} already")
        done = job.done + (1 if kind in ("step", "finished") else 0)
        changed = advance(job, code, done=done, of=max(job.of, done))
        told = Told(changed, kind, note, caller.display_name, Source.PERSON)
        await tell_order(ctx, tx, job.agreement_id, [told])
    return job_view(changed)


def job_view(job: Job) -> JobView:
    """The job as people see it."""
    return JobView(
        id=job.id,
        order_id=job.order_id,
        operation=job.operation,
        quantity=job.quantity,
        parameters=tuple(ParameterView(item.id, item.value, item.unit) for item in job.parameters),
        state=job.state,
        by_hand=job.by_hand,
        due=datetime.fromtimestamp(job.due, UTC),
        progress=StepsView(job.done, job.of),
    )
