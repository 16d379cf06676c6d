"""`lotsizeone signer`: an organisation's own key answers signature requests at once, within its own limits.

It runs at the organisation, holds the key, and trusts the server with nothing: what is signed is the typed data whose
every limit was checked here.
"""

import asyncio
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from contracts.signers import KeystoreSigner, Signer
from contracts.terms import Terms, What

log = logging.getLogger(__name__)

POLL_S = 0.3
REQUEST_TIMEOUT_S = 10.0
LONGEST_WAIT_S = 30.0


class NotWithinLimits(Exception):
    """The request is outside what the organisation lets its key sign; a person may still sign it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the key may sign. Amounts are cents; chain and factory are pinned."""

    chain_id: int
    factory: str
    token: str
    most_paid_minor: int
    most_received_minor: int
    least_received_minor: int = 1
    highest_fee_bps: int = 500
    highest_penalty_bps: int = 2_000
    acceptances: bool = False


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """Where to ask, who we are, what we sign with and how far that goes."""

    api_url: str
    email: str
    password: str = field(repr=False)
    keystore: Path
    keystore_password: str = field(repr=False)
    limits: Limits


def load_config(path: Path) -> SignerConfig:
    """Read a JSON file. Raises ValueError naming what is wrong."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        limits = Limits(**raw.pop("limits"))
        raw["keystore"] = path.parent / raw["keystore"]
        return SignerConfig(**raw, limits=limits)
    except (OSError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path.name} is not a signer's configuration: {error}") from error


def check(request: dict[str, Any], own: str, limits: Limits) -> None:
    """Raises NotWithinLimits unless the request's typed data stays within `limits` for the address `own`."""
    typed = request["typed_data"]
    domain = typed["domain"]
    if int(domain["chainId"]) != limits.chain_id or domain["verifyingContract"].lower() != limits.factory.lower():
        raise NotWithinLimits("another chain or factory than the pinned one")
    match typed["primaryType"]:
        case "Terms":
            _check_terms(typed["message"], own, limits)
        case "Action":
            if not limits.acceptances or int(typed["message"]["what"]) != What.ACCEPT:
                raise NotWithinLimits("this key does not sign actions of this kind")
        case other:
            raise NotWithinLimits(f"this key does not sign {other}")


def _check_terms(message: dict[str, Any], own: str, limits: Limits) -> None:
    try:
        terms = Terms.from_message(message)
    except ValueError as error:
        raise NotWithinLimits(str(error)) from error
    amount_minor = terms.amount // terms.unit if terms.unit else 0
    if terms.token.lower() != limits.token.lower():
        raise NotWithinLimits("another money than the pinned one")
    if terms.fee_bps > limits.highest_fee_bps or terms.penalty_cap_bps > limits.highest_penalty_bps:
        raise NotWithinLimits("fee or penalty is higher than allowed")
    if terms.payer.lower() == own.lower():
        if amount_minor > limits.most_paid_minor:
            raise NotWithinLimits("more to pay than allowed")
    elif terms.payee.lower() == own.lower():
        if not limits.least_received_minor <= amount_minor <= limits.most_received_minor:
            raise NotWithinLimits("the price is outside the allowed range")
    else:
        raise NotWithinLimits("this key is no party of these terms")


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
                check(request, self._signer.address, self._config.limits)
            except NotWithinLimits as outside:
                self._left.add(request["id"])
                log.warning("request %s is left to a person: %s", request["id"], outside)
                continue
            signature = await self._signer.sign_typed_data(request["typed_data"])
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
