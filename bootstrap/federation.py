"""Which registries are asked: the one of REGISTRY_URL, and those that the file REGISTRIES names beside it."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings, SettingsRefused
from matchmaking.efpf.config import FederationConfig, GatewayConfig

MOST = 100


class _Registry(BaseModel):
    """One entry of the file; `password_file` is looked for beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    url: str
    user: str = Field(min_length=1)
    password_file: Path
    realm: str = "efpf"
    search_origins: tuple[str, ...] = ()
    trusted_signers: tuple[str, ...] = ()


def federation_of(settings: Settings) -> FederationConfig:
    """Everything that is asked for a quote. Raises SettingsRefused."""
    password = settings.registry_password.get_secret_value() or registry_password(settings.data_dir)
    first = GatewayConfig(
        "registry", settings.registry_url, settings.registry_user, password, private=settings.development
    )
    others = [] if settings.registries is None else _listed(settings.registries, settings.development)
    try:
        return FederationConfig((first, *others))
    except ValueError as refused:
        raise SettingsRefused(f"REGISTRIES: {refused}; `registry` is the one of REGISTRY_URL") from refused


def _listed(file: Path, development: bool) -> list[GatewayConfig]:
    try:
        entries = TypeAdapter(list[_Registry]).validate_json(file.read_bytes())
        if len(entries) > MOST:
            raise ValueError(f"at most {MOST} registries")
        return [_gateway(entry, file.parent, development) for entry in entries]
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, ("REGISTRIES", *fault["loc"])))
        raise SettingsRefused(f"{place}: {fault['msg']}") from None
    except (OSError, ValueError) as error:
        raise SettingsRefused(f"REGISTRIES: {error}") from error


def _gateway(entry: _Registry, folder: Path, development: bool) -> GatewayConfig:
    if not development and urlsplit(entry.url).scheme != "https":
        raise ValueError(f"{entry.id} must be asked by https outside development")
    return GatewayConfig(
        entry.id,
        entry.url,
        entry.user,
        (folder / entry.password_file).read_text("utf-8").rstrip("\r\n"),
        realm=entry.realm,
        search_origins=entry.search_origins,
        private=development,
        trusted_signers=entry.trusted_signers,
    )
