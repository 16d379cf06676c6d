"""A client that only asks loads no web framework."""

import subprocess
import sys

import pytest

SERVER_SIDE = ("fastapi", "starlette", "uvicorn", "yaml", "jwt", "numpy", "scipy")
CLIENT = ("matchmaking.efpf.client", "matchmaking.selection", "matchmaking.selection.document")


def loaded_by(*modules: str) -> set[str]:
    program = f"import sys, {', '.join(modules)}; print(*sorted(m for m in {SERVER_SIDE!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", CLIENT)
def test_the_client_is_light(module: str) -> None:
    assert loaded_by(module) == set()


def test_the_check_can_fail() -> None:
    assert "starlette" in loaded_by("matchmaking.peer")
    assert "scipy" in loaded_by("matchmaking.selection.solver")
