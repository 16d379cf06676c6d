"""The people and organisations of the demonstration: each with an account and a key of its own.

They know of the marketplace what any partner does: its generated client (mobile_api/client).
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from eth_hash.auto import keccak

from bootstrap.files import read_object, write_private
from contracts.signers import LocalSigner, encrypt_key
from mobile_api.client import Client, Problem
from mobile_api.client.models.accounts import Account, AccountCreate, SigningKey
from mobile_api.client.transport import new_key

REQUEST_TIMEOUT_S = 30.0
PATIENCE_S = 60.0
"""How long people ask again while the interface is away: it is started again in seconds."""
BACKUP_SCRYPT_N = 2**14
"""Cost of the exported backups: a demonstration's keys guard play money, and a phone must open them at once."""


class Refused(RuntimeError):
    """The interface refused a request; the text is its problem (RFC 9457)."""


@dataclass(frozen=True, slots=True)
class Role:
    """Who plays what."""

    name: str
    role: Literal["customer", "manufacturer", "supplier", "carrier"]
    display_name: str
    email: str
    organisation: str | None = None
    registry_party_id: str | None = None


CUSTOMER = Role("customer", "customer", "Ana Souza", "ana@example.org")
MANUFACTURER = Role("manufacturer", "manufacturer", "Miguel (Model Factory)", "maker@example.org", "Model Factory")
AMP = Role("amp", "supplier", "Alice (AMP)", "amp@example.org", "AMP – Advanced Manufacturing Plant", "amp")
MACHINING = Role(
    "machining",
    "supplier",
    "Rui (Recôncavo)",
    "machining@example.org",
    "Recôncavo Machining Services",
    "reconcavo-machining",
)
CARRIER = Role("carrier", "carrier", "Caio (Bahia Parcel)", "carrier@example.org", "Bahia Parcel")
CAST = (CUSTOMER, MANUFACTURER, AMP, MACHINING, CARRIER)


@dataclass
class Actor:
    """One account with the key on its own side. `key` never leaves this object except into its own backup."""

    role: Role
    http: httpx.AsyncClient
    password: str
    key: bytes = field(repr=False)
    api: Client = field(init=False, repr=False)
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.api = Client(self.http, patience_s=PATIENCE_S)

    @property
    def signer(self) -> LocalSigner:
        """Signs as this actor."""
        return LocalSigner(self.key)

    @property
    def address(self) -> str:
        """The public half."""
        return self.signer.address

    @property
    def name(self) -> str:
        """As people call it."""
        return self.role.organisation or self.role.display_name

    @property
    def token(self) -> str:
        """The bearer token of who is signed in."""
        return self.api.token

    @token.setter
    def token(self, token: str) -> None:
        self.api.token = token

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request as it is, for whoever tries what the client would not. Raises Refused, httpx.TransportError."""
        headers = {"Idempotency-Key": new_key()} if method == "POST" else {}
        response = await self.api.send(method, path, repeatable=True, busy=False, json=body, headers=headers)
        if not response.is_success:
            raise Refused(f"{method} {path}: {response.status_code} {response.text[:400]}")
        return response.json() if response.content else None

    async def sign(self, typed: dict[str, Any]) -> str:
        """Sign typed data, as 0x-hex."""
        return "0x" + (await self.signer.sign_typed_data(typed)).hex()

    async def join(self) -> None:
        """Register, or sign in where the account is there already, and make the signing key known. Raises Problem."""
        role = self.role
        wanted: AccountCreate = {
            "email": role.email,
            "password": self.password,
            "display_name": role.display_name,
            "role": role.role,
            "organisation_name": role.organisation,
            "registry_party_id": role.registry_party_id,
        }
        try:
            await self.api.register_account(wanted)
        except Problem as refusal:
            if refusal.status != httpx.codes.CONFLICT:
                raise
        signed_in = await self.api.sign_in(basic=(role.email, self.password))
        self.token = signed_in["access_token"]
        self.account = signed_in["account"]
        if (self.account["address"] or "").lower() != self.address.lower():
            await self._show_key()

    async def _show_key(self) -> None:
        typed = {
            "types": {
                "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}],
                "KeyProof": [{"name": "account", "type": "string"}, {"name": "signer", "type": "address"}],
            },
            "primaryType": "KeyProof",
            "domain": {"name": "LotSizeOne", "version": "1"},
            "message": {"account": self.account["id"], "signer": self.address},
        }
        body: SigningKey = {"address": self.address, "signature": await self.sign(typed)}
        self.account = await self.api.set_signing_key(body)

    def handover_secret(self, client_reference: str) -> bytes:
        """The order's secret, derived from the key as the app does, so that a backup of the key brings it back."""
        return keccak(self.key + f"lso-handover:{client_reference}".encode())

    def back_up(self, folder: Path) -> Path:
        """Write the key as an encrypted keystore (Web3 Secret Storage v3) that the app can import."""
        path = folder / f"{self.role.name}.json"
        if not path.exists():
            write_private(path, encrypt_key(self.key, self.password, iterations=BACKUP_SCRYPT_N))
        return path


def assemble(folder: Path, http: httpx.AsyncClient) -> dict[str, Actor]:
    """The cast; keys and passwords are made at the first start and kept in the data folder."""
    path = folder / "actors.json"
    known = read_object(path) if path.exists() else {}
    for role in CAST:
        fresh = {"key": secrets.token_hex(32), "password": f"demo-{secrets.token_hex(4)}"}
        known.setdefault(role.name, fresh)
    write_private(path, known)
    return {
        role.name: Actor(role, http, known[role.name]["password"], bytes.fromhex(known[role.name]["key"]))
        for role in CAST
    }
