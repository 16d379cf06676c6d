"""What one API process holds, found through `request.app`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from marketplace.application.context import Context
from marketplace.application.health import Check
from mobile_api.attempts import Attempts
from mobile_api.budgets import Budget
from mobile_api.idempotency import Answers
from mobile_api.live import LiveTimeline
from mobile_api.passwords import Passwords
from mobile_api.settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Services:
    """The application's context and the interface's own machinery."""

    ctx: Context
    settings: ApiSettings
    passwords: Passwords
    attempts: Attempts
    budget: Budget
    """Of accounts, their programs and gateways."""
    answers: Answers
    live: LiveTimeline
    checks: Mapping[str, Check]


def services(request: HTTPConnection) -> Services:
    """The services of the app that serves this request."""
    return cast(Services, request.app.state.services)
