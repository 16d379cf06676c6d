"""Step 1: user name and password at the gateway become a bearer (OAuth 2.0 password grant, Keycloak's shape)."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, Field

from matchmaking.efpf.config import GatewayConfig
from matchmaking.efpf.errors import CredentialsRefused, MalformedAnswer, SourceTimedOut
from matchmaking.efpf.origins import origin_of
from matchmaking.efpf.transport import Answer, GuardedHttp, expect_success
from matchmaking.efpf.untrusted import Wire, read

_RENEW_BEFORE_S = 60.0  # a token must outlive the search that starts with it
_MAX_LIFE_S = 7 * 86_400  # no gateway of this kind issues longer; more is a mistake


def _header_safe(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("a token must be printable ASCII without blanks")
    return token


Token = Annotated[str, Field(min_length=1, max_length=16_384), AfterValidator(_header_safe)]


class TokenAnswer(Wire):
    """The fields of the token endpoint's answer that we use; `expires_in` is in seconds."""

    access_token: Token
    expires_in: int = Field(ge=1, le=_MAX_LIFE_S)
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    id_token: Token | None = None


def parse_token(source: str, answer: Answer) -> TokenAnswer:
    """The token in an answer of the endpoint. Raises MalformedAnswer."""
    token = read(source, TokenAnswer, answer)
    if token.token_type.lower() != "bearer":
        raise MalformedAnswer(source, "the gateway issued no bearer token")
    return token


class GatewayAuth:
    """Holds one gateway's bearer and lends it to calls at configured origins.

    The bearer is kept until a minute before it expires and renewed by one request however many calls wait for it.
    """

    def __init__(self, config: GatewayConfig, http: GuardedHttp) -> None:
        self._config = config
        self._http = http
        self._bearer_origins = config.bearer_origins()
        self._single_flight = asyncio.Lock()
        self._token: str | None = None
        self._good_until = 0.0  # loop time: the wall clocks of two machines need not agree

    async def token(self, *, timeout_s: float, refused: str | None = None) -> str:
        """A bearer that is not `refused`. Raises CredentialsRefused or what `GuardedHttp.fetch` raises."""
        try:
            async with asyncio.timeout(timeout_s), self._single_flight:
                now = asyncio.get_running_loop().time()
                if self._token is None or now >= self._good_until or self._token == refused:
                    self._token = None
                    answer = await self._ask(timeout_s)
                    self._token = self._pick(answer)
                    # A short life is used by half, else a gateway with one-minute tokens would be asked each time.
                    self._good_until = now + answer.expires_in - min(_RENEW_BEFORE_S, answer.expires_in / 2)
                return self._token
        except TimeoutError as error:
            raise SourceTimedOut(self._config.gateway_id, f"no token within {timeout_s:g} s") from error

    def _pick(self, answer: TokenAnswer) -> str:
        token = answer.access_token if self._config.token_field == "access_token" else answer.id_token  # noqa: S105
        if token is None:
            raise MalformedAnswer(self._config.gateway_id, "the gateway's answer has no id_token")
        return token

    async def fetch(
        self,
        source: str,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """A successful answer, with our bearer if (and only if) the URL's origin may see it; on 401 one new
        token and one retry. Raises FederationError.
        """
        sent = dict(headers or {})
        try:
            may_see = origin_of(url) in self._bearer_origins
        except ValueError:
            may_see = False  # the guard refuses it below, with its own error
        if may_see:
            token = await self.token(timeout_s=timeout_s)
            sent["Authorization"] = f"Bearer {token}"
        answer = await self._http.fetch(source, method, url, timeout_s=timeout_s, headers=sent, body=body)
        if answer.status == 401 and may_see:
            token = await self.token(timeout_s=timeout_s, refused=token)
            sent["Authorization"] = f"Bearer {token}"
            answer = await self._http.fetch(source, method, url, timeout_s=timeout_s, headers=sent, body=body)
        if answer.status == 401:
            raise CredentialsRefused(source, "the source refuses our token, even a new one")
        expect_success(source, answer)
        return answer

    async def _ask(self, timeout_s: float) -> TokenAnswer:
        config = self._config
        form = {
            "grant_type": "password",
            "client_id": config.client_id,
            "username": config.username,
            "password": config.password,
        }
        if config.client_secret is not None:
            form["client_secret"] = config.client_secret
        if config.scope is not None:
            form["scope"] = config.scope
        answer = await self._http.fetch(
            config.gateway_id,
            "POST",
            config.token_url,
            timeout_s=timeout_s,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode("ascii"),
        )
        # RFC 6749, 5.2: invalid_grant is 400, invalid_client 401; Keycloak answers a wrong password with 401.
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(config.gateway_id, "the gateway refuses the user name or password")
        expect_success(config.gateway_id, answer)
        return parse_token(config.gateway_id, answer)
