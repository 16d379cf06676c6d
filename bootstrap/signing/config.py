"""The settings file of `lotsizeone signer`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator

from bootstrap.signing.limits import Limits, Strict
from contracts.verification.strict_json import parse

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Text = Annotated[str, Field(min_length=1)]


class SignerConfig(Strict):
    """Where to ask, who we are, what we sign with, how far that goes, and what becomes of what is `outside` of it.

    `node_url` is an Ethereum node of the organisation's choice: it says which agreements are still to be delivered.
    `leave` leaves it to a person until its deadline, `decline` says no at once, with the reason. `keystore` and `log`
    are relative to the file's folder; without a `log` it lies beside the file, under its name.
    """

    api_url: Text
    node_url: Text | None = None
    email: Text
    password: SecretStr
    keystore: Path
    keystore_password: SecretStr
    log: Path
    outside: Literal["leave", "decline"] = "leave"
    limits: Limits

    @field_validator("api_url", "node_url")
    @classmethod
    def _reachable_in_secret(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https address")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("outside this host https is needed: nobody may read or change what is said there")
        return value


def load_config(path: Path) -> SignerConfig:
    """Read the file. Raises ValueError naming it and each member that is wrong; no value is repeated."""
    try:
        raw = parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path} must hold a JSON object")
    try:
        # As JSON, so that a list may be a tuple and a text a path, and nothing else anything else.
        config = SignerConfig.model_validate_json(json.dumps({"log": f"{path.stem}.log.jsonl"} | raw))
    except ValidationError as error:
        told = "; ".join(_in_words(dict(one)) for one in error.errors(include_input=False, include_url=False))
        raise ValueError(f"{path} is not a signer's configuration: {told}") from None
    placed = {name: path.parent / getattr(config, name) for name in ("keystore", "log")}
    return config.model_copy(update=placed)


def _in_words(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    words = {"missing": "is missing", "extra_forbidden": "is no setting"}
    return f"{name} {words[error['type']]}" if error["type"] in words else f"{name}: {_plain(error['msg'])}"


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")
