"""Tokens: ours are read, everything else is refused."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from marketplace.domain.errors import Unauthenticated
from mobile_api import tokens
from mobile_api.keys import Key
from mobile_api.settings import ApiSettings
from tests.mobile_api.asking import ask
from tests.mobile_api.world import SETTINGS, World

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "wycheproof" / "json_web_signature_test.json"

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


async def test_none_of_the_wycheproof_signatures_opens_a_door(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    """Each with its own key in the place of our secret, under the name that it asks for; a public key too: HS256 under
    it is the classical confusion."""
    if not VECTORS.is_file():
        pytest.skip("Wycheproof is not beside this checkout")
    refused, library = 0, {"valid": 0, "invalid": 0}
    for group in json.loads(VECTORS.read_text("utf-8"))["testGroups"]:
        key = key_of(group)
        for vector in group["tests"]:
            jws = vector["jws"] if isinstance(vector["jws"], str) else json.dumps(vector["jws"])
            with suppress(jwt.PyJWTError, ValueError):
                jwt.PyJWS().decode(jws, key, [tokens.ALGORITHM])
                library[vector["result"]] += 1
            if vector["result"] == "invalid":
                with pytest.raises(Unauthenticated):
                    tokens._signed(jws, (Key(name_in(jws), key),), SETTINGS.issuer, SETTINGS.audience)  # type: ignore[arg-type]
                answer = await ask(world.app, "GET", "/v1/me", {"Authorization": f"Bearer {jws}"})
                assert answer.status == 401, vector["tcId"]
                refused += 1
    record_property("refused", refused)
    print(f"{refused} negative vectors refused; of the library alone {library} pass")
    assert refused == 355
    # The control: the keys are the right ones, and a reader less strict than ours is fooled.
    assert min(library.values()) > 0


def name_in(jws: str) -> str:
    """The name of a key in a header, if there is one."""
    with suppress(jwt.PyJWTError, ValueError):
        return str(jwt.get_unverified_header(jws).get("kid"))
    return ""


def key_of(group: Mapping[str, Any]) -> bytes:
    """A group's HMAC key, or its public key as a PEM file has it."""
    jwk = group.get("public") or group["private"]
    jwk = jwk["keys"][0] if "keys" in jwk else jwk
    key = jwt.PyJWK(jwk, algorithm="HS256" if jwk["kty"] == "oct" else None).key
    if isinstance(key, bytes):
        return key
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


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
        {"address_budget": -1},
        {"account_budget": 99},
        {"audience": "gateway"},
    ],
    ids=str,
)
def test_settings_that_switch_a_protection_off_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        ApiSettings(**({"jwt_secret": "x" * 32} | change))  # type: ignore[arg-type]


def test_the_secret_is_not_printed() -> None:
    assert SETTINGS.jwt_secret not in repr(SETTINGS)
