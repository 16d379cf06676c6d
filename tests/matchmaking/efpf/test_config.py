"""What is refused before anything is sent."""

from typing import Any

import pytest

from matchmaking.efpf.config import FederationConfig
from tests.matchmaking.helpers import gateway


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "gateway.example"},
        {"base_url": "https://u:p@gateway.example"},
        {"search_origins": ("nowhere",)},
        {"page_size": 0},
        {"page_size": 101},
        {"gateway_id": ""},
        {"username": ""},
    ],
)
def test_a_gateway_that_cannot_be_asked(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        gateway(**changes)


def test_limits_that_cannot_hold() -> None:
    with pytest.raises(ValueError, match="deadline"):
        FederationConfig((), deadline_s=1, source_deadline_s=2)
    with pytest.raises(ValueError, match="differ"):
        FederationConfig((gateway(), gateway()))


def test_the_bearer_is_for_the_gateway_unless_told_otherwise() -> None:
    own = "https://gateway.example:443"
    assert gateway(search_origins=("https://search.example",)).bearer_origins() == {own}
    assert gateway(token_origins=()).bearer_origins() == frozenset()
    assert not gateway().policy().private
    assert gateway(private=True).policy().private == {own}
