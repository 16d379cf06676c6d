"""The signing agent against an interface of paper: it signs what it may, leaves or declines the rest, and tells its log
first."""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bootstrap.signing import agent as agents
from bootstrap.signing.agent import Foreseen, SigningAgent, check_signer, run_signer
from bootstrap.signing.config import SignerConfig
from bootstrap.signing.limits import Limits
from bootstrap.signing.log import Log
from contracts.errors import NodeUnavailable
from contracts.signers import encrypt_key, is_signed_by
from contracts.terms import Terms, terms_id
from tests.bootstrap.signing.asking import NOW, OWN, SIGNER, UNIT, acceptance, asked, limits, terms


class Interface:
    """As much of the marketplace's interface as a signer uses. `takes` is its answer to what it is sent."""

    def __init__(self, *requests: dict[str, Any]) -> None:
        self.requests = {request["id"]: request for request in requests}
        self.signatures: dict[str, bytes] = {}
        self.declined: dict[str, str] = {}
        self.posts = 0
        self.sign_ins = 0
        self.is_token_good = True
        self.takes = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/v1/tokens":
            self.sign_ins += 1
            self.is_token_good = True
            return httpx.Response(200, json={"access_token": f"token {self.sign_ins}"})
        if not self.is_token_good:
            return httpx.Response(401)
        if request.method == "GET":
            answered = {*self.signatures, *self.declined}
            return httpx.Response(200, json={"items": [r for name, r in self.requests.items() if name not in answered]})
        self.posts += 1
        assert request.headers["Idempotency-Key"] == request.url.path
        if self.takes != 200:
            return httpx.Response(self.takes, json={"title": "no"})
        *_, name, deed = request.url.path.split("/")
        body = json.loads(request.content)
        if deed == "signature":
            self.signatures[name] = bytes.fromhex(body["signature"][2:])
        else:
            self.declined[name] = body["reason"]
        return httpx.Response(200, json={})


def settings(folder: Path, outside: str = "leave", **changes: Any) -> SignerConfig:
    """Settings of the agent under test."""
    return SignerConfig(
        api_url="http://127.0.0.1",
        email="a@example.org",
        password=SecretStr("p"),
        keystore=folder / "key.json",
        keystore_password=SecretStr("p"),
        log=folder / "log.jsonl",
        outside=outside,
        limits=limits(**changes),
    )


def agent(interface: Interface, folder: Path, outside: str = "leave", **changes: Any) -> SigningAgent:
    """An agent that asks `interface`."""
    config = settings(folder, outside, **changes)
    http = httpx.AsyncClient(transport=httpx.MockTransport(interface), base_url="http://127.0.0.1")
    return SigningAgent(config, SIGNER, http, Log.open(config.log), lambda: NOW)


