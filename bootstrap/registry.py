"""The registry process."""

import asyncio
import logging
from pathlib import Path

from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings
from bootstrap.system import SystemClock
from matchmaking.peer import CatalogueError, PeerUser, load_catalogue, serve

log = logging.getLogger(__name__)


async def run_registry(settings: Settings, catalogue: Path | None, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until told to stop. Raises ValueError naming a catalogue that cannot be used."""
    password = settings.registry_password.get_secret_value() or registry_password(settings.data_dir)
    path = catalogue or settings.catalogue_dir / "registry.yaml"
    try:
        offers = load_catalogue(path)
    except CatalogueError as error:
        raise ValueError(f"{path}: {error}") from error
    await serve(
        offers,
        {settings.registry_user: PeerUser(password)},
        clock=SystemClock().now,
        host=host,
        port=port,
        on_ready=lambda url: log.info("registry at %s", url),
        stop=stop,
    )
