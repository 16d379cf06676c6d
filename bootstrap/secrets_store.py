"""Secrets of the embedded form: made at the first start, kept in files that only their owner can read.

Development only: elsewhere every secret is given from outside and this module is not used.
"""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """Keys of the development chain: three accounts, because three tasks must not share a key."""

    deployer: str
    relayer: str
    arbiter: str
    fee_receiver: str


def once(path: Path, make: Callable[[], str]) -> str:
    """The text in `path`; `make` gives it the first time. Safe where several processes start at once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(make())
        try:
            os.link(draft, path)  # fails where another process was faster: then its text counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("utf-8")


def platform_keys(data_dir: Path) -> PlatformKeys:
    """The keys of this data folder's chain."""

    def make() -> str:
        return json.dumps({name: "0x" + secrets.token_hex(32) for name in PlatformKeys.__dataclass_fields__})

    return PlatformKeys(**json.loads(once(data_dir / "secrets" / "platform-keys.json", make)))


def jwt_secret(data_dir: Path) -> str:
    """The secret that signs sign-in tokens."""
    return once(data_dir / "secrets" / "jwt", lambda: secrets.token_urlsafe(48))


def vapid_private_key(data_dir: Path, make: Callable[[], str]) -> str:
    """The key that signs web pushes."""
    return once(data_dir / "secrets" / "vapid", make)


def registry_password(data_dir: Path) -> str:
    """The password under which we sign in at our own registry peer."""
    return once(data_dir / "secrets" / "registry", lambda: secrets.token_urlsafe(24))
