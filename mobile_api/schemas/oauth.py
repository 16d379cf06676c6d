"""Clients of others, what they ask for, and what they get."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from marketplace.domain.clients import LONGEST_REDIRECT, MOST_REDIRECTS
from mobile_api.schemas.base import In, Instant, Name, Out, Text

Kind = Literal["app", "partner"]
Scopes = Annotated[
    Text, Field(max_length=64, description="`read`, `write`, or both with a space between.", examples=["read write"])
]
State = Annotated[
    str,
    Field(pattern=r"^[ -~]{1,512}$", description="Given back as it is.", examples=["af0ifjsldkj"]),
]
CodeChallenge = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_\-]{43}$",
        description="base64url(SHA-256(code_verifier)), RFC 7636.",
        examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
    ),
]


class OAuthClientCreate(In):
    """A program of others that is let in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Planning board",
                    "kind": "app",
                    "scope": "read",
                    "redirect_uris": ["https://board.example.com/callback"],
                },
                {"name": "ERP of the supplier", "kind": "partner", "scope": "read write"},
            ]
        }
    )

    name: Name
    kind: Annotated[
        Kind,
        Field(description="`app` acts for who allows it (code and PKCE), `partner` for the organisation (secret)."),
    ]
    scope: Scopes
    redirect_uris: Annotated[
        list[Annotated[Text, Field(max_length=LONGEST_REDIRECT)]],
        Field(
            max_length=MOST_REDIRECTS,
            description="An app's: https, http on 127.0.0.1 or [::1] with any port, or a scheme of its own with a dot.",
        ),
    ] = Field(default_factory=list)


class OAuthClient(Out):
    """A client; `client_secret` is there once, when it was made or replaced, and a partner's only."""

    client_id: str
    name: str
    kind: Kind
    scope: str
    redirect_uris: list[str]
    created_at: Instant
    former_secret_until: Annotated[
        Instant | None, Field(description="Until then the secret before this one is, or was, good.")
    ]
    client_secret: str | None


class OAuthClientPage(Out):
    """Clients, newest first."""

    items: list[OAuthClient]
    next_cursor: str | None


class Consent(Out):
    """What a person must see before an app is let in: who made it, and what it may then do in their name."""

    client_id: str
    client_name: str
    owner: Annotated[str, Field(description="The organisation that registered the app.")]
    scope: str
    scopes: list[Literal["read", "write"]]
    redirect_uri: str


class OAuthDecision(In):
    """The signed-in person's answer to an app."""

    response_type: Literal["code"] = "code"
    client_id: Annotated[Text, Field(max_length=128)]
    redirect_uri: Annotated[Text, Field(max_length=LONGEST_REDIRECT)]
    scope: Scopes | None = None
    state: State | None = None
    code_challenge: CodeChallenge
    code_challenge_method: Literal["S256"]
    decision: Literal["allow", "deny"] = "allow"


class OAuthRedirect(Out):
    """Where the browser goes now: the app's address with `code`, `state` and `iss`, or with `error`."""

    redirect_to: str


class OAuthToken(Out):
    """A bearer token, seconds until it ends, and what it opens (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class OAuthError(Out):
    """A refusal of the token endpoint (RFC 6749, 5.2)."""

    error: str
    error_description: str


class OAuthMetadata(Out):
    """Where everything is, and what is spoken (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
