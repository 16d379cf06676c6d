"""The one module that reads the environment (and the clock's neighbour, `system`, the only one that asks it)."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

HERE = Path(__file__).resolve().parent
EXAMPLES = next(folder for folder in (HERE / "examples", HERE.parent / "examples") if folder.exists())
"""A wheel carries the examples inside this package, a checkout beside it."""
LEAST_ARGON2_MEMORY_KIB, LEAST_ARGON2_PASSES = 19_456, 2
"""OWASP Password Storage Cheat Sheet: the least Argon2id for one lane."""


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
    catalogue_dir: Path = EXAMPLES
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

    # RFC 9106, 4: the second recommended choice. A demonstration takes less; production never under OWASP's least.
    argon2_memory_kib: int = Field(default=65_536, ge=1_024, le=1 << 21)
    argon2_passes: int = Field(default=3, ge=1, le=10)
    start_patience_s: float = Field(default=0.0, ge=0.0, le=60.0, allow_inf_nan=False)
    """How long a starting process waits for the contracts' addresses, which another process is about to write."""

    @field_validator("push_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("relayer_keystore", "fcm_credentials", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("chain_url", "registry_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https address")
        return value

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
        if self.argon2_memory_kib < LEAST_ARGON2_MEMORY_KIB or self.argon2_passes < LEAST_ARGON2_PASSES:
            least = f"{LEAST_ARGON2_MEMORY_KIB} and {LEAST_ARGON2_PASSES}"
            raise SettingsRefused(
                f"PROFILE={self.profile} needs ARGON2_MEMORY_KIB and ARGON2_PASSES of at least {least}"
            )
        return self


def load_settings(**given: object) -> Settings:
    """Settings from the environment, `given` before it. Raises SettingsRefused: one line, values are never repeated."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsRefused("; ".join(_in_words(dict(one)) for one in error.errors(include_input=False))) from None


def _in_words(error: dict[str, Any]) -> str:
    refused = error.get("ctx", {}).get("error")
    if isinstance(refused, SettingsRefused):
        return str(refused)
    name = "_".join(str(part) for part in error["loc"]).upper()
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"
