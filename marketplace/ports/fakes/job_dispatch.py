"""Gateways in memory: what was queued for whom."""

from marketplace.domain.production import Job
from marketplace.ports.job_dispatch import SigningDomain


class FakeJobDispatch:
    """`JobDispatch` that keeps the jobs, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._queued: dict[str, tuple[Job, SigningDomain]] = {}

    def queued(self, gateway: str) -> list[tuple[Job, SigningDomain]]:
        """What the gateway would fetch, oldest first."""
        return [(job, domain) for job, domain in self._queued.values() if job.gateway == gateway]

    async def dispatch(self, job: Job, domain: SigningDomain) -> None:
        """As the port says. A job that people report has no gateway and is left to them."""
        if job.gateway is not None:
            self._queued.setdefault(job.id, (job, domain))
