"""What Prometheus is told of one process: requests, effects, what waits, the chain, the log.

Labels are few and closed: route templates, kinds, outcomes, statuses, levels; never an id, never what somebody typed.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from bootstrap.logs import level_name
from marketplace.domain.order import Status
from marketplace.persistence.figures import Figures
from marketplace.ports.chain import Head, SendingHealth

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EFFECT_SECONDS = (*SECONDS, 30.0, 60.0)
UNKNOWN = float("nan")
WEI_PER_ETHER = 10**18
WAITING = ("waiting", "parked", "held", "dropped")


class Metrics:
    """The figures of a process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own: dict[str, Any] = {"registry": self.registry, "namespace": "lotsizeone"}
        self.requests = Histogram(
            "http_request_seconds", "Requests, by the route that took them", ["method", "route", "status"],
            buckets=SECONDS, **own,
        )  # fmt: skip
        self.effects = Histogram(
            "effect_seconds", "Attempts at effects, by outcome", ["kind", "outcome"], buckets=EFFECT_SECONDS, **own
        )
        self.outbox = Gauge("outbox_effects", "Effects that are not done", ["status"], **own)
        self.outbox_age = Gauge("outbox_oldest_due_seconds", "How long the oldest due effect waits", **own)
        self.orders = Gauge("orders", "Orders by status", ["status"], **own)
        self.chain_up = Gauge("chain_up", "Whether the node answers", **own)
        self.chain_head = Gauge("chain_head_block", "Number of the newest block", **own)
        self.chain_head_age = Gauge("chain_head_age_seconds", "Age of the newest block by its stamp", **own)
        self.chain_read = Gauge("chain_read_block", "Number of the last block that was read", **own)
        self.chain_final = Gauge("chain_final_block", "Number of the last block whose events count", **own)
        self.chain_distrusted = Gauge("chain_distrusted", "Whether the node is not believed", **own)
        self.frozen = Gauge("orders_frozen", "Orders that a deep fork betrayed and nobody has thawed", **own)
        self.transactions = Gauge("chain_transactions_pending", "Our transactions without an outcome", **own)
        self.sending_age = Gauge("sending_oldest_seconds", "Age of our oldest transaction without an outcome", **own)
        self.sending_alarms = Gauge("sending_alarms", "What is wrong with sending now", ["alarm"], **own)
        self.balance = Gauge("relayer_balance_ether", "What the relayer can pay gas with", **own)
        self.reserve = Gauge("relayer_reserve_ether", "Below this no order is confirmed", **own)
        self.database_up = Gauge("database_up", "Whether the database answers", **own)
        self.broker_up = Gauge("broker_up", "Whether the broker is connected; NaN without one", **own)
        self.duty = Gauge("chain_duty", "Whether this process reads the chain for all", **own)
        self.log_records = Counter("log_records", "Records by level", ["level"], **own)
        self.log_dropped = Gauge("log_records_dropped", "Records that the queue to the database could not take", **own)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests.labels(method, route, f"{status // 100}xx").observe(seconds)

    def effect(self, kind: str, outcome: str, seconds: float) -> None:
        """An attempt at an effect ended."""
        self.effects.labels(kind, outcome).observe(seconds)

    def show(self, figures: Figures | None, now: datetime) -> None:
        """What the database said, or None where it said nothing: then its figures are unknown, not old."""
        self.database_up.set(figures is not None)
        if figures is None:
            for gauge in (self.outbox, self.orders):
                gauge.clear()
            for gauge in (self.outbox_age, self.chain_read, self.chain_final, self.transactions):
                gauge.set(UNKNOWN)
            return
        _set_all(self.outbox, {status: figures.effects.get(status, 0) for status in WAITING})
        _set_all(self.orders, {str(status): figures.orders.get(status, 0) for status in Status})
        oldest = figures.oldest_due
        self.outbox_age.set(0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()))
        self.chain_read.set(UNKNOWN if figures.read is None else figures.read)
        self.chain_final.set(UNKNOWN if figures.final is None else figures.final)
        self.chain_distrusted.set(figures.distrusted)
        self.frozen.set(figures.frozen)
        self.transactions.set(figures.transactions_pending)

    def show_chain(self, head: Head | None, now: datetime) -> None:
        """The chain's head, or None where the node does not answer."""
        self.chain_up.set(head is not None)
        self.chain_head.set(UNKNOWN if head is None else head.number)
        self.chain_head_age.set(UNKNOWN if head is None else now.timestamp() - head.timestamp)

    def show_sending(self, health: SendingHealth | None) -> None:
        """The account that sends, or None where node or database do not answer."""
        self.sending_alarms.clear()
        for gauge in (self.sending_age, self.balance, self.reserve):
            gauge.set(UNKNOWN)
        if health is not None:
            self.sending_age.set(health.oldest_s)
            self.balance.set(health.balance / WEI_PER_ETHER)
            self.reserve.set(health.reserve / WEI_PER_ETHER)
            _set_all(self.sending_alarms, dict.fromkeys(health.alarms, 1))

    def text(self) -> bytes:
        """Everything in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self.registry)


def _set_all(gauge: Gauge, values: Mapping[str, int]) -> None:
    for label, value in values.items():
        gauge.labels(label).set(value)


class LevelCounter(logging.Handler):
    """Counts log records by level."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.INFO)
        self._counter = metrics.log_records

    def emit(self, record: logging.LogRecord) -> None:
        """Count."""
        self._counter.labels(level_name(record.levelno)).inc()
