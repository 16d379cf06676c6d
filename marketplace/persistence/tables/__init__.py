"""The tables, and the domain's rules that the database guards itself.

`serial` columns count rows in the order in which they were written. Keys ending in `_key` are the folded form under
which a name must be unique (e-mail addresses, 0x-addresses), beside the form that was given.
"""

from marketplace.persistence.tables.base import metadata
from marketplace.persistence.tables.catalogue import catalogue_entries, catalogue_facets
from marketplace.persistence.tables.chain import (
    chain_attempts,
    chain_blocks,
    chain_cursor,
    chain_events,
    chain_transactions,
    order_freezes,
)
from marketplace.persistence.tables.designs import design_files, design_holders, order_designs
from marketplace.persistence.tables.disputes import dispute_photos
from marketplace.persistence.tables.effects import idempotency_answers, outbox
from marketplace.persistence.tables.invitations import invitations
from marketplace.persistence.tables.log import LOG_LEVELS, log_records
from marketplace.persistence.tables.oauth import oauth_clients, oauth_codes
from marketplace.persistence.tables.orders import agreements, order_events, orders, signature_requests
from marketplace.persistence.tables.people import (
    acceptance_rules,
    accounts,
    devices,
    gateways,
    inbox_messages,
    organisations,
    revoked_tokens,
)
from marketplace.persistence.tables.plans import plan_holds, plans
from marketplace.persistence.tables.production import (
    gateway_commands,
    jobs,
    production_batches,
    production_events,
    production_lanes,
)
from marketplace.persistence.tables.restores import lost_agreements, restores

__all__ = [
    "LOG_LEVELS",
    "acceptance_rules",
    "accounts",
    "agreements",
    "catalogue_entries",
    "catalogue_facets",
    "chain_attempts",
    "chain_blocks",
    "chain_cursor",
    "chain_events",
    "chain_transactions",
    "design_files",
    "design_holders",
    "devices",
    "dispute_photos",
    "gateway_commands",
    "gateways",
    "idempotency_answers",
    "inbox_messages",
    "invitations",
    "jobs",
    "log_records",
    "lost_agreements",
    "metadata",
    "oauth_clients",
    "oauth_codes",
    "order_designs",
    "order_events",
    "order_freezes",
    "orders",
    "organisations",
    "outbox",
    "plan_holds",
    "plans",
    "production_batches",
    "production_events",
    "production_lanes",
    "restores",
    "revoked_tokens",
    "signature_requests",
]
