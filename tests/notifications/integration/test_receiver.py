"""The receiver refuses what a real push service refuses."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from notifications.messages import PushMessage
from notifications.receiver import create_receiver_app
from notifications.vapid import VapidKey, generate_vapid_key
from notifications.web_push import Subscription, _encrypt
from tests.notifications.integration.servers import running

pytestmark = pytest.mark.integration

NOW = 1_800_000_000.0
MESSAGE = PushMessage(id="m", title="t", body="b")


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with running(create_receiver_app(now=lambda: NOW)) as where:
        yield where


@pytest.fixture
async def http(origin: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=5.0) as client:
        yield client


@pytest.fixture
def key() -> VapidKey:
    return generate_vapid_key()


@pytest.fixture
async def address(http: httpx.AsyncClient) -> Subscription:
    return Subscription.parse((await http.post("/subscribe")).json())


def headers(key: VapidKey, audience: str, **changes: str | None) -> dict[str, str]:
    good: dict[str, str | None] = {
        "Authorization": key.authorization(audience, "mailto:ops@example.org", NOW),
        "Content-Encoding": "aes128gcm",
        "TTL": "60",
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


async def test_a_good_request_is_created(
    http: httpx.AsyncClient, origin: str, key: VapidKey, address: Subscription
) -> None:
    answer = await http.post(address.endpoint, content=_encrypt(address, MESSAGE), headers=headers(key, origin))
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith(origin)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer x"}, 403),
        ({"Authorization": "vapid t=a.b.c,k=AAAA"}, 403),
        ({"Authorization": "vapid t=a.b.c,t=d,k=AAAA"}, 403),
        ({"TTL": None}, 400),
        ({"TTL": "-1"}, 400),
        ({"TTL": "1.5"}, 400),
        ({"Content-Encoding": None}, 400),
        ({"Content-Encoding": "aesgcm"}, 400),
        ({"Topic": "x" * 33}, 400),
        ({"Topic": "a b"}, 400),
        ({"Urgency": "now"}, 400),
    ],
)
async def test_headers_are_checked(
    http: httpx.AsyncClient,
    origin: str,
    key: VapidKey,
    address: Subscription,
    changes: dict[str, str | None],
    status: int,
) -> None:
    body = _encrypt(address, MESSAGE)
    answer = await http.post(address.endpoint, content=body, headers=headers(key, origin, **changes))
    assert answer.status_code == status


async def test_a_token_for_another_service_is_refused(
    http: httpx.AsyncClient, key: VapidKey, address: Subscription
) -> None:
    body = _encrypt(address, MESSAGE)
    answer = await http.post(address.endpoint, content=body, headers=headers(key, "https://elsewhere.example"))
    assert answer.status_code == 403


async def test_a_signature_by_another_key_is_refused(
    http: httpx.AsyncClient, origin: str, key: VapidKey, address: Subscription
) -> None:
    mine = key.authorization(origin, "mailto:ops@example.org", NOW)
    forged = mine.partition(",k=")[0] + ",k=" + generate_vapid_key().public_key
    body = _encrypt(address, MESSAGE)
    answer = await http.post(address.endpoint, content=body, headers=headers(key, origin, Authorization=forged))
    assert answer.status_code == 403


async def test_bodies_are_bounded_and_must_decrypt(
    http: httpx.AsyncClient, origin: str, key: VapidKey, address: Subscription
) -> None:
    sent = headers(key, origin)
    assert (await http.post(address.endpoint, content=b"x" * 4097, headers=sent)).status_code == 413
    assert (await http.post(address.endpoint, content=b"plain text", headers=sent)).status_code == 400
    stranger = Subscription.parse((await http.post("/subscribe")).json())
    assert (await http.post(address.endpoint, content=_encrypt(stranger, MESSAGE), headers=sent)).status_code == 400


@pytest.mark.parametrize(
    "plan",
    [{}, {"status": 200}, {"status": True}, {"status": 429, "retry_after": -1}, {"status": 429, "count": 101}, []],
)
async def test_impossible_fault_plans_are_refused(http: httpx.AsyncClient, address: Subscription, plan: object) -> None:
    assert (await http.post(f"{address.endpoint}/faults", json=plan)).status_code == 400


async def test_bad_subscriptions_are_refused(http: httpx.AsyncClient) -> None:
    assert (await http.post("/subscribe", content=b"{")).status_code == 400
    assert (await http.post("/subscribe", json={"application_server_key": 7})).status_code == 400
    assert (await http.get("/messages", params={"subscription": "none"})).status_code == 404
    assert (await http.get("/health")).text == "OK"
