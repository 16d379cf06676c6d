"""The peer's bearers: what is in them, and every way to be refused."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from matchmaking.peer.principals import BearerRefused, PeerUser, Principal, sign_in
from matchmaking.peer.tokens import TokenIssuer
from tests.matchmaking.helpers import NOW, Clock, signing_key

REALM = "http://peer.example/auth/realms/efpf"
WHO = Principal("lso", "lso-party", frozenset({"efpf_basic"}))


def issuer(clock: Clock | None = None, **changes: Any) -> TokenIssuer:
    settings: dict[str, Any] = {
        "realm_url": REALM,
        "audience": "efpf-sr",
        "clock": clock or Clock(),
        "key": signing_key(),
    } | changes
    return TokenIssuer(**settings)


def forged(claims: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
    good = {
        "iss": REALM,
        "aud": "efpf-sr",
        "sub": "lso",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 300,
        "realm_access": {"roles": ["efpf_basic"]},
    }
    return jwt.encode(good | claims, signing_key() if key is None else key, algorithm=algorithm)


def test_a_token_says_who_and_with_which_roles() -> None:
    tokens = issuer()
    bearer = tokens.issue(WHO)
    assert tokens.verify(bearer) == WHO
    claims = jwt.decode(bearer, options={"verify_signature": False})
    assert claims["iss"] == REALM
    assert claims["aud"] == "efpf-sr"  # one text, as LinkSmart's validator wants it
    assert claims["realm_access"]["roles"] == claims["resource_access"]["account"]["roles"] == ["efpf_basic"]
    assert claims["exp"] - claims["iat"] == 300


def test_anybody_can_check_a_token_with_the_published_keys() -> None:
    now = datetime.now(UTC)
    tokens = issuer(Clock(now))
    bearer = tokens.issue(WHO)
    der = serialization.load_der_public_key(base64.b64decode(tokens.public_key))
    assert isinstance(der, rsa.RSAPublicKey)
    (jwk,) = jwt.PyJWKSet.from_json(json.dumps(tokens.jwks())).keys
    assert jwk.key_id == jwt.get_unverified_header(bearer)["kid"]
    for key in (der, jwk.key):
        assert jwt.decode(bearer, key, algorithms=["RS256"], audience="efpf-sr", issuer=REALM)["sub"] == "lso"


def test_a_token_ends_when_it_says() -> None:
    clock = Clock()
    tokens = issuer(clock)
    bearer = tokens.issue(WHO)
    clock.forward(seconds=299)
    tokens.verify(bearer)
    clock.forward(seconds=1)
    with pytest.raises(BearerRefused):
        tokens.verify(bearer)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://other.example"},
        {"aud": "other"},
        {"aud": ["efpf-sr"]},
        {"iat": int(NOW.timestamp()) + 3600, "exp": int(NOW.timestamp()) + 7200},
        {"exp": int(NOW.timestamp())},
        {"exp": "never"},
        {"exp": True},
        {"sub": ""},
        {"realm_access": None},
        {"realm_access": {"roles": ["r"] * 200}},
        {"realm_access": {"roles": [1]}},
        {"lso_party": 7},
    ],
)
def test_wrong_claims_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(BearerRefused):
        issuer().verify(forged(claims))


def test_right_claims_are_taken() -> None:
    """The negative control of the forgeries: the same door opens for what is right."""
    assert issuer().verify(forged({})).user == "lso"


def test_other_keys_and_algorithms_are_refused() -> None:
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    bearers = [
        forged({}, other),
        forged({}, "a secret that is long enough for HS256", "HS256"),
        jwt.encode({"sub": "lso"}, "", algorithm="none"),
        forged({})[:-4] + "AAAA",
        "a.b.c",
        "",
        "ä.ö.ü",
        "a" * 10_000,
        forged({}) + "\n",
    ]
    for bearer in bearers:
        with pytest.raises(BearerRefused):
            issuer().verify(bearer)


def test_the_public_key_is_no_secret_for_another_algorithm() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    body = forged({}).split(".")[1]
    pem = (
        signing_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    mac = hmac.new(pem, f"{header}.{body}".encode(), hashlib.sha256).digest()
    with pytest.raises(BearerRefused):
        issuer().verify(f"{header}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def test_sign_in() -> None:
    users = {"lso": PeerUser("pw", "p"), "blank": PeerUser("")}
    assert sign_in(users, "lso", "pw") == Principal("lso", "p", frozenset({"efpf_basic"}))
    for name, password in [("lso", "PW"), ("lso", ""), ("LSO", "pw"), ("", ""), ("blank", ""), ("lso", "\ud800")]:
        assert sign_in(users, name, password) is None
    assert "pw" not in repr(users["lso"])


def test_a_token_must_live() -> None:
    with pytest.raises(ValueError, match="second"):
        issuer(life=timedelta(0))
