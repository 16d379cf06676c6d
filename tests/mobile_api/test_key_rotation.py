"""Another secret takes the place of the one that signs: nobody is signed out, and no answer is given twice or lost."""

import base64
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import jwt
import pytest

from marketplace.domain.errors import Unauthenticated
from mobile_api import tokens
from mobile_api.keys import key_of
from mobile_api.settings import GATEWAY_AUDIENCE, ApiSettings
from tests.mobile_api.knocking import GATEWAYS, PEOPLES, SIGN_OUT, opened, with_gateways
from tests.mobile_api.test_idempotency import post
from tests.mobile_api.test_signed_out import gateway_of, partner_of
from tests.mobile_api.test_tokens import GOOD, NOW, WEEK, token_of
from tests.mobile_api.world import SETTINGS, World, open_world

OLD, NEW = SETTINGS.jwt_secret, "the next secret of the tests, long enough too"
BEFORE = SETTINGS
READY = replace(SETTINGS, jwt_secret_also_read=NEW)
TURNED = replace(SETTINGS, jwt_secret=NEW, jwt_secret_also_read=OLD)
AFTER = replace(SETTINGS, jwt_secret=NEW)
STEPS = (BEFORE, READY, TURNED, AFTER)
"""What an operator sets, one after the other; processes of two neighbouring steps run side by side."""
STAYING = PEOPLES - {SIGN_OUT}


def issued(settings: ApiSettings) -> str:
    """A token of a process with these settings."""
    token, _ = tokens.issue(
        settings, subject="acc_1", role="customer", audience=SETTINGS.audience, lifetime=WEEK, now=NOW
    )
    return token


def is_read(settings: ApiSettings, token: str) -> bool:
    """Whether a process with these settings takes the token for one of ours."""
    try:
        tokens.read(settings, token, audience=SETTINGS.audience, lifetime=WEEK, now=NOW)
    except Unauthenticated:
        return False
    return True


def test_each_step_reads_what_the_steps_beside_it_sign() -> None:
    read_by = [[is_read(reader, issued(signer)) for reader in STEPS] for signer in STEPS]
    assert read_by == [
        [True, True, True, False],
        [True, True, True, False],
        [False, True, True, True],
        [False, True, True, True],
    ]


def test_what_is_read_too_never_signs() -> None:
    named = [jwt.get_unverified_header(issued(settings)) for settings in STEPS]
    assert [header["kid"] for header in named] == [key_of(secret).kid for secret in (OLD, OLD, NEW, NEW)]
    assert all(header == tokens.HEADER | {"kid": header["kid"]} for header in named)


def test_a_name_is_always_the_same_and_is_no_part_of_the_secret() -> None:
    """Another way to make names would sign everybody out: worked out here once more, from RFC 2104."""
    digest = hmac.new(OLD.encode(), b"lotsizeone name of a key", "sha256").hexdigest()
    assert key_of(OLD).kid == digest[:16] == "cf66b71d96e71382"
    assert key_of(OLD).kid not in OLD
    assert OLD not in repr(key_of(OLD))
    assert OLD not in repr(TURNED)
    assert NEW not in repr(TURNED)


def headed(header: object, secret: str = OLD) -> str:
    """A token with good claims and this header."""
    return token_of(GOOD, header, secret)  # type: ignore[arg-type]


MINE, ALSO = key_of(OLD).kid, key_of(NEW).kid


@pytest.mark.parametrize(
    "kid",
    [
        "../../dev/null",
        "/proc/self/environ",
        "' OR 1=1 --",
        "x' UNION SELECT 'key",
        "| true",
        "https://keys.example/1",
        "",
        " ",
        "0" * 16,
        "a" * 3_000,
        MINE.upper(),
        MINE[:15],
        MINE + "0",
        MINE + "\x00",
        f" {MINE}",
        f"{MINE},{ALSO}",
        OLD,
        7,
        0,
        1.0,
        True,
        None,
        [MINE],
        {"kid": MINE},
    ],
    ids=lambda kid: ascii(kid)[:40],
)
def test_a_name_that_is_not_ours_is_refused_whoever_signed(kid: object) -> None:
    for secret in (OLD, NEW):
        assert not is_read(READY, headed(tokens.HEADER | {"kid": kid}, secret))


