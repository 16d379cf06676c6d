"""Find suppliers for what an order needs and choose among them; then the manufacturer's rule decides."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from marketplace.application.advance import advance_of
from marketplace.application.apply import apply
from marketplace.application.browse_products import template_of
from marketplace.application.context import Context
from marketplace.domain.advance import net_advance
from marketplace.domain.commands import Command, PostponeMatch, RecordMatch, RejectOrder
from marketplace.domain.configuration import configure, required_lines
from marketplace.domain.events import SupplyChoice
from marketplace.domain.money import spell
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Organisation
from marketplace.domain.pricing import price
from marketplace.ports.selection import Chosen, NoSelection
from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable, Offer, Offers

ASSEMBLY_DAYS = 1
"""The manufacturer's own day after the last supply has arrived."""

LONGEST_RETRY = timedelta(minutes=10)
MISCONFIGURED_RETRY = timedelta(minutes=5)
"""A wrong password does not mend itself in seconds."""


async def match_order(ctx: Context, order_id: str) -> None:
    """Search, choose, record. An order that waits for something else is left alone."""
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        if order is None or order.status is not Status.PLACED:
            return
        maker = await tx.parties.organisation(order.manufacturer_id)
        rule = await tx.parties.rule(order.manufacturer_id)
    command = await _search(ctx, order, (maker.registry_party_id if maker else None) or "")
    if isinstance(command, RecordMatch):
        days = (order.deliver_by - ctx.clock.now().date()).days
        exception = rule.exception(total_minor=command.price.total_minor, days=days)
        command = replace(command, exception=exception or await _own_money(ctx, command))
    async with ctx.uow.write() as tx:
        await apply(ctx, tx, order_id, command)


async def _own_money(ctx: Context, match: RecordMatch) -> str | None:
    """Why a person must look if the advance cannot pay these suppliers."""
    known = await ctx.chain.parameters()
    total = match.price.total_minor
    if advance_of(ctx.policy, total, match.choices, known) is not None:
        return None
    supplies = sum(choice.amount_minor for choice in match.choices)
    missing = supplies - net_advance(total, known.self_attested_bps, known.fee_bps)
    return f"the suppliers cost {spell(missing, match.price.currency)} more than the advance pays: you would add it"


async def _search(ctx: Context, order: Order, buyer: str) -> Command:
    template = template_of(ctx, order.product_id)
    configured = configure(template, order.configuration)
    lines = required_lines(template, configured)
    now = ctx.clock.now()
    soon = now + _patience(ctx, now - order.placed_at)
    try:
        answer = await ctx.directory.search(lines, buyer=buyer)
    except DirectoryUnavailable:
        return PostponeMatch("the supplier registry does not answer; the search goes on by itself", soon)
    except DirectoryMisconfigured:
        reason = "the supplier registry refuses our sign-in; the operator has been told"
        return PostponeMatch(reason, now + MISCONFIGURED_RETRY)
    offers = await _joined(ctx, answer, order)
    latest = (order.deliver_by - now.date()).days - ASSEMBLY_DAYS
    try:
        chosen = await ctx.selection.choose(
            lines, offers, currency=template.currency, latest_days=latest, seed=order.id
        )
    except NoSelection as none:
        if answer.partial:
            return PostponeMatch(f"not all registries answered and {none}; the search goes on by itself", soon)
        return RejectOrder(f"no suppliers for this order: {none}", "platform")
    fee_bps = (await ctx.chain.parameters()).fee_bps
    return RecordMatch(_by_supplier(chosen), price(template, configured, fee_bps=fee_bps), answer.partial, None)


def _patience(ctx: Context, waited: timedelta) -> timedelta:
    """How long until the next search: a quarter of what was waited, so that a long outage fills no timeline."""
    return min(max(waited / 4, timedelta(seconds=ctx.policy.search_retry_s)), LONGEST_RETRY)


async def _joined(ctx: Context, answer: Offers, order: Order) -> Sequence[Offer]:
    """Offers of suppliers who can sign here and have not declined this order."""
    joined: dict[str, Organisation | None] = {}
    async with ctx.uow.read() as tx:
        for supplier_id in {offer.supplier_id for offer in answer.offers}:
            joined[supplier_id] = await tx.parties.organisation_in_registry(supplier_id)
    able = {key for key, organisation in joined.items() if organisation and organisation.address}
    able -= set(order.excluded_suppliers)
    return [offer for offer in answer.offers if offer.supplier_id in able]


def _by_supplier(chosen: Sequence[Chosen]) -> tuple[SupplyChoice, ...]:
    """One supply for each supplier, whatever number of lines it delivers."""
    grouped: dict[str, list[Chosen]] = defaultdict(list)
    for line in chosen:
        grouped[line.offer.supplier_id].append(line)
    return tuple(
        SupplyChoice(
            supplier_id=supplier_id,
            supplier_name=lines[0].offer.supplier_name,
            lines=tuple(line.line.id for line in lines),
            amount_minor=sum(line.amount_minor for line in lines),
            lead_time_days=max(line.offer.lead_time_days for line in lines),
            reasons=tuple(f"{line.line.label}: {line.reason}" for line in lines),
        )
        for supplier_id, lines in grouped.items()
    )
