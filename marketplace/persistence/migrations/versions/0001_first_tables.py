"""The first tables.

Types are spelled out here, not taken from `tables`: this version stays as it was when later ones change the tables.
"""

import sqlalchemy as sa
from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, truth, whole

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
    chain_cursor chain_logs chain_transactions devices gateway_commands idempotency_answers inbox_messages orders
    organisations outbox production_batches production_events production_lanes revoked_tokens acceptance_rules
    accounts agreements gateways order_events jobs signature_requests
"""


def _chain_cursor() -> None:
    create(
        "chain_cursor",
        *whole("id number"),
        *text("hash"),
        key="id",
        checks={"single": "id = 1"},
    )


def _chain_logs() -> None:
    create(
        "chain_logs",
        *text("block_hash"),
        *whole("log_index"),
        key="block_hash log_index",
    )


def _chain_transactions() -> None:
    create(
        "chain_transactions",
        counter(),
        *text("key signer signer_key"),
        *whole("nonce"),
        *text("raw hash outcome", nullable=True),
        key="serial",
        unique=["key", "signer_key nonce"],
        one_of={"outcome": "mined failed"},
        checks={"nonce": "nonce >= 0", "signed": "(raw IS NULL) = (hash IS NULL)"},
    )


def _devices() -> None:
    create(
        "devices",
        counter(),
        *text("id party_id kind endpoint p256dh auth"),
        key="serial",
        unique=["endpoint", "id"],
        one_of={"kind": "web_push fcm"},
        indexes=["party_id"],
    )


def _gateway_commands() -> None:
    create(
        "gateway_commands",
        counter("id"),
        *text("gateway key kind"),
        *json("body"),
        key="id",
        unique=["gateway key"],
    )


def _idempotency_answers() -> None:
    create(
        "idempotency_answers",
        *text("principal route key body_hash"),
        *whole("status"),
        *text("content_type"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        *instant("at"),
        key="principal route key",
    )


def _inbox_messages() -> None:
    create(
        "inbox_messages",
        counter(),
        *text("id party_id order_id title body"),
        *instant("at"),
        *truth("read"),
        key="serial",
        unique=["id"],
        indexes=["party_id at"],
    )


def _orders() -> None:
    create(
        "orders",
        *text("id status"),
        *whole("version"),
        *text("customer_id manufacturer_id product_id"),
        *whole("product_version"),
        *json("configuration"),
        *whole("amount"),
        sa.Column("deliver_by", sa.Date(), nullable=False),
        *text("payer_address handover_hash client_reference"),
        *instant("placed_at"),
        *json("choices"),
        *json("price", nullable=True),
        *json("excluded_suppliers"),
        *text("waiting_reason delivery_id", nullable=True),
        *json("supply_ids to_sign"),
        *text("quote_digest", nullable=True),
        *instant("firm_until", nullable=True),
        *truth("production_started"),
        *whole("done of"),
        *text("step"),
        *truth("handed_over accepted_by_customer"),
        key="id",
        one_of={
            "status": "placed matched accepted sourcing quoted confirmed contracted "
            "in_production produced shipped delivered settled rejected expired cancelled refunded"
        },
        checks={"amount": "amount > 0", "version": "version > 0"},
        indexes=["customer_id placed_at id", "manufacturer_id placed_at id"],
    )


def _organisations() -> None:
    create(
        "organisations",
        counter(),
        *text("id name kind"),
        *text("address registry_party_id", nullable=True),
        key="serial",
        unique=["id", "name", "registry_party_id"],
        one_of={"kind": "customer manufacturer supplier carrier operator"},
    )


def _outbox() -> None:
    create(
        "outbox",
        counter("id"),
        *text("order_id kind key subject detail"),
        *instant("not_before", nullable=True),
        *instant("due"),
        *text("status"),
        *whole("attempts"),
        *text("reason", nullable=True),
        *instant("finished_at", nullable=True),
        key="id",
        unique=["order_id kind key"],
        one_of={"status": "waiting done parked"},
        checks={"attempts": "attempts >= 0"},
        indexes=["status due"],
    )


def _production_batches() -> None:
    create(
        "production_batches",
        counter(),
        *text("gateway epoch lane"),
        *whole("first last"),
        *text("root"),
        *whole("sequence"),
        *text("previous signature"),
        key="serial",
        unique=["gateway epoch lane first", "gateway epoch lane sequence"],
        checks={"range": "first > 0 AND last >= first"},
    )


def _production_events() -> None:
    create(
        "production_events",
        counter(),
        *text("gateway epoch lane"),
        *whole("seq"),
        *text("agreement_id spec_hash job_id kind"),
        *whole("code at_ms"),
        *text("station"),
        *json("value"),
        *text("payload_hash body"),
        *truth("simulated"),
        key="serial",
        unique=["gateway epoch lane seq"],
        checks={"code": "code BETWEEN 0 AND 65535", "seq": "seq > 0"},
        indexes=["agreement_id gateway"],
    )


def _production_lanes() -> None:
    create(
        "production_lanes",
        *text("gateway epoch lane"),
        *whole("acknowledged"),
        key="gateway epoch lane",
    )


def _revoked_tokens() -> None:
    create(
        "revoked_tokens",
        *text("jti"),
        *instant("expires_at"),
        key="jti",
    )


def _acceptance_rules() -> None:
    create(
        "acceptance_rules",
        *text("organisation_id"),
        *truth("accept_automatically"),
        *whole("max_total_minor min_days"),
        key="organisation_id",
        references={"organisation_id": "organisations.id"},
    )


def _accounts() -> None:
    create(
        "accounts",
        counter(),
        *text("id email email_key display_name role password_hash"),
        *text("organisation_id own_address", nullable=True),
        key="serial",
        unique=["email_key", "id"],
        references={"organisation_id": "organisations.id"},
        one_of={"role": "customer manufacturer supplier carrier operator"},
        indexes=["organisation_id"],
    )


def _agreements() -> None:
    create(
        "agreements",
        counter(),
        *text("id order_id"),
        *whole("kind"),
        *text("address"),
        *json("terms"),
        *text("payer_id payee_id carrier_key description"),
        *json("lines"),
        *text("status"),
        *text("payer_signature payee_signature", nullable=True),
        *json("permit", nullable=True),
        *json("milestone_states payouts"),
        key="serial",
        unique=["id"],
        references={"order_id": "orders.id"},
        one_of={"status": "drafted signed open delivered retained disputed settled refunded resolved void"},
        checks={"kind": "kind IN (1, 2)"},
        indexes=["carrier_key", "order_id", "payee_id", "payer_id"],
    )


def _gateways() -> None:
    create(
        "gateways",
        counter(),
        *text("id organisation_id name address address_key secret_hash"),
        key="serial",
        unique=["address_key", "id"],
        references={"organisation_id": "organisations.id"},
        indexes=["organisation_id"],
    )


def _order_events() -> None:
    create(
        "order_events",
        counter("id"),
        *text("order_id"),
        *whole("version"),
        *text("name"),
        *json("data"),
        *instant("at"),
        key="id",
        unique=["order_id version"],
        references={"order_id": "orders.id"},
    )


def _jobs() -> None:
    create(
        "jobs",
        counter(),
        *text("id order_id agreement_id organisation_id operation"),
        *whole("quantity"),
        *json("parameters"),
        *text("spec_hash"),
        *text("gateway", nullable=True),
        *whole("due"),
        *text("state"),
        *whole("done of"),
        key="serial",
        unique=["id"],
        references={"agreement_id": "agreements.id", "order_id": "orders.id"},
        one_of={"state": "waiting dispatched running ended failed refused"},
        indexes=["agreement_id", "order_id", "organisation_id"],
    )


def _signature_requests() -> None:
    create(
        "signature_requests",
        counter(),
        *text("id order_id agreement_id organisation_id purpose role signer"),
        *json("typed_data"),
        *whole("deadline"),
        *text("status"),
        *text("signature note", nullable=True),
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
