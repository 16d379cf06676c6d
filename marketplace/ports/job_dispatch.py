"""Work for the shop floor."""

from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.production import Job


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """What a gateway needs besides the job to sign evidence for it (EIP-712 domain)."""

    chain_id: int
    factory: str


class JobDispatch(Protocol):
    """Port to the gateways."""

    async def dispatch(self, job: Job, domain: SigningDomain) -> None:
        """Queue the job for its gateway, once: the job's id is the key. It has arrived when its gateway says so."""
        ...
