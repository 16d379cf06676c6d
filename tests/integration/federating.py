"""Marketplaces that federate: each with a data folder, a registry process, and suppliers of its own.

A test that goes further (contracts, settlement) starts a `Marketplace` for each side and reads the other's gateway with
`gateway_to`; nothing else has to be shared.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from matchmaking.efpf.config import GatewayConfig

PATIENCE_LINES = 50
USER = "marketplace"


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One side: its folder, the address of its registry, and the file with the password that opens it."""

    name: str
    folder: Path
    url: str
    password_file: Path


def suppliers(name: str, *items: dict[str, Any]) -> dict[str, Any]:
    """A catalogue file with one supplier."""
    return {"parties": [{"id": f"{name}-supplier", "legalName": f"Supplier of {name}", "items": list(items)}]}


def item(uri: str, label: str, **changes: Any) -> dict[str, Any]:
    """One offer of a catalogue file."""
    return {
        "uri": uri,
        "label": {"en": label},
        "price": {"EUR": "1.20"},
        "deliveryTime": {"Day(s)": 2},
        "classificationUri": ["urn:lso:category:cylinder-base"],
        "doubleValue": {"diameter@mm": [40]},
        **changes,
    }


def command(folder: Path, *arguments: str) -> list[str]:
    """A command of a marketplace."""
    return [sys.executable, "-m", "bootstrap", *arguments, "--data", str(folder)]


def imported(folder: Path, catalogue: dict[str, Any], *options: str) -> str:
    """Say what the suppliers of the marketplace in `folder` offer; what the command printed."""
    folder.mkdir(exist_ok=True)
    file = folder / "offers.yaml"
    file.write_text(yaml.safe_dump(catalogue), encoding="utf-8")
    done = subprocess.run(
        command(folder, "registry", "offers", "import", str(file), *options),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


@contextmanager
def marketplace(name: str, folder: Path, catalogue: dict[str, Any]) -> Iterator[Marketplace]:
    """A marketplace whose registry runs, on a port of its own."""
    imported(folder, catalogue)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "DATABASE_"))}
    serving = subprocess.Popen(
        command(folder, "registry", "--stored", "--port", "0"), stderr=subprocess.PIPE, text=True, env=environment
    )
    assert serving.stderr is not None
    try:
        told = []
        for line in serving.stderr:
            told.append(line)
            found = re.search(r"registry at (http://\S+)", line)
            if found is not None:
                yield Marketplace(name, folder, found[1], folder / "secrets" / "registry")
                return
        raise AssertionError("".join(told))
    finally:
        serving.terminate()
        serving.wait(timeout=60)
        serving.stderr.close()


def gateway_to(other: Marketplace) -> GatewayConfig:
    """How another marketplace asks this one."""
    return GatewayConfig(other.name, other.url, USER, other.password_file.read_text("utf-8"), private=True)
