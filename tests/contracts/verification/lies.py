"""What a node can say that is not so, and the name under which each is found."""

from collections.abc import Callable
from typing import Any

from contracts.artifacts import load
from contracts.bindings.agreement import State
from contracts.verification.verdict import Check
from tests.contracts.verification import lying
from tests.contracts.verification.conftest import Lived
from tests.contracts.world import CENT, DAY, START

AGREEMENT, FACTORY, TOKEN = "DeliveryAgreement", "AgreementFactory", "TestEuro"
OTHER = b"\x66" * 32


def _flipped(code: bytes) -> bytes:
    return code[:100] + bytes([code[100] ^ 1]) + code[101:]


def _other_immutable(code: bytes) -> bytes:
    start, length = load(FACTORY).immutable_references[0]
    return code[:start] + OTHER[:length] + code[start + length :]


def _at(address: str) -> Callable[[dict[str, Any]], bool]:
    return lambda log: bool(log["address"].lower() == address.lower())


def topic_of(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def _sent_by(address: str) -> Callable[[dict[str, Any]], bool]:
    return lambda log: bool(log["topics"][1] == topic_of(address))


def _signature_changed(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(arguments: dict[str, Any]) -> dict[str, Any]:
        deadline, signature = arguments[name]
        return {name: (deadline, signature[:5] + bytes([signature[5] ^ 1]) + signature[6:])}

    return change


def _expired(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"consent": (START, arguments["consent"][1])}


def _unsigned(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"consent": (0, b"")}


def _entry(place: int, value: Callable[[Any], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The first entry with another member: terms, payer's signature, payee's signature."""

    def change(arguments: dict[str, Any]) -> dict[str, Any]:
        first, *others = arguments["entries"]
        changed = list(first)
        changed[place] = value(changed[place])
        return {"entries": [tuple(changed), *others]}

    return change


def _terms_of(salt: bytes) -> Callable[[Any], Any]:
    return lambda terms: (*terms[:-1], salt)


def _evidence(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    names = ("at", "payloadHash", "proof", "root", "sequence", "previous", "signature")

    def change(arguments: dict[str, Any]) -> dict[str, Any]:
        first, *others = arguments["evidence"]
        told = dict(zip(names, first, strict=True))
        told |= {name: value(told[name]) if callable(value) else value for name, value in changes.items()}
        return {"evidence": [tuple(told[name] for name in names), *others]}

    return change


def _block_of(lived: Lived, name: str) -> int:
    """Where the first transaction with this event of the delivery is."""
    fragment = lying.event(name)
    logs = lived.world.rpc.node.store.logs(
        0, lived.world.rpc.node.head_number, [bytes.fromhex(lived.address(0)[2:])], [[fragment.hash]]
    )
    return int(logs[-1]["blockNumber"], 16)


Told = Callable[[Lived], lying.Lie]
LIES: dict[str, tuple[Told, Check]] = {
    "other code at the factory": (lambda it: lying.about_code(it.world.book.factory, _flipped), Check.FACTORY_CODE),
    "no code at the factory": (lambda it: lying.about_code(it.world.book.factory, lambda _: b""), Check.FACTORY_CODE),
    "a word of nobody's in the factory": (
        lambda it: lying.about_code(it.world.book.factory, _other_immutable),
        Check.FACTORY_SETTINGS,
    ),
    "an implementation of another factory": (
        lambda it: lying.about_views(AGREEMENT, "factory", "0x" + "66" * 20),
        Check.FACTORY_CODE,
    ),
    "an implementation with another fee receiver": (
        lambda it: lying.about_views(
            AGREEMENT, "feeReceiver", "0x" + "66" * 20, at=it.world.book.supply_implementation
        ),
        Check.FACTORY_SETTINGS,
    ),
    "other code behind the clones": (
        lambda it: lying.about_code(it.world.book.delivery_implementation, _flipped),
        Check.IMPLEMENTATION_CODE,
    ),
    "no opening": (lambda it: lying.about_logs("Opened", lying.nothing), Check.AGREEMENT_UNKNOWN),
    "another price in the opening": (
        lambda it: lying.about_logs("Opened", lambda log: log | {"data": log["data"][:-1] + "f"}),
        Check.TERMS_HASH,
    ),
    "another address in the opening": (
        lambda it: lying.about_logs("Opened", lying.with_topic(2, b"\0" * 12 + b"\x66" * 20)),
        Check.AGREEMENT_ADDRESS,
    ),
    "another clone's code": (
        lambda it: lying.about_code(it.address(1), lambda code: code[:-32] + it.world.id(it.terms[2])),
        Check.CLONE_CODE,
    ),
    "a log left out of the search": (
        lambda it: lying.only_in("eth_getLogs", lying.about_logs("Credited", lying.nothing)),
        Check.LOGS,
    ),
    "a transfer left out of the receipt": (
        lambda it: lying.only_in(
            "eth_getTransactionReceipt", lying.about_logs("Transfer", lying.nothing, of=_sent_by(it.address(0)))
        ),
        Check.LOGS,
    ),
    "a log that no agreement writes": (
        lambda it: lying.about_logs("Claimed", lying.with_topic(0, OTHER)),
        Check.LOGS,
    ),
    "a transaction left out": (lambda it: lying.about_transactions("accept", None), Check.LOGS),
    "other terms in the call": (
        lambda it: lying.about_calls(FACTORY, "openBatch", _entry(0, _terms_of(OTHER))),
        Check.OPENING_CALL,
    ),
    "the call is another function": (
        lambda it: (
            lambda method, params, result: (
                result | {"input": "0x12345678"}
                if method == "eth_getTransactionByHash" and result["to"].lower() == it.world.book.factory.lower()
                else result
            )
        ),
        Check.OPENING_CALL,
    ),
    "another customer's signature": (
        lambda it: lying.about_calls(FACTORY, "openBatch", _entry(1, lambda one: one[:9] + b"\1" + one[10:])),
        Check.TERMS_SIGNATURE,
    ),
    "the maker's signature is the customer's": (
        lambda it: lying.about_calls(
            FACTORY, "openBatch", lambda args: _entry(2, lambda _: args["entries"][0][1])(args)
        ),
        Check.TERMS_SIGNATURE,
    ),
    "no signature of the customer": (
        lambda it: lying.about_calls(FACTORY, "openBatch", _entry(1, lambda _: b"")),
        Check.TERMS_SIGNATURE,
    ),
    "a token that is not listed": (lambda it: lying.about_views(FACTORY, "isListed", False), Check.TERMS_RULES),
    "a supply left out": (
        lambda it: lying.about_logs(
            "Opened", lying.nothing, of=lambda log: log["topics"][1] == "0x" + it.world.id(it.terms[2]).hex()
        ),
        Check.BATCH,
    ),
    "another advance into a supply": (
        lambda it: lying.about_logs("AdvanceToSupply", lying.saying("AdvanceToSupply", amount=5 * CENT)),
        Check.FUNDING,
    ),
    "an advance left out": (lambda it: lying.about_logs("AdvanceToPayee", lying.nothing), Check.FUNDING),
    "a state left out": (
        lambda it: lying.about_logs("StateChanged", lying.nothing, of=_at(it.address(0))),
        Check.STATE,
    ),
    "another state": (
        lambda it: lying.about_logs(
            "StateChanged", lying.saying("StateChanged", to=State.REFUNDED), of=_at(it.address(0))
        ),
        Check.STATE,
    ),
    "a retention released too early": (lambda it: lying.about_time(5 * DAY, _block_of(it, "Credited")), Check.CLOCK),
    "more for the payee": (
        lambda it: lying.about_logs("Credited", lying.saying("Credited", toPayee=600 * CENT), of=_at(it.address(0))),
        Check.CREDIT,
    ),
    "a claim's credit left out": (
        lambda it: lying.about_logs("Credited", lying.nothing, of=lambda log: log["topics"][2][-1] == "1"),
        Check.CREDIT,
    ),
    "no fee": (lambda it: lying.about_logs("Credited", lying.saying("Credited", fee=0)), Check.CREDIT),
    "a payout left out": (
        lambda it: lying.about_logs("Withdrawn", lying.nothing, of=_at(it.address(0))),
        Check.PAYOUT,
    ),
    "a payout of more": (
        lambda it: lying.about_logs("Withdrawn", lying.saying("Withdrawn", amount=1), of=_at(it.address(0))),
        Check.PAYOUT,
    ),
    "a payout to somebody else": (
        lambda it: lying.about_logs("Withdrawn", lying.with_topic(3, b"\0" * 12 + b"\x66" * 20), of=_at(it.address(0))),
        Check.PAYOUT,
    ),
    "a transfer left out": (
        lambda it: lying.about_logs("Transfer", lying.nothing, of=_sent_by(it.address(0))),
        Check.TRANSFER,
    ),
    "a transfer of less": (
        lambda it: lying.about_logs("Transfer", lying.saying("Transfer", value=1), of=_sent_by(it.address(0))),
        Check.TRANSFER,
    ),
    "no lateness": (lambda it: lying.about_logs("Delivered", lying.saying("Delivered", penalty=0)), Check.LATENESS),
    "a lateness of more": (
        lambda it: lying.about_logs("Delivered", lying.saying("Delivered", penalty=50 * CENT), of=_at(it.address(0))),
        Check.LATENESS,
    ),
    "a delivery at another time": (
        lambda it: lying.about_logs("Delivered", lying.saying("Delivered", at=START + 60), of=_at(it.address(0))),
        Check.LATENESS,
    ),
    "a call of another agreement": (
        lambda it: lying.about_calls(
            AGREEMENT, "accept", lambda args: {"terms": (*args["terms"][:-1], OTHER)}, to=it.address(0)
        ),
        Check.MOVE_CALL,
    ),
    "a call that cannot be read": (lambda it: lying.about_transactions("accept", {"input": "0x"}), Check.MOVE_CALL),
    "an acceptance that was none": (
        lambda it: lying.about_calls(AGREEMENT, "accept", _signature_changed("consent"), to=it.address(0)),
        Check.CONSENT_SIGNATURE,
    ),
    "an acceptance that had expired": (
        lambda it: lying.about_calls(AGREEMENT, "accept", _expired, to=it.address(0)),
        Check.CONSENT_SIGNATURE,
    ),
    "an acceptance sent by another": (
        lambda it: lying.about_calls(AGREEMENT, "accept", _unsigned, to=it.address(0)),
        Check.CONSENT_SIGNATURE,
    ),
    "a claim's proof changed": (
        lambda it: lying.about_calls(AGREEMENT, "claim", _evidence(proof=[OTHER]), to=it.address(0)),
        Check.CLAIM_PROOF,
    ),
    "a claim of another event": (
        lambda it: lying.about_calls(AGREEMENT, "claim", _evidence(at=lambda at: at + 1), to=it.address(0)),
        Check.CLAIM_PROOF,
    ),
    "a claim that another key signed": (
        lambda it: lying.about_calls(
            AGREEMENT, "claim", _evidence(signature=lambda one: one[:9] + b"\1" + one[10:]), to=it.address(0)
        ),
        Check.CLAIM_SIGNATURE,
    ),
    "a claim that logged another event": (
        lambda it: lying.about_logs("Claimed", lying.saying("Claimed", payloadHash=OTHER), of=_at(it.address(0))),
        Check.CLAIM_EVENT,
    ),
    "a claim with another window": (
        lambda it: lying.about_logs("Claimed", lying.saying("Claimed", maturesAfter=START), of=_at(it.address(0))),
        Check.CLAIM_EVENT,
    ),
    "another secret": (
        lambda it: lying.about_calls(AGREEMENT, "deliveredBySecret", lambda _: {"secret": OTHER}),
        Check.DELIVERY_PROOF,
    ),
    "a carrier that did not sign": (
        lambda it: lying.about_calls(AGREEMENT, "deliveredByCarrier", _signature_changed("consent")),
        Check.DELIVERY_PROOF,
    ),
    "other books": (
        lambda it: lying.about_views(
            AGREEMENT, "books", lambda books: (books[0], books[1], 0, *books[3:]), at=it.address(0)
        ),
        Check.BOOKS,
    ),
    "money that is left": (
        lambda it: lying.about_views(TOKEN, "balanceOf", 1),
        Check.BALANCE,
    ),
}

LIES_OF_A_CHANGE: dict[str, tuple[Told, Check]] = {
    "less carried over": (lambda it: lying.about_logs("Replaced", lying.saying("Replaced", carried=1)), Check.LINEAGE),
    "no successor": (lambda it: lying.about_logs("Replaced", lying.nothing), Check.LINEAGE),
    "another successor": (
        lambda it: lying.about_logs("Replaced", lying.with_topic(2, it.world.id(it.terms[0])), of=_at(it.address(0))),
        Check.LINEAGE,
    ),
    "the payer wanted more": (
        lambda it: lying.about_calls(FACTORY, "novate", lambda args: {"carried": args["carried"] + 1}),
        Check.CONSENT_SIGNATURE,
    ),
    "the payer agreed to nothing": (
        lambda it: lying.about_calls(FACTORY, "novate", _signature_changed("payer")),
        Check.CONSENT_SIGNATURE,
    ),
    "the arbiter decided otherwise": (
        lambda it: lying.about_calls(AGREEMENT, "resolve", lambda _: {"payeeBps": 6_001}),
        Check.CREDIT,
    ),
    "the arbiter decided nothing": (
        lambda it: lying.about_calls(AGREEMENT, "resolve", _signature_changed("consent")),
        Check.CONSENT_SIGNATURE,
    ),
    "one party split alone": (
        lambda it: lying.about_calls(AGREEMENT, "split", _signature_changed("payee")),
        Check.CONSENT_SIGNATURE,
    ),
    "the payer contested nothing": (
        lambda it: lying.about_calls(AGREEMENT, "contest", _signature_changed("consent")),
        Check.CONSENT_SIGNATURE,
    ),
    "another milestone was approved": (
        lambda it: lying.about_calls(AGREEMENT, "approve", lambda _: {"milestone": 0}),
        Check.MOVE_CALL,
    ),
    "the supplier revoked nothing": (
        lambda it: lying.about_transactions("revoke", {"from": "0x" + "66" * 20}),
        Check.CONSENT_SIGNATURE,
    ),
    "the dispute had no beginning": (
        lambda it: lying.about_logs("Disputed", lying.nothing),
        Check.STATE,
    ),
}
