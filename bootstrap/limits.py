"""How far an organisation lets its key go alone: each request is checked, and written anew before it is signed."""

import re
from dataclasses import dataclass, fields
from typing import Any

from contracts.eip712 import TypedData
from contracts.terms import Terms, What, action_typed_data, typed_data

HIGHEST = 2**53 - 1
"""The largest whole number that every reader of JSON holds exactly."""
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
WORD = re.compile(r"0x[0-9a-fA-F]{64}")


class NotWithinLimits(Exception):
    """The request is outside what the organisation lets its key sign; a person may still sign it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the key may sign. Amounts are cents of `token`, which has `unit` units a cent; chain and factory are pinned.

    Raises ValueError naming a limit that is no whole number or no address: an endless limit is none.
    """

    chain_id: int
    factory: str
    token: str
    most_paid_minor: int
    most_received_minor: int
    least_received_minor: int = 1
    unit: int = 10_000
    highest_fee_bps: int = 500
    highest_penalty_bps: int = 2_000
    acceptances: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not field.type:
                raise ValueError(f"limits.{field.name} must be of type {getattr(field.type, '__name__', field.type)}")
            if field.type is int and not 0 <= value <= HIGHEST:
                raise ValueError(f"limits.{field.name} must be from 0 to {HIGHEST}")
            if field.type is str and not ADDRESS.fullmatch(value):
                raise ValueError(f"limits.{field.name} must be an address")


def within_limits(asked: Any, own: str, limits: Limits) -> TypedData:
    """What the address `own` may sign for the typed data `asked`. Raises NotWithinLimits.

    The answer is written from the checked values: types, domain and anything else that came along are not signed.
    """
    try:
        domain, message = asked["domain"], asked["message"]
        if int(domain["chainId"]) != limits.chain_id or domain["verifyingContract"].lower() != limits.factory.lower():
            raise NotWithinLimits("another chain or factory than the pinned one")
        match asked["primaryType"]:
            case "Terms":
                terms = Terms.from_message(message)
                _check_terms(terms, own, limits)
                return typed_data(terms, limits.chain_id, limits.factory)
            case "Action":
                return _acceptance(message, limits)
            case _:
                raise NotWithinLimits("this key signs terms and acceptances, nothing else")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotWithinLimits(f"not the typed data of an agreement: {type(error).__name__}") from error


def _check_terms(terms: Terms, own: str, limits: Limits) -> None:
    if terms.token.lower() != limits.token.lower() or terms.unit != limits.unit:
        raise NotWithinLimits("another money than the pinned one, or counted otherwise")
    if terms.fee_bps > limits.highest_fee_bps or terms.penalty_cap_bps > limits.highest_penalty_bps:
        raise NotWithinLimits("fee or penalty is higher than allowed")
    parties = {terms.payer.lower(), terms.payee.lower()}
    if own.lower() not in parties or len(parties) == 1:
        raise NotWithinLimits("this key is no party of these terms, or both")
    if terms.payer.lower() == own.lower():
        if terms.amount > limits.most_paid_minor * limits.unit:
            raise NotWithinLimits("more to pay than allowed")
    elif not limits.least_received_minor * limits.unit <= terms.amount <= limits.most_received_minor * limits.unit:
        raise NotWithinLimits("the price is outside the allowed range")


def _acceptance(message: dict[str, Any], limits: Limits) -> TypedData:
    if not limits.acceptances or int(message["what"]) != What.ACCEPT:
        raise NotWithinLimits("this key does not sign actions of this kind")
    agreement, data = str(message["id"]), str(message["data"])
    if not WORD.fullmatch(agreement) or not WORD.fullmatch(data) or int(data, 16):
        raise NotWithinLimits("this is no acceptance of an agreement")
    return action_typed_data(
        bytes.fromhex(agreement[2:]),
        What.ACCEPT,
        bytes(32),
        int(message["deadline"]),
        chain_id=limits.chain_id,
        factory=limits.factory,
    )