def told(folder: Path) -> list[tuple[str, str]]:
    """What is in the log: (what, request)."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(entry["what"], entry["request"]) for entry in entries]


DEAR = asked("dear", amount=500_001 * UNIT)


async def test_it_signs_within_the_limits_and_leaves_the_rest_to_a_person(tmp_path: Path) -> None:
    interface = Interface(asked("good"), DEAR, {"id": "odd", "typed_data": 5})
    own = agent(interface, tmp_path)
    assert await own.answer_all() == 1
    assert await own.answer_all() == 0
    assert (interface.signatures.keys(), interface.posts) == ({"good"}, 1)
    assert is_signed_by(asked("good")["typed_data"], interface.signatures["good"], OWN)
    assert told(tmp_path) == [("signed", "good"), ("sent", "good"), ("refused", "dear"), ("refused", "odd")]


async def test_what_is_outside_is_declined_with_the_reason_where_the_organisation_wants_it(tmp_path: Path) -> None:
    swapped = asked("swapped") | {"specification": {}}
    interface = Interface(asked("good"), DEAR, acceptance("a1"), swapped, DEAR | {"id": "payer's", "role": "payer"})
    own = agent(interface, tmp_path, "decline", acceptances=False)
    assert await own.answer_all() == 1
    # An acceptance cannot be declined, a payer's no would end the order of others, and what smells is for a person.
    assert interface.declined == {"dear": "5000.01 is more than is taken"}
    left = [("refused", "a1"), ("refused", "swapped"), ("refused", "payer's")]
    assert told(tmp_path) == [("signed", "good"), ("sent", "good"), ("declined", "dear"), *left]


async def test_a_limit_that_passes_is_tried_again(tmp_path: Path) -> None:
    interface = Interface(asked("r1"), asked("r2", salt=b"\x07" * 32))
    own = agent(interface, tmp_path, most_running=1)
    assert await own.answer_all() == 1
    assert await own.answer_all() == 0
    assert told(tmp_path)[2:] == [("refused", "r2")]
    own._judge = agents.Judge(OWN, limits(most_running=2), own._log)
    assert await own.answer_all() == 1


class Told:
    """What a node says of the load, once it answers; `asked` counts the questions."""

    def __init__(self) -> None:
        self.asked = 0
        self.of: list[Terms] = []
        self.is_away = True

    async def __call__(self, node: object, known: Limits, promised: Iterable[Terms]) -> set[str]:
        """Nothing that was promised is to be delivered."""
        self.asked += 1
        self.of = list(promised)
        if self.is_away:
            raise NodeUnavailable("no answer")
        return {"0x" + terms_id(one, known.chain_id, known.factory).hex() for one in self.of}


async def test_what_never_opened_is_no_load_once_the_chain_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by = Told()
    monkeypatch.setattr(agents, "no_load", told_by)
    interface = Interface(asked("r1"))
    own = agent(interface, tmp_path, most_running=1)
    own._node = object()  # type: ignore[assignment]
    assert await own.answer_all() == 1
    assert told_by.asked == 0
    interface.requests["r2"] = asked("r2", salt=b"\x07" * 32)
    for _ in range(2):  # a node that is away makes nothing lighter, and is not asked at every turn
        assert await own.answer_all() == 0
    assert told_by.asked == 1
    told_by.is_away = False
    own._now = lambda: NOW + agents.ASK_AGAIN
    assert [one.deed for one in await own.foresee()] == ["sign"]
    assert await own.answer_all() == 1
    assert told_by.of == [terms()]
    interface.requests["r3"] = asked("r3", salt=b"\x08" * 32)
    own._now = lambda: NOW + 2 * agents.ASK_AGAIN
    assert await own.answer_all() == 1
    assert told_by.of == [terms(salt=b"\x07" * 32)]


async def test_a_signer_with_a_node_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire(monkeypatch, Interface())
    config = settings(tmp_path).model_copy(update={"node_url": "http://127.0.0.1:1"})
    config.keystore.write_text(json.dumps(encrypt_key(b"\x11" * 32, "p", iterations=2)))
    assert await check_signer(config) == []


async def test_a_signature_that_is_not_taken_holds_nobody_up_and_is_tried_again_later(tmp_path: Path) -> None:
    interface = Interface(asked("r1"), asked("r2", salt=b"\x07" * 32))
    interface.takes = 409
    own = agent(interface, tmp_path)
    assert await own.answer_all() == 0
    assert interface.posts == 2
    assert await own.answer_all() == 0
    assert interface.posts == 2
    own._now = lambda: NOW + agents.ASK_AGAIN
    interface.takes = 200
    assert await own.answer_all() == 2
    assert [what for what, _ in told(tmp_path)] == ["signed", "sent", "signed", "sent", "sent", "sent"]


async def test_a_server_that_is_away_is_asked_again(tmp_path: Path) -> None:
    interface = Interface(asked("r1"))
    interface.takes = 503
    own = agent(interface, tmp_path)
    with pytest.raises(httpx.HTTPStatusError):
        await own.answer_all()
    interface.takes = 200
    assert await own.answer_all() == 1
    assert told(tmp_path) == [("signed", "r1"), ("sent", "r1")]


async def test_a_promise_is_on_the_disk_before_the_key_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between, the next start knows the promise, and signs the same and nothing else."""

    async def killed(_message: object) -> bytes:
        raise KeyboardInterrupt

    interface = Interface(asked("r1"))
    own = agent(interface, tmp_path)
    monkeypatch.setattr(SIGNER, "sign_typed_data", killed)
    with pytest.raises(KeyboardInterrupt):
        await own.answer_all()
    monkeypatch.undo()
    assert told(tmp_path) == [("signed", "r1")]
    own._log.close()
    changed = Interface(asked("r1", salt=b"\x07" * 32))
    again = agent(changed, tmp_path)
    assert await again.answer_all() == 0
    assert changed.posts == 0
    again._log.close()
    assert await agent(interface, tmp_path).answer_all() == 1


async def test_a_log_that_cannot_be_written_ends_the_signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interface = Interface(asked("r1"))
    own = agent(interface, tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(own._log, "signed", full)
    with pytest.raises(OSError, match="No space"):
        await own.run(asyncio.Event())
    assert interface.posts == 0


async def test_a_token_that_is_no_longer_good_is_replaced(tmp_path: Path) -> None:
    interface = Interface()
    own = agent(interface, tmp_path)
    await own.answer_all()
    interface.is_token_good = False
    interface.requests["good"] = asked("good")
    assert await own.answer_all() == 1
    assert interface.sign_ins == 2


def wire(monkeypatch: pytest.MonkeyPatch, answers: Callable[[httpx.Request], httpx.Response]) -> None:
    """Clients that the agent opens itself speak with `answers`."""
    client, transport = httpx.AsyncClient, httpx.MockTransport(answers)
    monkeypatch.setattr(agents.httpx, "AsyncClient", lambda **given: client(**given, transport=transport))


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interface = Interface(asked("good"), DEAR, {"id": "odd", "typed_data": 5})
    wire(monkeypatch, interface)
    monkeypatch.setattr(agents.SigningAgent.__init__, "__defaults__", (lambda: NOW, None))
    config = settings(tmp_path, "decline")
    key = encrypt_key(b"\x11" * 32, "p", iterations=2)
    config.keystore.write_text(json.dumps(key))
    foreseen = await check_signer(config)
    assert foreseen[0] == Foreseen("good", "sign")
    assert [(one.request, one.deed) for one in foreseen[1:]] == [("dear", "decline"), ("odd", "leave")]
    assert foreseen[1].why.startswith("limits.most_received_minor: ")
    assert interface.posts == 0
    assert not config.log.exists()
    stop = asyncio.Event()
    stop.set()
    await run_signer(config, stop)
    assert config.log.exists()


@pytest.mark.parametrize(
    ("answer", "words"), [(None, "does not answer"), (401, "answers 401 to a@example"), (200, "does not answer as")]
)
async def test_a_dry_run_names_a_server_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int | None, words: str
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        if answer is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(answer, json={})

    wire(monkeypatch, respond)
    config = settings(tmp_path)
    config.keystore.write_text(json.dumps(encrypt_key(b"\x11" * 32, "p", iterations=2)))
    with pytest.raises(ValueError, match=words):
        await check_signer(config)
