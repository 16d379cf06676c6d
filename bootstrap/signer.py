"""`lotsizeone signer`: an organisation's own key answers signature requests at once, within its own limits.

It runs at the organisation, holds the key, and trusts the server with nothing: what is signed is written here, from
values whose every limit was checked here.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bootstrap.files import read_object
from bootstrap.limits import Limits, NotWithinLimits, within_limits
from contracts.signers import KeystoreSigner, Signer

log = logging.getLogger(__name__)

POLL_S = 0.3
REQUEST_TIMEOUT_S = 10.0
LONGEST_WAIT_S = 30.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """Where to ask, who we are, what we sign with and how far that goes."""

    api_url: str
    email: str
    password: str = field(repr=False)
    keystore: Path
    keystore_password: str = field(repr=False)
    limits: Limits

    def __post_init__(self) -> None:
        """Raises ValueError for what would only fail later."""
        for name in ("api_url", "email", "password", "keystore_password"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text")
        parts = urlsplit(self.api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("api_url must be an http or https address")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("api_url: outside this host https is needed, the password goes there")


def load_config(path: Path) -> SignerConfig:
    """Read a JSON file; the keystore's path in it is relative to its folder. Raises ValueError naming what is wrong."""
    raw = read_object(path)
    try:
        limits = Limits(**raw.pop("limits"))
        raw["keystore"] = path.parent / raw["keystore"]
        return SignerConfig(**raw, limits=limits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a signer's configuration: {error}") from error
    except KeyError as error:
        raise ValueError(f"{path} is not a signer's configuration: {error.args[0]} is missing") from error


class SigningAgent:
    """Polls, checks, signs; what is outside the limits stays open for a person, and is named once."""

    def __init__(self, config: SignerConfig, signer: Signer, http: httpx.AsyncClient) -> None:
        self._config = config
        self._signer = signer
        self._http = http
        self._token = ""
        self._left: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until told to stop."""
        wait = POLL_S
        while not stop.is_set():
            try:
                await self.answer_all()
                wait = POLL_S
            except (httpx.HTTPError, KeyError, ValueError) as failure:
                log.warning("%s: %s", type(failure).__name__, failure)
                wait = min(wait * 2, LONGEST_WAIT_S)
            try:
                await asyncio.wait_for(stop.wait(), wait)
            except TimeoutError:
                continue

    async def answer_all(self) -> int:
        """Sign every open request within the limits; returns how many."""
        listed = await self._call("GET", "/v1/signature-requests?status=open")
        signed = 0
        for request in listed["items"]:
            if request["id"] in self._left:
                continue
            try:
                checked = within_limits(request["typed_data"], self._signer.address, self._config.limits)
            except NotWithinLimits as outside:
                self._left.add(request["id"])
                log.warning("request %s is left to a person: %s", request["id"], outside)
                continue
            signature = await self._signer.sign_typed_data(checked)
            path = f"/v1/signature-requests/{request['id']}/signature"
            await self._call("POST", path, {"signature": "0x" + signature.hex()}, key=request["id"])
            log.info("signed %s", request["id"])
            signed += 1
        return signed

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
        credentials = httpx.BasicAuth(self._config.email, self._config.password)
        response = await self._http.post("/v1/tokens", auth=credentials)
        response.raise_for_status()
        self._token = response.json()["access_token"]


async def run_signer(config: SignerConfig, stop: asyncio.Event) -> None:
    """Open the keystore and answer until told to stop. Raises KeystoreError."""
    signer = await asyncio.to_thread(KeystoreSigner.open, config.keystore, config.keystore_password)
    async with httpx.AsyncClient(base_url=config.api_url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
        log.info("signing as %s", signer.address)
        await SigningAgent(config, signer, http).run(stop)
