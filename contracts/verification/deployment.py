"""Is this factory ours: it and its parts are the committed artifacts, and their settings belong together."""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from contracts.artifacts import load
from contracts.bindings.factory import CONTRACT, FactorySettings
from contracts.bindings.factory import settings as read_settings
from contracts.eip712 import address_bytes
from contracts.errors import ContractsError
from contracts.terms import DOMAIN_NAME, DOMAIN_VERSION, Kind, agreement_address
from contracts.verification.reader import Reader, same
from contracts.verification.verdict import Check, Discrepancy, Notes, Voucher

PARTS: Final = {Kind.DELIVERY: "DeliveryAgreement", Kind.SUPPLY: "SupplyAgreement"}
ID_AT: Final = 45
"""A clone is EIP-1167's 45 bytes, then the id."""


@dataclass(frozen=True)
class Deployment:
    """A factory that is ours."""

    factory: str
    chain_id: int
    settings: FactorySettings

    def implementation(self, kind: Kind) -> str:
        """Behind agreements of this kind."""
        return self.settings.delivery_implementation if kind is Kind.DELIVERY else self.settings.supply_implementation

    def address_of(self, agreement_id: bytes, kind: Kind) -> str:
        """Where an agreement of this kind is."""
        return agreement_address(agreement_id, factory=self.factory, implementation=self.implementation(kind))


def clone_code(implementation: str, agreement_id: bytes) -> bytes:
    """The code of a clone: EIP-1167, and the id behind it."""
    proxy = bytes.fromhex("363d3d373d3d3d363d73") + address_bytes(implementation)
    return proxy + bytes.fromhex("5af43d82803e903d91602b57fd5bf3") + agreement_id


def parse_clone(code: bytes) -> tuple[str, bytes] | None:
    """(implementation, id) of a clone's code, or None where it is something else."""
    implementation = "0x" + code[10:30].hex()
    if len(code) == ID_AT + 32 and code == clone_code(implementation, code[ID_AT:]):
        return implementation, code[ID_AT:]
    return None


async def check_deployment(reader: Reader, factory: str, notes: Notes) -> Deployment:
    """The factory with its settings.

    Raises:
        Discrepancy: it is other code, or its parts are.
    """
    await _check_code(reader, factory, CONTRACT, Check.FACTORY_CODE, notes)
    try:
        settings = await read_settings(reader.rpc, factory)
    except ContractsError as error:
        raise Discrepancy(Check.FACTORY_SETTINGS, f"the factory does not tell its settings: {error}") from error
    deployment = Deployment(factory, reader.chain_id, settings)
    for kind, contract in PARTS.items():
        part = deployment.implementation(kind)
        await _check_code(reader, part, contract, Check.IMPLEMENTATION_CODE, notes)
        belongs = (
            same(await reader.read(contract, part, "factory"), factory),
            same(await reader.read(contract, part, "feeReceiver"), settings.fee_receiver),
        )
        notes.require(all(belongs), Check.FACTORY_SETTINGS, f"{contract} at {part} was made for another factory")
    await _check_words(reader, deployment, notes)
    notes.note(
        Check.FACTORY_SETTINGS,
        f"no fee above {settings.fee_ceiling_bps / 100:g} %, no more than {settings.self_attested_bps / 100:g} % on the"
        " payee's own word, advance included",
        Voucher.CHAIN,
    )
    return deployment


async def _check_code(reader: Reader, address: str, contract: str, check: Check, notes: Notes) -> None:
    code = await reader.code(address)
    notes.require(load(contract).matches(code), check, f"at {address} there is no {contract} of this release")
    statement = f"{address} has this release's code of {contract}, code hash 0x{keccak(code).hex()}"
    notes.note(check, statement, Voucher.CHAIN)


async def _check_words(reader: Reader, deployment: Deployment, notes: Notes) -> None:
    """What the masked places hold: a constructor can only have put the deployment's own words there."""
    settings = deployment.settings
    numbers = (deployment.chain_id, settings.fee_ceiling_bps, settings.self_attested_bps)
    parts = (settings.delivery_implementation, settings.supply_implementation)
    addresses = (deployment.factory, settings.fee_receiver, *parts)
    known = {_domain(deployment), *(number.to_bytes(32, "big") for number in numbers)}
    known |= {address_bytes(address).rjust(32, b"\0") for address in addresses}
    for contract, address in ((CONTRACT, deployment.factory), *zip(PARTS.values(), parts, strict=True)):
        code = await reader.code(address)
        held = {code[start : start + length] for start, length in load(contract).immutable_references}
        notes.require(held <= known, Check.FACTORY_SETTINGS, f"{contract} at {address} holds a word of nobody's")


def _domain(deployment: Deployment) -> bytes:
    """EIP-712's domain separator."""
    kinds = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    hashed = [keccak(text.encode()) for text in (kinds, DOMAIN_NAME, DOMAIN_VERSION)]
    words = deployment.chain_id.to_bytes(32, "big") + address_bytes(deployment.factory).rjust(32, b"\0")
    return keccak(b"".join(hashed) + words)
