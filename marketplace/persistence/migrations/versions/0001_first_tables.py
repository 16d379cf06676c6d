"""The first tables.

Types are spelled out here, not taken from `tables.py`: this version stays as it was when later ones change the tables.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
    chain_cursor chain_logs chain_transactions devices gateway_commands idempotency_answers inbox_messages orders
    organisations outbox production_batches production_events production_lanes revoked_tokens acceptance_rules
    accounts agreements gateways order_events jobs signature_requests
"""

_Columns = Iterable[sa.Column[Any]]


def _counter(name: str = "serial") -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True)


def _columns(kind: sa.types.TypeEngine[Any], names: str, nullable: bool) -> _Columns:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _text(names: str, *, nullable: bool = False) -> _Columns:
    return _columns(sa.Text(), names, nullable)


def _whole(names: str, *, nullable: bool = False) -> _Columns:
    return _columns(sa.BigInteger(), names, nullable)


def _truth(names: str, *, nullable: bool = False) -> _Columns:
    return _columns(sa.Boolean(), names, nullable)


def _json(names: str, *, nullable: bool = False) -> _Columns:
    return _columns(sa.JSON(none_as_null=True), names, nullable)


def _instant(names: str, *, nullable: bool = False) -> _Columns:
    return _columns(sa.DateTime(timezone=True), names, nullable)


def _in(column: str, values: str) -> str:
    return f"{column} IN (" + ", ".join(f"'{value}'" for value in values.split()) + ")"


def _create(
    table: str,
    *columns: sa.Column[Any],
    key: str,
    unique: Iterable[str] = (),
    references: Mapping[str, str] | None = None,
    one_of: Mapping[str, str] | None = None,
    checks: Mapping[str, str] | None = None,
    indexes: Iterable[str] = (),
) -> None:
    conditions = {column: _in(column, values) for column, values in (one_of or {}).items()} | dict(checks or {})
    op.create_table(
        table,
        *columns,
        sa.PrimaryKeyConstraint(*key.split(), name=f"pk_{table}"),
        *(
            sa.ForeignKeyConstraint(
                [column], [target], name=f"fk_{table}_{column}", deferrable=True, initially="DEFERRED"
            )
            for column, target in (references or {}).items()
        ),
        *(sa.UniqueConstraint(*names.split(), name="_".join(["uq", table, *names.split()])) for names in unique),
        *(sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items()),
        sqlite_autoincrement=columns[0].autoincrement is True,
    )
    for names in indexes:
        op.create_index("_".join(["ix", table, *names.split()]), table, names.split())


def _chain_cursor() -> None:
    _create(
        "chain_cursor",
        *_whole("id number"),
        *_text("hash"),
        key="id",
        checks={"single": "id = 1"},
    )


def _chain_logs() -> None:
    _create(
        "chain_logs",
        *_text("block_hash"),
        *_whole("log_index"),
        key="block_hash log_index",
    )


def _chain_transactions() -> None:
    _create(
        "chain_transactions",
        _counter(),
        *_text("key signer signer_key"),
        *_whole("nonce"),
        *_text("raw hash outcome", nullable=True),
        key="serial",
        unique=["key", "signer_key nonce"],
        one_of={"outcome": "mined failed"},
        checks={"nonce": "nonce >= 0", "signed": "(raw IS NULL) = (hash IS NULL)"},
    )


def _devices() -> None:
    _create(
        "devices",
        _counter(),
        *_text("id party_id kind endpoint p256dh auth"),
        key="serial",
        unique=["endpoint", "id"],
        one_of={"kind": "web_push fcm"},
        indexes=["party_id"],
    )


def _gateway_commands() -> None:
    _create(
        "gateway_commands",
        _counter("id"),
        *_text("gateway key kind"),
        *_json("body"),
        key="id",
        unique=["gateway key"],
    )


