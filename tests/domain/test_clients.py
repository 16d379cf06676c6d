"""Where an app may be answered, and what a scope is."""

import pytest

from marketplace.domain.clients import SCOPES, ClientKind, Scope, check_redirects, redirect_fits, scope_of
from marketplace.domain.errors import InvalidInput

GOOD = [
    "https://board.example.com/callback",
    "https://board.example.com",
    "https://board.example.com:8443/a/b?c=d&e=%20",
    "https://10.0.0.1/cb",
    "https://[2001:db8::1]/cb",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:51004/cb",
    "http://[::1]:51004/",
    "com.example.app:/callback",
    "com.example.app://callback/x",
    "org.example-2.board:/cb?x=1",
]
BAD = [
    "",
    "/callback",
    "//board.example.com/callback",
    "board.example.com/callback",
    "http://board.example.com/callback",
    "http://localhost/cb",
    "http://localhost:3000/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.2/cb",
    "http://0x7f000001/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:/cb",
    "http://[::1/cb",
    "https://",
    "https:///cb",
    "https://user@board.example.com/cb",
    "https://user:pass@board.example.com/cb",
    "https://board.example.com/cb#fragment",
    "https://board.example.com/cb#",
    "https://board.example.com\\@evil.example/cb",
    "https://board.example.com/c b",
    "https://board.example.com/cb\n",
    "https://boärd.example.com/cb",
    "https://*.example.com/cb",
    "HTTPS://board.example.com/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "myapp:/callback",
    "com.example.app:",
    "com..app:/cb",
    ".com:/cb",
    "1com.example:/cb",
    "Com.Example.App:/cb",
    "com.example.app://user@host/cb",
    "https://board.example.com/" + "x" * 512,
]


@pytest.mark.parametrize("uri", GOOD)
def test_an_app_may_be_answered_here(uri: str) -> None:
    check_redirects(ClientKind.APP, [uri])
    assert redirect_fits(uri, [uri])


@pytest.mark.parametrize("uri", BAD)
def test_and_not_here(uri: str) -> None:
    with pytest.raises(InvalidInput, match=r"^redirect_uris\.0: "):
        check_redirects(ClientKind.APP, [uri])


def test_on_loopback_the_port_is_free_and_nothing_else() -> None:
    registered = ["http://127.0.0.1:8080/cb", "https://board.example.com/cb", "com.example.app:/cb"]
    for uri in ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"):
        assert redirect_fits(uri, registered)
    for uri in (
        "http://127.0.0.1:8080/cb/",
        "http://127.0.0.1:8080/cb?x=1",
        "http://127.0.0.1:8080/CB",
        "http://[::1]:8080/cb",
        "https://127.0.0.1:8080/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://x@127.0.0.1:8080/cb",
        "https://board.example.com:443/cb",
        "https://board.example.com:8443/cb",
        "com.example.app:/cb/",
        "",
    ):
        assert not redirect_fits(uri, registered), uri


def test_a_scope_is_what_was_asked_for_within_what_may_be() -> None:
    for most in SCOPES:
        assert scope_of(None, most) == most
    assert scope_of("write read", "read write") == "read write"
    assert scope_of("read", "read write") == "read"
    for asked, most in [("write", "read"), ("read write", "write"), ("read", "write"), ("admin", "read write")]:
        with pytest.raises(InvalidInput, match=r"^scope: "):
            scope_of(asked, most)
    for asked in ("", " ", "read ", "read  write", "read read", "READ"):
        with pytest.raises(InvalidInput, match=r"^scope: "):
            scope_of(asked, " ".join(Scope))


def test_the_spellings_are_the_scopes() -> None:
    assert all(words == tuple(spelled.split()) for spelled, words in SCOPES.items())


def test_a_partner_is_answered_at_once_and_names_no_address() -> None:
    check_redirects(ClientKind.PARTNER, [])
    with pytest.raises(InvalidInput, match="a partner signs in with its secret"):
        check_redirects(ClientKind.PARTNER, GOOD[:1])


@pytest.mark.parametrize("uris", [[], GOOD[:1] * 2, [f"https://board.example.com/{number}" for number in range(11)]])
def test_an_app_names_one_to_ten_different_addresses(uris: list[str]) -> None:
    with pytest.raises(InvalidInput, match="1 to 10 different"):
        check_redirects(ClientKind.APP, uris)
