"""JSONTestSuite's bodies through the parser of each step: a typed error or a good answer, never anything else."""

from collections.abc import Callable

import pytest

from matchmaking.efpf.errors import MalformedAnswer
from matchmaking.efpf.federated_search import parse_search_page
from matchmaking.efpf.gateway_auth import parse_token
from matchmaking.efpf.item_mapping import Reader
from matchmaking.efpf.service_registry import parse_catalogue_page
from matchmaking.efpf.transport import Answer
from tests.matchmaking.helpers import PROJECT

SUITE = PROJECT.parent / "shared" / "data" / "jsontestsuite"
BODIES = sorted(SUITE.glob("*.json")) if SUITE.is_dir() else []

STEPS: dict[str, Callable[[Answer], object]] = {
    "token": lambda answer: parse_token("s", answer),
    "catalogue": lambda answer: parse_catalogue_page("s", answer),
    "search": lambda answer: parse_search_page("s", answer, Reader("s")),
}
# Where a step lets a stranger's value in: the whole body, or a value inside an envelope that is fine.
FRAMES: dict[str, tuple[bytes, bytes]] = {
    "bare": (b"", b""),
    "service": (b'{"services":[', b'],"total":1}'),
    "meta": (b'{"services":[{"id":"a","type":"b","ttl":', b'}],"total":1}'),
    "item": (b'{"totalElements":1,"result":[', b"]}"),
    "price": (b'{"totalElements":1,"result":[{"uri":"a","price":{"EUR":', b"}}]}"),
    "label": (b'{"totalElements":1,"result":[{"uri":"a","label":{"en":', b"}}]}"),
    "token": (b'{"expires_in":300,"token_type":"Bearer","access_token":', b"}"),
    "life": (b'{"access_token":"t","token_type":"Bearer","expires_in":', b"}"),
}


def parse(step: str, body: bytes) -> object:
    """The parsed answer, or the typed error; anything else fails the test."""
    try:
        return STEPS[step](Answer(200, "application/json", body))
    except MalformedAnswer as error:
        return error


@pytest.mark.skipif(not BODIES, reason="the JSONTestSuite data set is not beside this checkout")
@pytest.mark.parametrize("step", STEPS)
def test_no_body_of_the_suite_is_unhandled(step: str) -> None:
    assert len(BODIES) >= 318
    refused = 0
    for path in BODIES:
        body = path.read_bytes()
        for before, after in FRAMES.values():
            refused += isinstance(parse(step, before + body + after), MalformedAnswer)
    assert refused > len(BODIES)  # the suite bites: most of it is refused


@pytest.mark.skipif(not BODIES, reason="the JSONTestSuite data set is not beside this checkout")
def test_what_is_not_json_is_never_taken() -> None:
    taken = [
        path.name
        for path in BODIES
        if path.name.startswith("n_")
        and not isinstance(parse("search", b'{"result":[' + path.read_bytes() + b"]}"), MalformedAnswer)
    ]
    # Some bodies become JSON by the frame around them: an empty file is an empty list, `1,2` two items.
    assert len(taken) < 10, taken


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"result":' * 100_000,
        b'{"result":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"result":[' + b"9" * 10_000 + b"]}",
        b'{"result":["\\ud800"]}',
        b'{"result":["\xff"]}',
        b"\xef\xbb\xbf{}",
        b'{"result":[]}'.decode().encode("utf-16"),
        b"",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_known_bombs_are_malformed(body: bytes) -> None:
    for step in STEPS:
        assert isinstance(parse(step, body), MalformedAnswer)


def test_a_good_body_is_taken() -> None:
    """The negative control: the same door opens for what is right."""
    body = b'{"access_token":"t","expires_in":300,"token_type":"Bearer"}'
    assert not isinstance(parse("token", body), MalformedAnswer)
