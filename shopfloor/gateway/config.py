"""What a gateway must be told; `bootstrap` reads it from files and the environment, nothing here does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from shopfloor.gateway.signing import GatewayKey
from shopfloor.protocols.opcua_session import OpcuaSettings

Clock = Callable[[], int]  # milliseconds since 1970, UTC


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits between attempts: full jitter under a ceiling that doubles from `first_s` to `most_s`."""

    first_s: float = 0.5
    most_s: float = 30.0


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One gateway beside one cell.

    `gateway_id` and `secret` are the upload credential; `key` signs evidence and is another secret on purpose.
    `inspection_url` is what pyserial opens, None when there is no station. Times are seconds.
    """

    gateway_id: str
    secret: str = field(repr=False)
    key: GatewayKey
    backend_url: str
    machine: OpcuaSettings
    spool_path: Path
    inspection_url: str | None = None
    inspection_deadline_s: float = 60.0
    batch_wait_s: float = 0.5
    long_poll_s: int = 20
    request_timeout_s: float = 15.0
    records_per_post: int = 1_000
    lost_job_s: float = 10.0  # an accepted job that the machine no longer knows fails after this long
    telemetry: bool = False  # lane t: notes about gaps in the connection to the machine
    allow_plain_http: bool = False
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        """Raises ValueError for what would only fail later."""
        parts = urlsplit(self.backend_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("backend_url: an http or https address is needed")
        if parts.scheme == "http" and not self.allow_plain_http and not _loopback(parts.hostname):
            raise ValueError("backend_url: outside this host https is needed (or allow_plain_http)")
        if not self.gateway_id or ":" in self.gateway_id or not self.secret:
            raise ValueError("gateway_id (without a colon, RFC 7617) and secret are needed")
        if not 0 <= self.long_poll_s <= 25:
            raise ValueError("long_poll_s: 0 to 25")
        if not 0 < self.records_per_post <= 1_000:
            raise ValueError("records_per_post: 1 to 1000")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
