"""The registry process."""

import asyncio
import logging
from pathlib import Path

from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings
from bootstrap.system import SystemClock
from matchmaking.peer import PeerUser, load_catalogue, serve

log = logging.getLogger(__name__)


async def run_registry(settings: Settings, catalogue: Path | None, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until told to stop. Raises CatalogueError."""
    password = settings.registry_password.get_secret_value() or registry_password(settings.data_dir)
    await serve(
        load_catalogue(catalogue or settings.catalogue_dir / "registry.yaml"),
        {settings.registry_user: PeerUser(password)},
        clock=SystemClock().now,
        host=host,
        port=port,
        on_ready=lambda url: log.info("registry at %s", url),
        stop=stop,
    )
