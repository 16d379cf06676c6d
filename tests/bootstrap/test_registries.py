"""Which registries are asked: one by settings, others by a file that is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.federation import federation_of
from bootstrap.settings import Settings, SettingsRefused

ENTRY = {"id": "south", "url": "https://south.example", "user": "north", "password_file": "south.txt"}


def settings(folder: Path, *entries: Any, text: str | None = None) -> Settings:
    (folder / "south.txt").write_text("secret\n")
    (folder / "registries.json").write_text(json.dumps(entries) if text is None else text)
    return Settings(data_dir=folder, registries=folder / "registries.json")


def test_the_file_names_others_beside_our_own(tmp_path: Path) -> None:
    signer = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"
    own, south = federation_of(settings(tmp_path, {**ENTRY, "trusted_signers": [signer]})).gateways
    assert own.gateway_id == "registry"
    assert (south.gateway_id, south.username, south.password) == ("south", "north", "secret")
    assert south.trusted_signers == (signer,)
    assert len(federation_of(Settings(data_dir=tmp_path)).gateways) == 1


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{**ENTRY, "id": "registry"}], "differ"),
        ([ENTRY, ENTRY], "differ"),
        ([{**ENTRY, "password": "x"}], "password"),
        ([{**ENTRY, "url": "ftp://south.example"}], "http"),
        ([{**ENTRY, "url": "https://me@south.example"}], "user name"),
        ([{**ENTRY, "password_file": "nowhere.txt"}], "nowhere"),
        ([{"id": "south"}], "url"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, entries: list[Any], words: str) -> None:
    with pytest.raises(SettingsRefused, match=f"REGISTRIES.*{words}"):
        federation_of(settings(tmp_path, *entries))


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, "[1]"])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsRefused, match="REGISTRIES"):
        federation_of(settings(tmp_path, text=text))
