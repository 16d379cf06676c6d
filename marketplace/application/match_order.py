"""Find suppliers for what an order needs and choose among them; then the manufacturer's rule decides."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from marketplace.application.advance import advance_of
from marketplace.application.apply import apply
from marketplace.application.bench import Wanted, bench_of, offers_document, supply_choice
from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import Configured, configured
from marketplace.application.context import Context
from marketplace.application.named_suppliers import named_by, who_is
from marketplace.application.planned import HOLDING, MOST_TRIES, Planned, hold, plan
from marketplace.application.reasons import reason_of
from marketplace.domain.acceptance import Received
from marketplace.domain.advance import net_advance
from marketplace.domain.commands import Command, PostponeMatch, RecordMatch, RejectOrder
from marketplace.domain.configuration import RequiredLine, required_lines
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.events import SupplyChoice
from marketplace.domain.money import spell
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Organisation
from marketplace.domain.product import Template
from marketplace.domain.sourcing import needed_by
from marketplace.domain.supply_conditions import SupplyConditions
from marketplace.ports.selection import Chosen, NoSelection
from marketplace.ports.supplier_directory import (
    DirectoryMisconfigured,
    DirectoryUnavailable,
    Offer,
    Offers,
    conditions_of,
)

log = logging.getLogger(__name__)

LONGEST_RETRY = timedelta(minutes=10)
MISCONFIGURED_RETRY = timedelta(minutes=5)
"""A wrong password does not mend itself in seconds."""
NOT_JOINED = (
    "a supplier of these parts has not joined yet, the manufacturer can invite it; the search goes on by itself"
)


async def match_order(ctx: Context, order_id: str) -> None:
    """Search, choose, quote, record, and hold the machines' time. An order that waits for something else is left alone.

    Raises Conflict where others changed the manufacturer's plan again and again: trying later makes sense.
    """
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        if order is None or order.status is not Status.PLACED:
            return
        maker = await tx.parties.organisation(order.manufacturer_id)
        rule = await tx.parties.rule(order.manufacturer_id)
        standing = (0, 0)
        if rule.looks_around:
            standing = await tx.orders.standing(order.manufacturer_id, order.customer_id, order.id)
    found = await _search(ctx, order, (maker.registry_party_id if maker else None) or "")
    if not isinstance(found, _Found):
        async with ctx.uow.write() as tx:
            await apply(ctx, tx, order_id, found)
        return
    for tries_left in reversed(range(MOST_TRIES)):
        command, planned = await _quoted(ctx, order, found)
        if planned is not None and isinstance(command, RecordMatch):
            exception = rule.exception(_received(ctx, order, command, standing))
            command = replace(command, exception=exception or await _own_money(ctx, command))
        try:
            async with ctx.uow.write() as tx:
                before = await tx.orders.get(order_id)
                matched = await apply(ctx, tx, order_id, command)
                mine = before is not None and before.status is Status.PLACED and matched.status in HOLDING
                if planned is not None and mine:  # another's match has held its own slots
                    await hold(ctx, tx, matched, planned)
            return
        except Conflict:
            if not tries_left:
                raise


async def _quoted(ctx: Context, order: Order, found: "_Found") -> tuple[Command, Planned | None]:
    """The match with price and promise, and the plan that they come from; a refusal where it cannot be planned."""
    fee_bps = (await ctx.chain.parameters()).fee_bps
    maker = (order.manufacturer_id, found.configured.template.manufacturer)
    try:
        planned = await plan(ctx, found.configured, maker, fee_bps=fee_bps, choices=found.choices)
        offer = planned.quotation.at(order.deliver_by)
    except InvalidInput as none:
        return RejectOrder(f"no date can be kept: {none.message}", "platform"), None
    promise = planned.quotation.promise(order.deliver_by)
    match = RecordMatch(found.choices, offer.price, found.partial, None, found.bench, found.digest, promise)
    return match, planned


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search came to."""

    configured: Configured
    choices: tuple[SupplyChoice, ...]
    bench: tuple[SupplyChoice, ...]
    partial: bool
    digest: str


def _received(ctx: Context, order: Order, match: RecordMatch, standing: tuple[int, int]) -> Received:
    """What the manufacturer's rule asks. Two orders that are matched at the same moment do not see one another."""
    return Received(
        price=match.price,
        supplies_minor=sum(choice.amount_minor for choice in match.choices),
        days=(order.deliver_by - ctx.clock.now().date()).days,
        product_id=order.product_id,
        customer_id=order.customer_id,
        open_orders=standing[0],
        settled_orders=standing[1],
    )


