"""Tokens: ours are read, everything else is refused."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from marketplace.domain.errors import Unauthenticated
from mobile_api import tokens
from mobile_api.settings import ApiSettings
from tests.mobile_api.world import SETTINGS

NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
GOOD = {
    "iss": SETTINGS.issuer,
    "aud": SETTINGS.audience,
    "sub": "acc_1",
    "jti": "a-random-name",
    "iat": int(NOW.timestamp()),
    "exp": int((NOW + WEEK).timestamp()),
    "role": "customer",
}


def read(token: str, now: datetime = NOW) -> tokens.Claims:
    return tokens.read(SETTINGS, token, audience=SETTINGS.audience, lifetime=WEEK, now=now)


def encoded(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def token_of(
    claims: Mapping[str, object], header: Mapping[str, object] = tokens.HEADER, secret: str = SETTINGS.jwt_secret
) -> str:
    """A token signed with HMAC-SHA256 whatever its header says."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    signature = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_our_own_token_is_read() -> None:
    token, issued = tokens.issue(
        SETTINGS, subject="acc_1", role="customer", audience=SETTINGS.audience, lifetime=WEEK, now=NOW
    )
    assert read(token) == issued
    assert read(token_of(GOOD)).subject == "acc_1"  # the forger of these tests can make a good one


@pytest.mark.req(5)
def test_a_token_is_good_for_seven_days() -> None:
    token = token_of(GOOD)
    read(token, NOW + WEEK - timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        read(token, NOW + WEEK)


@pytest.mark.parametrize("claim", tokens.CLAIMS)
def test_every_claim_is_required(claim: str) -> None:
    with pytest.raises(Unauthenticated):
        read(token_of({name: value for name, value in GOOD.items() if name != claim}))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1e20},
        {"exp": GOOD["exp"] + 1},  # type: ignore[operator]
        {"exp": str(GOOD["exp"])},
        {"exp": True},
        {"exp": float("nan")},
        {"iat": int(NOW.timestamp()) + 3600, "exp": int(NOW.timestamp()) + 7200},
        {"iat": 0},
        {"aud": "gateway"},
        {"aud": [SETTINGS.audience, "gateway"]},
        {"iss": "somebody"},
        {"sub": 7},
        {"sub": None},
        {"jti": ["x"]},
        {"role": 1},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        read(token_of(GOOD | change))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"},
        {"alg": "HS512", "typ": "JWT"},
        {"alg": "hs256", "typ": "JWT"},
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "JWT", "kid": "../../dev/null"},
        {"alg": "HS256", "typ": "JWT", "crit": ["exp"]},
        {"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "AA"}},
    ],
    ids=str,
)
def test_a_strange_header_is_refused(header: Mapping[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        read(token_of(GOOD, header))


def test_another_key_and_no_signature_are_refused() -> None:
    with pytest.raises(Unauthenticated):
        read(token_of(GOOD, secret="another secret of thirty-two bytes"))
    with pytest.raises(Unauthenticated):
        read(token_of(GOOD).rpartition(".")[0] + ".")
    with pytest.raises(Unauthenticated):
        read(jwt.encode(GOOD, None, algorithm="none"))  # type: ignore[arg-type]


def test_one_token_has_one_spelling() -> None:
    token = token_of(GOOD)
    last = token[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(last) ^ 1]  # 32 bytes leave two bits of the last character unused
    assert base64.urlsafe_b64decode(twin.rpartition(".")[2] + "=") == base64.urlsafe_b64decode(
        token.rpartition(".")[2] + "="
    )
    for spelling in (twin, token + "=", token + "\n", " " + token, token.replace(".", "..", 1), token + ".x"):
        with pytest.raises(Unauthenticated):
            read(spelling)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "x" * 10_000, "é.é.é", "\x00"])
def test_noise_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        read(token)


@pytest.mark.parametrize(
    "change",
    [
        {"jwt_secret": "short"},
        {"token_days": 0},
        {"token_days": 400},
        {"gateway_token_s": 0},
        {"partner_token_s": 86_400},
        {"public_url": "https://shop.example/path"},
        {"public_url": "shop.example"},
        {"max_body_bytes": 0},
        {"audience": "gateway"},
    ],
    ids=str,
)
def test_settings_that_switch_a_protection_off_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        ApiSettings(**({"jwt_secret": "x" * 32} | change))  # type: ignore[arg-type]


def test_the_secret_is_not_printed() -> None:
    assert SETTINGS.jwt_secret not in repr(SETTINGS)
