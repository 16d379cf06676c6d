"""The one module that reads the environment (and the clock's neighbour, `system`, the only one that asks it)."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent


class Profile(StrEnum):
    """Outside `development` no part that is only good for development may start."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsRefused(ValueError):
    """The settings must not be used as they are; the text says what to change."""


class Settings(BaseSettings):
    """Everything that can be set from outside, with the defaults of the embedded form.

    Names are environment variables in capitals: `DATABASE_URL`, `CHAIN_URL`, `DATA_DIR` …
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    profile: Profile = Profile.DEVELOPMENT
    data_dir: Path = Path(".data")
    database_url: str = ""
    chain_url: str = "http://127.0.0.1:8545"
    catalogue_dir: Path = PROJECT / "examples"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    jwt_secret: SecretStr = SecretStr("")
    vapid_private_key: SecretStr = SecretStr("")
    push_contact: str = "mailto:operator@example.org"
    push_origins: Annotated[tuple[str, ...], NoDecode] = ()
    fcm_credentials: Path | None = None

    registry_url: str = "http://127.0.0.1:8600"
    registry_user: str = "marketplace"
    registry_password: SecretStr = SecretStr("")

    relayer_keystore: Path | None = None
    relayer_password: SecretStr = SecretStr("")
    arbiter: str = ""
    token: str = ""
    fee_bps: int = Field(default=200, ge=0, le=1000)

    quote_validity_s: int = Field(default=24 * 3600, gt=0)
    contest_window_s: int = Field(default=24 * 3600, gt=0)
    accept_window_s: int = Field(default=7 * 24 * 3600, gt=0)
    search_retry_s: int = Field(default=10, gt=0)

    @field_validator("push_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def development(self) -> bool:
        """Whether development parts may be used."""
        return self.profile is Profile.DEVELOPMENT

    @property
    def database(self) -> str:
        """The database's URL; a file in `data_dir` unless set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'marketplace.db'}"

    @property
    def address_book(self) -> Path:
        """Where the contracts' addresses are kept."""
        return self.data_dir / "contracts.json"

    @model_validator(mode="after")
    def _fit_for_its_profile(self) -> Self:
        """Secrets have no usable default outside development, and development parts do not start there."""
        if self.development:
            return self
        missing = [
            name
            for name in ("jwt_secret", "vapid_private_key", "registry_password", "relayer_password")
            if not getattr(self, name).get_secret_value()
        ]
        missing += [name for name in ("relayer_keystore", "arbiter", "token") if not getattr(self, name)]
        if missing:
            names = ", ".join(name.upper() for name in missing)
            raise SettingsRefused(f"PROFILE={self.profile} needs {names}: set them, or use PROFILE=development")
        return self
