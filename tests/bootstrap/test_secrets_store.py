"""Secrets of the embedded form: made once, whoever starts first, readable by their owner only."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.secrets_store import jwt_secret, once, platform_keys

ROOT = Path(__file__).parents[2]
RACE = """
import secrets, sys, time
from pathlib import Path
from bootstrap.secrets_store import once
def make():
    time.sleep(0.3)  # long enough for the other to be in here too
    return secrets.token_hex(16)
print(once(Path(sys.argv[1]), make))
"""


def test_two_processes_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "jwt"
    command = [sys.executable, "-c", RACE, str(path)]
    racers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert told == {path.read_text()}
    assert [one.name for one in path.parent.iterdir()] == ["jwt"]


def test_a_secret_is_kept_and_private(tmp_path: Path) -> None:
    assert jwt_secret(tmp_path) == jwt_secret(tmp_path)
    assert len(jwt_secret(tmp_path)) >= 32
    assert stat.S_IMODE((tmp_path / "secrets" / "jwt").stat().st_mode) == 0o600


def test_three_tasks_have_three_keys(tmp_path: Path) -> None:
    keys = platform_keys(tmp_path)
    assert keys == platform_keys(tmp_path)
    assert len({keys.deployer, keys.relayer, keys.arbiter, keys.fee_receiver}) == 4
    assert keys != platform_keys(tmp_path / "another")


def test_a_maker_that_fails_leaves_no_secret(tmp_path: Path) -> None:
    def fails() -> str:
        raise RuntimeError("no randomness")

    with pytest.raises(RuntimeError):
        once(tmp_path / "secret", fails)
    assert once(tmp_path / "secret", lambda: "good") == "good"
