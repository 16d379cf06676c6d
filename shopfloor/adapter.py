"""The marketplace's `JobDispatch` port: a job becomes a row that its gateway fetches."""

from marketplace.domain.production import Job
from marketplace.ports.job_dispatch import SigningDomain
from marketplace.ports.stores import GatewayCommandStore


class JobDispatchAdapter:
    """Queues jobs as `start` commands. The job's id is the key, so a repeat queues nothing."""

    def __init__(self, commands: GatewayCommandStore) -> None:
        self._commands = commands

    async def dispatch(self, job: Job, domain: SigningDomain) -> None:
        """As the port says."""
        if job.gateway is None:
            return
        body = {
            "job_id": job.id,
            "order_id": job.order_id,
            "agreement": job.agreement_id,
            "spec": job.spec_hash,
            "operation": job.operation,
            "quantity": job.quantity,
            "parameters": [{"id": item.id, "value": item.value, "unit": item.unit} for item in job.parameters],
            "chain_id": domain.chain_id,
            "factory": domain.factory.lower(),
        }
        await self._commands.append(job.gateway, f"start:{job.id}", "start", body)
