"""What a search brings back: the offers, and an honest account of every source that was or was not heard."""

from dataclasses import dataclass
from typing import Literal

from matchmaking.efpf.errors import GiveUp, RetryLater
from matchmaking.offers import Offer

Status = Literal["ok", "stale", "failed", "timed_out", "skipped"]


class NoSourceAlive(RetryLater):
    """No source answered and none has an earlier answer: there is no quote *yet*."""

    code = "no_source_alive"


class NoSourceUsable(GiveUp):
    """No source answered, and asking again will not help any of them: an operator must look at the settings."""

    code = "no_source_usable"


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """An item that could not be used: a reason code and our own words for it."""

    source_id: str
    item_id: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How one source fared. `age_s` is the age of its answer (0 if fresh), `error` the code of what went wrong,
    `cut` is true if this may not be all that the source has (a cap, or a wrong total, which `error` then says),
    `final` if asking again cannot help.
    """

    source_id: str
    status: Status
    offers: int = 0
    rejected: int = 0
    age_s: int = 0
    elapsed_ms: int = 0
    error: str | None = None
    detail: str | None = None
    cut: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """Sources by how they fared; `total` is their sum."""

    total: int
    ok: int
    stale: int
    failed: int
    timed_out: int
    skipped: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The merged answer of all sources, in one ranking: see `merge`.

    `partial` is true if a source is not `ok` or a cap cut a list: there may be better offers than these.
    """

    offers: tuple[Offer, ...]
    partial: bool
    sources: SourceCounts
    by_source: tuple[SourceReport, ...]
    rejected: tuple[RejectedItem, ...]

    def require_alive(self) -> "SearchAnswer":
        """This answer, unless no source was heard. Raises NoSourceAlive if later may be better, else NoSourceUsable."""
        if self.sources.ok + self.sources.stale > 0:
            return self
        reasons = ", ".join(sorted({report.error or report.status for report in self.by_source}))
        detail = f"no source could be heard ({reasons or 'none is configured'})"
        if all(report.final for report in self.by_source):
            raise NoSourceUsable("federation", detail)
        raise NoSourceAlive("federation", detail)

    def as_dict(self) -> dict[str, object]:
        """The JSON-ready envelope that the command line and the API share."""
        counts = self.sources
        return {
            "offers": [offer.as_dict() for offer in self.offers],
            "partial": self.partial,
            "sources": {
                "total": counts.total,
                "ok": counts.ok,
                "stale": counts.stale,
                "failed": counts.failed,
                "timed_out": counts.timed_out,
                "skipped": counts.skipped,
            },
            "by_source": [
                {
                    "id": report.source_id,
                    "status": report.status,
                    "age_s": report.age_s,
                    "offers": report.offers,
                    "rejected": report.rejected,
                    "elapsed_ms": report.elapsed_ms,
                    "error": report.error,
                }
                for report in self.by_source
            ],
            "rejected": [
                {"source": item.source_id, "item": item.item_id, "reason": item.reason, "detail": item.detail}
                for item in self.rejected
            ],
        }


def count_sources(reports: tuple[SourceReport, ...]) -> SourceCounts:
    """The reports by status."""

    def having(status: Status) -> int:
        return sum(report.status == status for report in reports)

    return SourceCounts(
        len(reports), having("ok"), having("stale"), having("failed"), having("timed_out"), having("skipped")
    )
