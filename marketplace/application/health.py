"""Whether a process can do its work, in the words of Kubernetes probes: each part is asked, none keeps us waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

ANSWER_WITHIN_S = 2.0
OK, UNAVAILABLE = "ok", "unavailable"


@dataclass(frozen=True, slots=True)
class Check:
    """A part to ask. `ask` may answer with words for what is wrong, gives None where all is well, and may raise.

    Without a part that is `needed` the process is not ready; without another it serves what it can.
    """

    ask: Callable[[], Awaitable[str | None]]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """What each part answered, and whether the process is ready."""

    ready: bool
    words: Mapping[str, str]


async def readiness(checks: Mapping[str, Check]) -> Readiness:
    """Ask every part, all at the same time."""
    words = await asyncio.gather(*(_word(check) for check in checks.values()))
    answers = dict(zip(checks, words, strict=True))
    return Readiness(all(answers[name] == OK for name, check in checks.items() if check.needed), answers)


async def _word(check: Check) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await check.ask() or OK
    except Exception:
        return UNAVAILABLE
