"""The public half of the key on a person's device, or of an organisation's keystore, becomes known."""

from typing import Any

from marketplace.application.context import Context
from marketplace.application.sign_in import view
from marketplace.application.views import AccountView
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidInput, NotFound
from marketplace.domain.parties import Account


def proof_to_sign(account_id: str, address: str) -> dict[str, Any]:
    """The EIP-712 message that shows that the holder of `address` wants to sign for this account."""
    return {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}],
            "KeyProof": [{"name": "account", "type": "string"}, {"name": "signer", "type": "address"}],
        },
        "primaryType": "KeyProof",
        "domain": {"name": "LotSizeOne", "version": "1"},
        "message": {"account": account_id, "signer": address},
    }


async def set_signing_key(ctx: Context, caller: Account, *, address: str, signature: str) -> AccountView:
    """Register `address`. Raises InvalidInput unless `signature` proves that its key is at hand.

    Who joined by an invitation can sign from now on: the order that waits for it is searched for at once.
    """
    signer = ctx.chain.signed_by(proof_to_sign(caller.id, address), signature)
    if signer is None or signer.lower() != address.lower():
        raise InvalidInput("signature", "does not prove that the key of this address is at hand")
    async with ctx.uow.write() as tx:
        await tx.parties.set_address(caller, address.lower())
        for invitation in await tx.invitations.of_account(caller.id):
            find = Effect(EffectKind.FIND_SUPPLIERS, f"joined:{invitation.id}")
            await tx.outbox.add(invitation.order_id, [find], ctx.clock.now())
        changed = await tx.parties.account(caller.id)
    if changed is None:
        raise NotFound("account")
    return view(changed)
