"""`lotsizeone signer`: an organisation's own key answers signature requests at once, within its own limits.

It runs at the organisation, holds the key, and trusts the server with nothing: what is signed is written here, from
values whose every limit was checked here.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from bootstrap.signing.config import SignerConfig
from bootstrap.signing.judgement import MOST_RUNNING, Judge, NotWithinLimits, Verdict
from bootstrap.signing.log import Log
from bootstrap.signing.node import no_load
from bootstrap.system import SystemClock
from contracts.errors import ContractsError
from contracts.rpc import HttpRpc, Rpc
from contracts.signers import KeystoreSigner, Signer
from contracts.terms import Terms
from contracts.verification.node import Doubted

logger = logging.getLogger(__name__)

CLOCK: Final = SystemClock()
POLL_S: Final = 0.3
REQUEST_TIMEOUT_S: Final = 10.0
LONGEST_WAIT_S: Final = 30.0
ASK_AGAIN: Final = timedelta(seconds=LONGEST_WAIT_S)
NEVER: Final = datetime.max.replace(tzinfo=UTC)
LONGEST_REASON: Final = 500
"""As many characters as the interface takes."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of an open request: "sign", "leave" or "decline", and why not signed."""

    request: str
    deed: str
    why: str = ""


class SigningAgent:
    """Polls, judges, signs; what is outside the limits is left to a person or declined, and named once."""

    def __init__(
        self,
        config: SignerConfig,
        signer: Signer,
        http: httpx.AsyncClient,
        log: Log,
        now: Callable[[], datetime] = CLOCK.now,
        node: Rpc | None = None,
    ) -> None:
        self._config = config
        self._signer = signer
        self._http = http
        self._log = log
        self._now = now
        self._node = node
        self._node_rests = datetime.min.replace(tzinfo=UTC)
        self._judge = Judge(signer.address, config.limits, log)
        self._token = ""
        self._rests: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until told to stop. Raises OSError when the log cannot be written: then nothing may be signed."""
        wait = POLL_S
        while not stop.is_set():
            try:
                await self.answer_all()
                wait = POLL_S
            except (httpx.HTTPError, KeyError, TypeError, ValueError) as failure:
                logger.warning("%s: %s", type(failure).__name__, failure)
                wait = min(wait * 2, LONGEST_WAIT_S)
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
            except TimeoutError:
                continue

    async def answer_all(self) -> int:
        """Answer every open request; returns how many were signed."""
        return sum([await self.answer(request) for request in await self.open_requests()])

    async def open_requests(self) -> list[dict[str, Any]]:
        """What the organisation is asked to sign, oldest first, as the server tells it."""
        listed = await self._call("GET", "/v1/signature-requests?status=open")
        now = self._now()
        return [request for request in listed["items"] if self._rests.get(request["id"], now) <= now]

    async def answer(self, request: dict[str, Any]) -> bool:
        """Sign one request, or leave or decline it; whether it was signed."""
        try:
            verdict = await self._verdict(request)
        except NotWithinLimits as outside:
            await self._outside(request, outside)
            return False
        name = request["id"]
        self._log.signed(self._now(), name, verdict.digest, verdict.promise, verdict.typed["message"])
        signature = await self._signer.sign_typed_data(verdict.typed)
        answer = await self._post(f"/v1/signature-requests/{name}/signature", {"signature": "0x" + signature.hex()})
        self._rest(name, answer)
        self._log.sent(self._now(), name, answer)
        logger.info("signed %s: %s", name, answer)
        return answer == "taken"

    async def foresee(self) -> list[Foreseen]:
        """What would become of each open request; answers none."""
        return [await self._foreseen(request) for request in await self.open_requests()]

    async def _foreseen(self, request: dict[str, Any]) -> Foreseen:
        try:
            await self._verdict(request)
        except NotWithinLimits as outside:
            deed = "decline" if self._declines(request, outside) else "leave"
            return Foreseen(str(request["id"]), deed, f"{outside.limit}: {outside}")
        return Foreseen(str(request["id"]), "sign")

    async def _verdict(self, request: dict[str, Any]) -> Verdict:
        """What may be signed; before the load is too much the chain is asked what it is. Raises NotWithinLimits."""
        try:
            return self._judge.judge(request, self._now())
        except NotWithinLimits as outside:
            if outside.limit != MOST_RUNNING or not await self._lighten():
                raise
        return self._judge.judge(request, self._now())

    async def _lighten(self) -> bool:
        """Ask the node what is to be delivered of what was promised, now and then; whether something is not."""
        now, judge = self._now(), self._judge
        if self._node is None or now < self._node_rests:
            return False
        self._node_rests = now + ASK_AGAIN
        promised = [Terms.from_message(message) for message in self._log.running(now, judge.no_load).values()]
        try:
            found = await no_load(self._node, self._config.limits, promised)
        except ContractsError as failure:
            logger.warning("the node does not say what is to be delivered: %s", failure)
            return False
        judge.no_load.update(found)
        return bool(found)

    async def _outside(self, request: dict[str, Any], outside: NotWithinLimits) -> None:
        name = str(request["id"])
        if not self._declines(request, outside):
            self._log.refused(self._now(), name, outside.limit, str(outside))
            if not outside.passing:
                self._rest(name)
                logger.warning("request %s is left to a person: %s", name, outside)
            return
        self._log.declined(self._now(), name, outside.limit, str(outside))
        answer = await self._post(f"/v1/signature-requests/{name}/decline", {"reason": str(outside)[:LONGEST_REASON]})
        self._rest(name, answer)
        logger.warning("request %s is declined: %s (%s)", name, outside, answer)

    def _rest(self, name: str, answer: str = "taken") -> None:
        """Leave a request alone: for good, or for a while where the server has not taken the answer."""
        self._rests[name] = NEVER if answer == "taken" else self._now() + ASK_AGAIN

    def _declines(self, request: dict[str, Any], outside: NotWithinLimits) -> bool:
        """Only terms can be declined, and only by whoever is paid: a payer's no would end the order of others."""
        asked = (request.get("purpose"), request.get("role")) == ("terms", "payee")
        return asked and self._config.outside == "decline" and not outside.suspicious

    async def _post(self, path: str, body: dict[str, Any]) -> str:
        """ "taken", or why the server does not take it. Raises httpx.HTTPError where asking again may help."""
        try:
            await self._call("POST", path, body, key=path)
        except httpx.HTTPStatusError as refusal:
            if refusal.response.is_server_error or refusal.response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise
            return f"{refusal.response.status_code} {refusal.response.text[:LONGEST_REASON]}"
        return "taken"

    async def _call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """One request; a token that is no longer good is replaced once."""
        for attempt in (1, 2):
            if not self._token:
                await self._sign_in()
            headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
            response = await self._http.request(method, path, json=body, headers=headers)
            if response.status_code != httpx.codes.UNAUTHORIZED or attempt == 2:
                break
            self._token = ""
        response.raise_for_status()
        return response.json()

    async def _sign_in(self) -> None:
        credentials = httpx.BasicAuth(self._config.email, self._config.password.get_secret_value())
        response = await self._http.post("/v1/tokens", auth=credentials)
        response.raise_for_status()
        self._token = response.json()["access_token"]