def test_a_name_and_its_secret_belong_together() -> None:
    for kid, secret, good in ((MINE, OLD, True), (ALSO, NEW, True), (MINE, NEW, False), (ALSO, OLD, False)):
        token = headed(tokens.HEADER | {"kid": kid}, secret)
        assert is_read(READY, token) == is_read(TURNED, token) == good
    for kid in (MINE, ALSO):
        # The public name as the secret, and nothing as the secret.
        for secret in (kid, ""):
            assert not is_read(READY, headed(tokens.HEADER | {"kid": kid}, secret))
        assert not is_read(READY, jwt.encode(GOOD, None, algorithm="none", headers={"kid": kid}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more",
    [{"jku": "https://keys.example"}, {"x5u": "https://keys.example"}, {"crit": ["kid"]}, {"alg": "HS512"}],
    ids=str,
)
def test_a_good_name_excuses_nothing(more: dict[str, object]) -> None:
    assert is_read(READY, headed(tokens.HEADER | {"kid": MINE}))
    assert not is_read(READY, headed(tokens.HEADER | {"kid": MINE} | more))


def test_a_name_that_comes_twice_opens_nothing_that_its_secret_does_not() -> None:
    header = f'{{"alg":"HS256","typ":"JWT","kid":"x","kid":"{MINE}"}}'.encode()
    signed = f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{token_of(GOOD).split('.')[1]}"
    forged = hmac.digest(NEW.encode(), signed.encode(), "sha256")
    assert not is_read(READY, f"{signed}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}")


def test_tokens_from_before_keys_had_names_are_good_until_they_end() -> None:
    token = token_of(GOOD)
    for settings in (BEFORE, READY, TURNED):
        assert is_read(settings, token)
        for now, good in ((NOW + WEEK - timedelta(seconds=1), True), (NOW + WEEK, False)):
            if good:
                tokens.read(settings, token, audience=SETTINGS.audience, lifetime=WEEK, now=now)
            else:
                with pytest.raises(Unauthenticated, match="expired"):
                    tokens.read(settings, token, audience=SETTINGS.audience, lifetime=WEEK, now=now)
    assert not is_read(AFTER, token)
    assert not is_read(READY, token_of(GOOD, secret="a third secret of thirty-two bytes"))


def test_a_gateways_token_is_read_too() -> None:
    token, claims = tokens.issue(
        BEFORE, subject="gw_1", role="gateway", audience=GATEWAY_AUDIENCE, lifetime=timedelta(minutes=15), now=NOW
    )
    for settings in (BEFORE, READY, TURNED):
        found = tokens.read(settings, token, audience=GATEWAY_AUDIENCE, lifetime=timedelta(minutes=15), now=NOW)
        assert found == claims
    assert not is_read(TURNED, token)  # for a person it is none


@pytest.mark.parametrize("secret", ["short", "x" * 31, OLD])
def test_a_secret_that_is_too_short_or_the_same_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="jwt_secret_also_read must"):
        replace(SETTINGS, jwt_secret_also_read=secret)


@asynccontextmanager
async def processes(folder: Path, url: str, *steps: ApiSettings) -> AsyncIterator[list[World]]:
    """A process for each of these settings, on one database."""
    async with AsyncExitStack() as stack:
        yield [with_gateways(await stack.enter_async_context(open_world(folder, step, url)), step) for step in steps]


@pytest.mark.req(6, 7, 13)
async def test_nobody_is_signed_out_step_by_step(url: str, tmp_path: Path) -> None:
    """Whoever signed in at one of two processes of neighbouring steps is known at the other, at every door."""
    async with processes(tmp_path, url, *STEPS) as worlds:
        email = (await worlds[0].join("manufacturer")).account["email"]
        for one, other in [*pairwise(worlds), *pairwise(reversed(worlds))]:
            maker = await one.sign_in(email)
            assert await opened(other.client, GATEWAYS, await gateway_of(one, maker)) == GATEWAYS
            for headers in (await partner_of(one, maker), maker.headers):
                assert await opened(other.client, STAYING, headers) == STAYING
                assert (await other.client.delete("/v1/tokens/current", headers=headers)).status_code == 204
                assert await opened(one.client, PEOPLES, headers) == set()


async def test_without_the_step_between_people_are_signed_out(url: str, tmp_path: Path) -> None:
    """Negative control: the new secret in one process, and another that has not heard of it."""
    async with processes(tmp_path, url, BEFORE, AFTER) as (one, two):
        person = await one.join()
        assert await opened(two.client, PEOPLES, person.headers) == set()
        assert await opened(one.client, PEOPLES, (await two.sign_in(person.account["email"])).headers) == set()


@pytest.mark.req(168)
async def test_an_answer_is_given_again_while_its_secret_is_read(url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url, *STEPS) as (before, ready, turned, after):
        await before.join("manufacturer", "Model Factory")
        customer = await before.join()
        for key, sealing, opening in (("old", before, (ready, turned)), ("new", turned, (ready, after))):
            person = await sealing.sign_in(customer.account["email"])
            body = before.order_body(person)
            first = await post(sealing, person, body, key)
            assert first.status_code == 201, first.text
            for world in opening:
                again = await post(world, person, body, key)
                assert (again.status_code, again.headers.get("idempotent-replayed")) == (201, "true")
                assert again.json() == first.json()
                other = await post(world, person, before.order_body(person), key)
                assert other.json()["type"] == "urn:lotsizeone:problem:key-reused"
        # The former secret is gone: its answers cannot be read, and what they answered is not done again.
        person = await after.sign_in(customer.account["email"])
        for body in (before.order_body(person), {}):
            assert (await post(after, person, body, "old")).status_code == 409
        orders = (await after.client.get("/v1/orders", headers=person.headers)).json()["items"]
        assert len(orders) == 2
