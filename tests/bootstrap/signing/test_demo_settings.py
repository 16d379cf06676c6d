"""What the demonstration writes for its signers is what a signer takes: with the organisation's own machine pinned."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bootstrap.demo.actors import AMP, MACHINING, Actor
from bootstrap.demo.stage import start_signer
from bootstrap.signing.config import load_config
from contracts.signers import LocalSigner, encrypt_key
from tests.bootstrap.signing.asking import CHAIN, FACTORY, TOKEN

MACHINE = b"\x33" * 32


def test_a_signer_of_the_demonstration_can_read_its_settings(tmp_path: Path) -> None:
    started: list[Any] = []
    book = SimpleNamespace(chain_id=CHAIN, factory=FACTORY, test_euro=TOKEN)
    stage: Any = SimpleNamespace(folder=tmp_path, book=book, api_url="http://127.0.0.1:8000")
    supervisor: Any = SimpleNamespace(start=lambda name, arguments: started.append((name, arguments)))
    home = tmp_path / "gateways" / AMP.name
    home.mkdir(parents=True)
    (home / "evidence-key.json").write_text(json.dumps(encrypt_key(MACHINE, "p", iterations=2)))
    for role in (AMP, MACHINING):
        start_signer(stage, supervisor, Actor(role, None, "p", b"\x44" * 32))  # type: ignore[arg-type]
    configs = [load_config(Path(arguments[2])) for _, arguments in started]
    assert [config.limits.gateway for config in configs] == [LocalSigner(MACHINE).address.lower(), None]
    assert all(config.keystore.exists() for config in configs)
    assert len({config.log for config in configs}) == 2