async def run_signer(config: SignerConfig, stop: asyncio.Event) -> None:
    """Open keystore and log, and answer until told to stop. Raises KeystoreError, ValueError, OSError."""
    log = Log.open(config.log)
    try:
        async with _agent(config, log) as agent:
            await agent.run(stop)
    finally:
        log.close()


async def check_signer(config: SignerConfig) -> list[Foreseen]:
    """Try settings, keystore, log and sign-in, and say what would become of what is open; signs and writes nothing.

    Raises KeystoreError, ValueError, OSError naming what is wrong.
    """
    try:
        async with _agent(config, Log.read(config.log)) as agent:
            return await agent.foresee()
    except httpx.HTTPStatusError as refusal:
        raise ValueError(f"{config.api_url} answers {refusal.response.status_code} to {config.email}") from refusal
    except (httpx.HTTPError, KeyError, TypeError) as failure:
        raise ValueError(f"{config.api_url} does not answer as it should: {failure!r}") from failure


@asynccontextmanager
async def _agent(config: SignerConfig, log: Log) -> AsyncIterator[SigningAgent]:
    password = config.keystore_password.get_secret_value()
    signer = await asyncio.to_thread(KeystoreSigner.open, config.keystore, password)
    async with AsyncExitStack() as stack:
        client = httpx.AsyncClient(base_url=config.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False)
        http = await stack.enter_async_context(client)
        node = None
        if config.node_url is not None:
            node = Doubted(await stack.enter_async_context(HttpRpc(config.node_url, timeout_s=REQUEST_TIMEOUT_S)))
        logger.info("signing as %s, log %s", signer.address, config.log)
        yield SigningAgent(config, signer, http, log, node=node)
