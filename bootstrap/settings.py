"""The one module that reads the environment (and the clock's neighbour, `system`, the only one that asks it)."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bootstrap.production import refusals
from notifications.mail import MailServer

HERE = Path(__file__).resolve().parent
EXAMPLES = next(folder for folder in (HERE / "examples", HERE.parent / "examples") if folder.exists())
"""A wheel carries the examples inside this package, a checkout beside it."""
DEEPEST = 10_000
"""More confirmations than any chain's forks have ever asked for: a longer wait is a slip of the keyboard."""


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
    database_url: str = Field(default="", repr=False)
    broker_url: str = Field(default="", repr=False)
    chain_url: str = "http://127.0.0.1:8545"
    catalogue_dir: Path = EXAMPLES
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = ""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1",)

    jwt_secret: SecretStr = SecretStr("")
    jwt_secret_also_read: SecretStr = SecretStr("")
    vapid_private_key: SecretStr = SecretStr("")
    push_contact: str = "mailto:operator@example.org"
    push_origins: Annotated[tuple[str, ...], NoDecode] = ()
    fcm_credentials: Path | None = None
    mail_url: str = Field(default="", repr=False)
    mail_from: str = "marketplace@example.org"

    registry_url: str = "http://127.0.0.1:8600"
    registry_user: str = "marketplace"
    registry_password: SecretStr = SecretStr("")
    registries: Path | None = None

    relayer_keystore: Path | None = None
    relayer_password: SecretStr = SecretStr("")
    arbiter: str = ""
    token: str = ""
    fee_bps: int = Field(default=200, ge=0, le=1000)
    confirmations: int | Literal["finalized"] | None = None
    """Blocks over one that make it final; unset, the chain decides: none where play money is, else twelve."""
    block_time_s: float | None = Field(default=None, ge=0.0, le=3_600.0, allow_inf_nan=False)
    """How often a block comes; 0 is a chain that may rest. Unset: 0 on a chain for development, else Ethereum's."""
    chain_witness_url: str = ""

    # A thousand gwei a unit of gas is more than any chain we know has asked for longer than minutes.
    max_fee_gwei: int = Field(default=500, gt=0, le=1_000_000)
    replace_after_s: float = Field(default=60.0, gt=0, le=86_400, allow_inf_nan=False)
    relayer_reserve_gwei: int = Field(default=50_000_000, ge=0, le=10**15)
    """What must be on the relayer's account before a new order is confirmed; 0.05 ether."""

    quote_validity_s: int = Field(default=24 * 3600, gt=0)
    answer_s: int = Field(default=4 * 3600, gt=0)
    answer_share_bps: int = Field(default=2_500, gt=0, lt=10_000)
    """A supplier has at most this share of what is left of the quote to answer."""
    contest_window_s: int = Field(default=24 * 3600, gt=0)
    accept_window_s: int = Field(default=7 * 24 * 3600, gt=0)
    search_retry_s: int = Field(default=10, gt=0)

    # RFC 9106, 4: the second recommended choice. A demonstration takes less; production never under OWASP's least.
    argon2_memory_kib: int = Field(default=65_536, ge=1_024, le=1 << 21)
    argon2_passes: int = Field(default=3, ge=1, le=10)
    address_budget: int = Field(default=60_000, ge=0, le=10**9)
    account_budget: int = Field(default=12_000, ge=0, le=10**9)
    """What one address, and one account, may spend in a minute at one API process; 0 is no limit."""
    start_patience_s: float = Field(default=0.0, ge=0.0, le=60.0, allow_inf_nan=False)
    """How long a starting process waits for the contracts' addresses, which another process is about to write."""

    log_format: Literal["text", "json"] = "text"
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    otel_exporter_otlp_endpoint: str = ""
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0.0, le=1.0, allow_inf_nan=False)
    log_keep_info_days: int = Field(default=30, ge=1, le=36_500)
    log_keep_warn_days: int = Field(default=90, ge=1, le=36_500)
    log_keep_error_days: int = Field(default=365, ge=1, le=36_500)
    log_keep_fatal_days: int = Field(default=3_650, ge=1, le=36_500)

    @field_validator("push_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("relayer_keystore", "fcm_credentials", "registries", "metrics_port", "block_time_s", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("broker_url")
    @classmethod
    def _broker(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("amqp", "amqps") or not parts.hostname):
            raise ValueError("must be an amqp or amqps address")
        return value

    @field_validator("mail_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        if value:
            MailServer.of(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or value.count("/") != 2):
            raise ValueError("must be an http or https address without a path")
        return value

    @field_validator("confirmations", mode="before")
    @classmethod
    def _depth(cls, value: object) -> object:
        if value in (None, "", "finalized"):
            return value or None
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) <= len(str(DEEPEST)) and int(text) <= DEEPEST:
            return int(text)
        raise ValueError(f"must be a whole number from 0 to {DEEPEST}, or finalized")

    @field_validator("chain_url", "chain_witness_url", "registry_url", "otel_exporter_otlp_endpoint")
    @classmethod
    def _address(cls, value: str, field: ValidationInfo) -> str:
        if not value and field.field_name in ("chain_witness_url", "otel_exporter_otlp_endpoint"):
            return value
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
    def log_keep_days(self) -> dict[str, int]:
        """How many days a record of each level is kept in the database."""
        return {
            "INFO": self.log_keep_info_days,
            "WARN": self.log_keep_warn_days,
            "ERROR": self.log_keep_error_days,
            "FATAL": self.log_keep_fatal_days,
        }

    @property
    def address_book(self) -> Path:
        """Where the contracts' addresses are kept."""
        return self.data_dir / "contracts.json"

    @model_validator(mode="after")
    def _fit_for_its_profile(self) -> Self:
        """Secrets have no usable default outside development, and development parts do not start there."""
        if self.development:
            return self
        found = "; ".join(refusals(self))
        if found:
            raise SettingsRefused(f"PROFILE={self.profile} {found}")
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
