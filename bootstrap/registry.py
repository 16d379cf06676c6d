"""The registry process."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings
from bootstrap.system import SystemClock
from contracts.signers import KeystoreSigner
from marketplace.persistence.database import Database
from matchmaking.adapter import CatalogueAdapter
from matchmaking.peer import CatalogueError, PeerCatalogue, PeerIdentity, PeerUser, StoredOffers, load_catalogue, serve

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served: a catalogue file, or with `stored` the database; under which address, signed by which key."""

    catalogue: Path | None = None
    stored: bool = False
    public_url: str | None = None
    keystore: Path | None = None
    keystore_password: str = ""


async def run_registry(settings: Settings, serving: Serving, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until told to stop. Raises ValueError naming a catalogue or a key that cannot be used."""
    password = settings.registry_password.get_secret_value() or registry_password(settings.data_dir)
    signer = None if serving.keystore is None else KeystoreSigner.open(serving.keystore, serving.keystore_password)
    async with AsyncExitStack() as stack:
        await serve(
            await _offers(settings, serving, stack),
            {settings.registry_user: PeerUser(password)},
            clock=SystemClock().now,
            host=host,
            port=port,
            public_url=serving.public_url,
            on_ready=lambda url: log.info("registry at %s", url),
            stop=stop,
            sign=None if signer is None else signer.sign_typed_data,
            signer=None if signer is None else signer.address,
        )


async def _offers(settings: Settings, serving: Serving, stack: AsyncExitStack) -> PeerCatalogue | StoredOffers:
    if serving.stored:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        return StoredOffers(PeerIdentity(), CatalogueAdapter(database.offer_catalogue()))
    path = serving.catalogue or settings.catalogue_dir / "registry.yaml"
    try:
        return load_catalogue(path)
    except CatalogueError as error:
        raise ValueError(f"{path}: {error}") from error