def _idempotency_answers() -> None:
    _create(
        "idempotency_answers",
        *_text("principal route key body_hash"),
        *_whole("status"),
        *_text("content_type"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        *_instant("at"),
        key="principal route key",
    )


def _inbox_messages() -> None:
    _create(
        "inbox_messages",
        _counter(),
        *_text("id party_id order_id title body"),
        *_instant("at"),
        *_truth("read"),
        key="serial",
        unique=["id"],
        indexes=["party_id at"],
    )


def _orders() -> None:
    _create(
        "orders",
        *_text("id status"),
        *_whole("version"),
        *_text("customer_id manufacturer_id product_id"),
        *_whole("product_version"),
        *_json("configuration"),
        *_whole("amount"),
        sa.Column("deliver_by", sa.Date(), nullable=False),
        *_text("payer_address handover_hash client_reference"),
        *_instant("placed_at"),
        *_json("choices"),
        *_json("price", nullable=True),
        *_json("excluded_suppliers"),
        *_text("waiting_reason delivery_id", nullable=True),
        *_json("supply_ids to_sign"),
        *_text("quote_digest", nullable=True),
        *_instant("firm_until", nullable=True),
        *_truth("production_started"),
        *_whole("done of"),
        *_text("step"),
        *_truth("handed_over accepted_by_customer"),
        key="id",
        one_of={
            "status": "placed matched accepted sourcing quoted confirmed contracted in_production produced shipped delivered settled rejected expired cancelled refunded"
        },
        checks={"amount": "amount > 0", "version": "version > 0"},
        indexes=["customer_id placed_at id", "manufacturer_id placed_at id"],
    )


def _organisations() -> None:
    _create(
        "organisations",
        _counter(),
        *_text("id name kind"),
        *_text("address registry_party_id", nullable=True),
        key="serial",
        unique=["id", "name", "registry_party_id"],
        one_of={"kind": "customer manufacturer supplier carrier operator"},
    )


def _outbox() -> None:
    _create(
        "outbox",
        _counter("id"),
        *_text("order_id kind key subject detail"),
        *_instant("not_before", nullable=True),
        *_instant("due"),
        *_text("status"),
        *_whole("attempts"),
        *_text("reason", nullable=True),
        *_instant("finished_at", nullable=True),
        key="id",
        unique=["order_id kind key"],
        one_of={"status": "waiting done parked"},
        checks={"attempts": "attempts >= 0"},
        indexes=["status due"],
    )


def _production_batches() -> None:
    _create(
        "production_batches",
        _counter(),
        *_text("gateway epoch lane"),
        *_whole("first last"),
        *_text("root"),
        *_whole("sequence"),
        *_text("previous signature"),
        key="serial",
        unique=["gateway epoch lane first", "gateway epoch lane sequence"],
        checks={"range": "first > 0 AND last >= first"},
    )


def _production_events() -> None:
    _create(
        "production_events",
        _counter(),
        *_text("gateway epoch lane"),
        *_whole("seq"),
        *_text("agreement_id spec_hash job_id kind"),
        *_whole("code at_ms"),
        *_text("station"),
        *_json("value"),
        *_text("payload_hash body"),
        *_truth("simulated"),
        key="serial",
        unique=["gateway epoch lane seq"],
        checks={"code": "code BETWEEN 0 AND 65535", "seq": "seq > 0"},
        indexes=["agreement_id gateway"],
    )


def _production_lanes() -> None:
    _create(
        "production_lanes",
        *_text("gateway epoch lane"),
        *_whole("acknowledged"),
        key="gateway epoch lane",
    )


def _revoked_tokens() -> None:
    _create(
        "revoked_tokens",
        *_text("jti"),
        *_instant("expires_at"),
        key="jti",
    )


def _acceptance_rules() -> None:
    _create(
        "acceptance_rules",
        *_text("organisation_id"),
        *_truth("accept_automatically"),
        *_whole("max_total_minor min_days"),
        key="organisation_id",
        references={"organisation_id": "organisations.id"},
    )


def _accounts() -> None:
    _create(
        "accounts",
        _counter(),
        *_text("id email email_key display_name role password_hash"),
        *_text("organisation_id own_address", nullable=True),
        key="serial",
        unique=["email_key", "id"],
        references={"organisation_id": "organisations.id"},
        one_of={"role": "customer manufacturer supplier carrier operator"},
        indexes=["organisation_id"],
    )


def _agreements() -> None:
    _create(
        "agreements",
        _counter(),
        *_text("id order_id"),
        *_whole("kind"),
        *_text("address"),
        *_json("terms"),
        *_text("payer_id payee_id carrier_key description"),
        *_json("lines"),
        *_text("status"),
        *_text("payer_signature payee_signature", nullable=True),
        *_json("permit", nullable=True),
        *_json("milestone_states payouts"),
        key="serial",
        unique=["id"],
        references={"order_id": "orders.id"},
        one_of={"status": "drafted signed open delivered retained disputed settled refunded resolved void"},
        checks={"kind": "kind IN (1, 2)"},
        indexes=["carrier_key", "order_id", "payee_id", "payer_id"],
    )


def _gateways() -> None:
    _create(
        "gateways",
        _counter(),
        *_text("id organisation_id name address address_key secret_hash"),
        key="serial",
        unique=["address_key", "id"],
        references={"organisation_id": "organisations.id"},
        indexes=["organisation_id"],
    )


def _order_events() -> None:
    _create(
        "order_events",
        _counter("id"),
        *_text("order_id"),
        *_whole("version"),
        *_text("name"),
        *_json("data"),
        *_instant("at"),
        key="id",
        unique=["order_id version"],
        references={"order_id": "orders.id"},
    )


def _jobs() -> None:
    _create(
        "jobs",
        _counter(),
        *_text("id order_id agreement_id organisation_id operation"),
        *_whole("quantity"),
        *_json("parameters"),
        *_text("spec_hash"),
        *_text("gateway", nullable=True),
        *_whole("due"),
        *_text("state"),
        *_whole("done of"),
        key="serial",
        unique=["id"],
        references={"agreement_id": "agreements.id", "order_id": "orders.id"},
        one_of={"state": "waiting dispatched running ended failed refused"},
        indexes=["agreement_id", "order_id", "organisation_id"],
    )


def _signature_requests() -> None:
    _create(
        "signature_requests",
        _counter(),
        *_text("id order_id agreement_id organisation_id purpose role signer"),
        *_json("typed_data"),
        *_whole("deadline"),
        *_text("status"),
        *_text("signature note", nullable=True),
        key="serial",
        unique=["id"],
        references={"agreement_id": "agreements.id", "order_id": "orders.id"},
        indexes=["agreement_id", "order_id", "organisation_id"],
    )


def upgrade() -> None:
    """Create all tables, those that others refer to first."""
    _chain_cursor()
    _chain_logs()
    _chain_transactions()
    _devices()
    _gateway_commands()
    _idempotency_answers()
    _inbox_messages()
    _orders()
    _organisations()
    _outbox()
    _production_batches()
    _production_events()
    _production_lanes()
    _revoked_tokens()
    _acceptance_rules()
    _accounts()
    _agreements()
    _gateways()
    _order_events()
    _jobs()
    _signature_requests()


def downgrade() -> None:
    """Drop all tables, those that refer to others first."""
    for name in _TABLES.split()[::-1]:
        op.drop_table(name)
