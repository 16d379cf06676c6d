"""Who stands behind an entry of a registry: `meta.lso = {address, signature}`, EIP-712 over its type and its address.

Whoever may write to a registry can list a search there, under any name. The signature binds the listed address to a
key that people can know from elsewhere; a registry that changes the address breaks it.
"""

from collections.abc import Mapping
from typing import Any, Final

MEMBER: Final = "lso"
_SIGNATURE_TEXT: Final = 2 + 2 * 65  # 0x and 65 bytes


class SignatureBroken(ValueError):
    """The entry claims a signer who did not sign it."""


def typed_entry(service_type: str, url: str) -> dict[str, Any]:
    """What is signed."""
    return {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}],
            "SearchService": [{"name": "serviceType", "type": "string"}, {"name": "url", "type": "string"}],
        },
        "primaryType": "SearchService",
        "domain": {"name": "lot-size-one federation", "version": "1"},
        "message": {"serviceType": service_type, "url": url},
    }


def signer_of(meta: Mapping[str, Any], service_type: str, url: str) -> str | None:
    """The address that signed, with EIP-55's capitals; None if the entry claims none. Raises SignatureBroken."""
    claim = meta.get(MEMBER)
    if claim is None:
        return None
    address = claim.get("address") if isinstance(claim, dict) else None
    signature = claim.get("signature") if isinstance(claim, dict) else None
    if not isinstance(address, str) or not isinstance(signature, str) or len(signature) != _SIGNATURE_TEXT:
        raise SignatureBroken("the entry's signature is not an address and 65 bytes")
    # Half a second to import, and only where something is signed.
    from eth_account import Account  # noqa: PLC0415
    from eth_account.messages import encode_typed_data  # noqa: PLC0415

    message = encode_typed_data(full_message=typed_entry(service_type, url))
    try:
        found = str(Account.recover_message(message, signature=bytes.fromhex(signature.removeprefix("0x"))))
    except Exception as error:  # eth-keys raises its own family of errors
        raise SignatureBroken("no key gives the entry's signature") from error
    if found.lower() != address.lower():
        raise SignatureBroken("somebody else signed the entry, or something else was signed")
    return found
