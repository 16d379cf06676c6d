"""What can go wrong between us and a federated source.

FederationError
├── RetryLater                 the same request may succeed a little later
│   ├── SourceUnreachable      no connection, a reset, half a body
│   ├── SourceTimedOut         our deadline passed
│   ├── SourceUnavailable      502, 503, 504
│   ├── TooManyRequests        429; carries Retry-After
│   └── NoSearchService        the registry lists no search just now: its entry may have expired
└── GiveUp                     repeating the request cannot help
    ├── CredentialsRefused     the gateway refuses our name, or a fresh token was refused
    ├── RequestRefused         any other 4xx or 5xx
    ├── MalformedAnswer        not JSON, or not the JSON that was agreed
    └── SecurityRefusal        we refused, for our own safety
        ├── OriginRefused      not on the allow-list, or not a plain http(s) address
        ├── AddressRefused     the name leads to an address we do not connect to
        ├── RedirectRefused    the answer sends us elsewhere
        ├── SignatureRefused       the registry's entry is not what its signer signed
        ├── EncodingRefused    a compressed answer, which we never asked for
        └── AnswerTooLarge     over the cap of bytes, pages or items

Messages never repeat the body of an answer: it is a stranger's text.
"""

from typing import ClassVar


class FederationError(Exception):
    """Something went wrong with the source `source`; `detail` says what, in our own words."""

    code: ClassVar[str] = "federation_error"
    counts_for_breaker: ClassVar[bool] = False

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"{source}: {detail}")
        self.source = source
        self.detail = detail


class RetryLater(FederationError):
    """Repeating the request a little later may succeed."""

    code = "retry_later"
    counts_for_breaker = True


class SourceUnreachable(RetryLater):
    """No connection, a broken connection or half a body."""

    code = "unreachable"


class SourceTimedOut(RetryLater):
    """Our deadline passed before the answer was whole."""

    code = "timed_out"


class SourceUnavailable(RetryLater):
    """The source answered 502, 503 or 504."""

    code = "unavailable"


class TooManyRequests(RetryLater):
    """The source answered 429; wait `retry_after_s` seconds (None if it did not say)."""

    code = "too_many_requests"
    counts_for_breaker = False

    def __init__(self, source: str, detail: str, retry_after_s: float | None) -> None:
        super().__init__(source, detail)
        self.retry_after_s = retry_after_s


class NoSearchService(RetryLater):
    """The registry lists no service of the configured type; one whose entry expired comes back with its heartbeat."""

    code = "no_search_service"
    counts_for_breaker = False


class GiveUp(FederationError):
    """Repeating the same request cannot help."""

    code = "give_up"


class CredentialsRefused(GiveUp):
    """The gateway refuses our credentials, or the source refuses a token that is fresh."""

    code = "credentials_refused"


class RequestRefused(GiveUp):
    """The source refuses the request with the HTTP status `status`."""

    code = "request_refused"

    def __init__(self, source: str, detail: str, status: int) -> None:
        super().__init__(source, detail)
        self.status = status


class MalformedAnswer(GiveUp):
    """The answer is not JSON, or not the JSON that this step expects."""

    code = "malformed_answer"
    counts_for_breaker = True


class SecurityRefusal(GiveUp):
    """We refused to go on for our own safety; worth a line in the security log."""

    code = "security_refusal"


class OriginRefused(SecurityRefusal):
    """The address is not on the allow-list, or is not a plain http(s) URL."""

    code = "origin_refused"


class AddressRefused(SecurityRefusal):
    """The name resolves to an address that we do not connect to."""

    code = "address_refused"


class RedirectRefused(SecurityRefusal):
    """The answer is a redirect; we follow none."""

    code = "redirect_refused"


class SignatureRefused(SecurityRefusal):
    """The registry's entry claims a signer who did not sign it: somebody changed it."""

    code = "signature_refused"


class EncodingRefused(SecurityRefusal):
    """The answer is compressed although we asked for plain bytes."""

    code = "encoding_refused"


class AnswerTooLarge(SecurityRefusal):
    """The answer is larger than the cap."""

    code = "answer_too_large"