async def _own_money(ctx: Context, match: RecordMatch) -> str | None:
    """Why a person must look if the advance cannot pay these suppliers."""
    known = await ctx.chain.parameters()
    total = match.price.total_minor
    if advance_of(ctx.policy, total, match.choices, known) is not None:
        return None
    supplies = sum(choice.amount_minor for choice in match.choices)
    missing = supplies - net_advance(total, known.self_attested_bps, known.fee_bps)
    return f"the suppliers cost {spell(missing, match.price.currency)} more than the advance pays: you would add it"


async def _search(ctx: Context, order: Order, buyer: str) -> Command | _Found:
    template = template_of(ctx, order.product_id)
    found = await configured(ctx, template, order.configuration, order.customer_id, anew=False)
    lines = required_lines(template, found.sheet)
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
    latest = (needed_by(order) - now.date()).days
    try:
        chosen = await _chosen(ctx, order, template, lines, offers, latest)
    except NoSelection as none:
        if answer.partial:
            return PostponeMatch(f"not all registries answered and {none}; the search goes on by itself", soon)
        if await _would_do(ctx, order, template, lines, [*offers, *await _absent(ctx, answer, order)], latest):
            return PostponeMatch(NOT_JOINED, soon)
        return RejectOrder(f"no suppliers for this order: {none}", "platform")
    wanted = Wanted(lines, template.currency, latest, risky=template.supplies_on_time_bps > 0)
    choices = _by_supplier(chosen, conditions_of(offers))
    bench = bench_of(choices, chosen, wanted, offers)
    digest = ctx.chain.keccak(ctx.canonical(offers_document(choices, bench)))
    return _Found(found, choices, bench, answer.partial, digest)


async def _chosen(
    ctx: Context,
    order: Order,
    template: Template,
    lines: Sequence[RequiredLine],
    offers: Sequence[Offer],
    latest_days: int,
) -> Sequence[Chosen]:
    """Raises NoSelection."""
    return await ctx.selection.choose(
        lines,
        offers,
        currency=template.currency,
        latest_days=latest_days,
        seed=order.id,
        on_time_bps=template.supplies_on_time_bps,
    )


async def _would_do(
    ctx: Context,
    order: Order,
    template: Template,
    lines: Sequence[RequiredLine],
    offers: Sequence[Offer],
    latest_days: int,
) -> bool:
    """Whether these offers would do."""
    try:
        await _chosen(ctx, order, template, lines, offers, latest_days)
    except NoSelection:
        return False
    return True


def _patience(ctx: Context, waited: timedelta) -> timedelta:
    """How long until the next search: a quarter of what was waited, so that a long outage fills no timeline."""
    return min(max(waited / 4, timedelta(seconds=ctx.policy.search_retry_s)), LONGEST_RETRY)


async def _joined(ctx: Context, answer: Offers, order: Order) -> Sequence[Offer]:
    """Offers of suppliers who can sign here and have not declined this order, with who they are here.

    Where registries name different keys for one supplier, and so two organisations here would be meant, neither is.
    """
    known: dict[tuple[str, str | None], Organisation] = {}
    async with ctx.uow.read() as tx:
        for named in {(offer.supplier_id, offer.signer) for offer in answer.offers}:
            organisation = await who_is(tx, *named)
            if organisation is not None and organisation.address is not None:
                known[named] = organisation
    meant: dict[str, set[str]] = defaultdict(set)
    for (supplier_id, _), organisation in known.items():
        meant[supplier_id].add(organisation.id)
    able = {supplier_id for supplier_id, some in meant.items() if len(some) == 1} - set(order.excluded_suppliers)
    for supplier_id in sorted(meant.keys() - able - set(order.excluded_suppliers)):
        log.warning("registries name different keys for %s: it is not asked", supplier_id, extra={"order_id": order.id})
    return [
        replace(offer, organisation_id=known[offer.supplier_id, offer.signer].id)
        for offer in answer.offers
        if offer.supplier_id in able and (offer.supplier_id, offer.signer) in known
    ]


async def _absent(ctx: Context, answer: Offers, order: Order) -> Sequence[Offer]:
    """Offers of suppliers who could be invited, and have not joined or cannot sign yet."""
    async with ctx.uow.read() as tx:
        named = await named_by(tx, answer.offers)
    able = {one.party_id for one in named.values() if not one.is_here and one.why_not is None}
    return [one for one in answer.offers if one.supplier_id in able - set(order.excluded_suppliers)]


def _by_supplier(chosen: Sequence[Chosen], stated: Mapping[str, SupplyConditions]) -> tuple[SupplyChoice, ...]:
    """One supply for each supplier, whatever number of lines it delivers, at what it charges for them together."""
    grouped: dict[str, list[Chosen]] = defaultdict(list)
    for line in chosen:
        grouped[line.offer.supplier_id].append(line)
    return tuple(
        supply_choice(
            [line.offer for line in lines], stated[supplier_id], reasons=tuple(reason_of(line) for line in lines)
        )
        for supplier_id, lines in grouped.items()
    )
