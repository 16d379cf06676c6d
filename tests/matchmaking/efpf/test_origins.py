"""Which addresses may be called: the allow-list of origins, then every address behind the name."""

import pytest

from matchmaking.efpf.errors import AddressRefused, OriginRefused, SourceUnreachable
from matchmaking.efpf.origins import OriginPolicy, address_is_fit, judged_address, origin_of

POLICY = OriginPolicy(allowed=frozenset({"https://gateway.example:443"}), private=frozenset({"http://127.0.0.1:8080"}))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Gateway.example/apis", "https://gateway.example:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:9/x", "http://[::1]:9"),
    ],
)
def test_an_origin_names_its_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://good\\@127.0.0.1/",
        "https://user@gateway.example/",
        "https://user:pw@gateway.example/",
        "ftp://gateway.example/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://gateway.example:0/",
        "https://gateway.example:99999/",
        "https://gateway.example/\r\nX: y",
        "https://gateway.exämple/",
        "https://gateway.example/" + "a" * 2_000,
        "//gateway.example/",
        "",
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)
    with pytest.raises(OriginRefused):
        POLICY.admit("s", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://gateway.example.evil.example/",
        "https://gateway.example:8443/",
        "http://gateway.example/",  # plain http is for private origins
        "http://127.0.0.1:8081/",
        "http://localhost:8080/",
        "https://127.0.0.1:8080/",
    ],
)
def test_an_origin_off_the_list_is_refused(url: str) -> None:
    with pytest.raises(OriginRefused):
        POLICY.admit("s", url)


def test_listed_origins_are_admitted() -> None:
    assert not POLICY.admit("s", "https://gateway.example/apis/sr").private
    assert POLICY.admit("s", "http://127.0.0.1:8080/apis/sr").private


@pytest.mark.parametrize(
    ("address", "publicly", "privately"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("172.16.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("169.254.169.254", False, False),  # cloud metadata, even for private origins
        ("0.0.0.0", False, False),
        ("100.64.0.1", False, False),
        ("224.0.0.1", False, False),  # ipaddress calls multicast global
        ("255.255.255.255", False, False),
        ("fe80::1", False, False),
        ("ff02::1", False, False),
        ("fec0::1", False, False),  # ipaddress calls it global
        ("64:ff9b::7f00:1", False, False),  # NAT64 of 127.0.0.1; ipaddress calls it global
        ("2002:7f00:1::", False, False),  # 6to4 of 127.0.0.1; ipaddress calls it global
        ("2001::1", False, False),  # Teredo
        ("::127.0.0.1", False, False),  # ipaddress calls it global
        ("::ffff:127.0.0.1", False, False),
        ("::", False, False),
        ("127.1", False, False),  # resolvers would read it, we do not
        ("not an address", False, False),
    ],
)
def test_the_table_of_addresses(address: str, publicly: bool, privately: bool) -> None:
    assert address_is_fit(address, private=False) is publicly
    assert address_is_fit(address, private=True) is privately


async def test_one_unfit_address_spoils_a_name() -> None:
    async def mixed(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    target = POLICY.admit("s", "https://gateway.example/")
    with pytest.raises(AddressRefused):
        await judged_address("s", target, mixed)


@pytest.mark.parametrize("fault", [OSError("no such name"), UnicodeError("label too long"), None])
async def test_a_name_nobody_knows_is_unreachable(fault: Exception | None) -> None:
    async def nothing(_host: str, _port: int) -> list[str]:
        if fault is not None:
            raise fault
        return []

    with pytest.raises(SourceUnreachable):
        await judged_address("s", POLICY.admit("s", "https://gateway.example/"), nothing)
