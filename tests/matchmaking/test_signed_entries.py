"""Who stands behind a registry's entry: proved, claimed falsely, or not said; and what that does to the ranking."""

from typing import Any

import pytest
from eth_account import Account

from contracts.signers import LocalSigner
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.query import SearchQuery
from matchmaking.signed_entries import SignatureBroken, signer_of, typed_entry
from tests.matchmaking.helpers import (
    GATEWAY,
    Clock,
    PeerUnderTest,
    Scripted,
    answer,
    gateway,
    item,
    listing,
    page,
    public,
    service,
)

KEY, OTHER = bytes([7]) * 32, bytes([9]) * 32
URL, TYPE = f"{GATEWAY}/apis/fs", "efpf.federated-search"


async def proof(url: str = URL, service_type: str = TYPE, key: bytes = KEY, **changes: str) -> dict[str, Any]:
    signer = LocalSigner(key)
    signature = await signer.sign_typed_data(typed_entry(service_type, url))
    return {"lso": {"address": signer.address, "signature": "0x" + signature.hex()} | changes}


async def test_a_signature_names_its_signer() -> None:
    address = Account.from_key(KEY).address
    assert signer_of(await proof(), TYPE, URL) == address
    assert signer_of(await proof(address=address.lower()), TYPE, URL) == address
    assert signer_of({}, TYPE, URL) is None
    assert signer_of({"lso": None}, TYPE, URL) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://elsewhere.example/apis/fs"},
        {"service_type": "other.federated-search"},
        {"address": Account.from_key(OTHER).address},
        {"address": "nobody"},
        {"signature": "0x" + "00" * 65},
        {"signature": "0x" + "zz" * 65},
        {"signature": "0x1234"},
        {"signature": "0x" + "é" * 130},
    ],
)
async def test_a_false_claim_is_broken(changes: dict[str, str]) -> None:
    with pytest.raises(SignatureBroken):
        signer_of(await proof(**changes), TYPE, URL)


@pytest.mark.parametrize("claim", [5, [], "text", {"address": 5}, {"address": "0x", "signature": None}])
def test_what_is_no_claim_is_broken(claim: object) -> None:
    with pytest.raises(SignatureBroken):
        signer_of({"lso": claim}, TYPE, URL)


def federation(*entries: dict[str, Any]) -> Scripted:
    """A registry that lists these; each has an offer of its own, the later the cheaper."""
    scripted = Scripted().with_token().on("/apis/sr/type/suffix/federated-search", answer(listing(*entries)))
    for number, entry in enumerate(entries):
        path = entry["apis"][0]["url"].removeprefix(GATEWAY)
        party = {"id": entry["id"], "legalName": entry["id"]}
        offer = item(uri=f"urn:{entry['id']}", price={"EUR": 10.0 - number}, manufacturer=party)
        scripted.on(f"{path}/item/search", answer(page(offer)))
    return scripted


def entry(name: str, meta: dict[str, Any] | None = None, url: str | None = None) -> dict[str, Any]:
    api = service()["apis"][0] | {"url": url or f"{GATEWAY}/{name}"}
    return service(id=name, apis=[api], meta=meta)


async def found(scripted: Scripted, **changes: Any) -> Any:
    config = FederationConfig((gateway(**changes),))
    return await FederatedClient(config, scripted.http(), clock=Clock(), resolve=public).search(SearchQuery())


async def test_signed_entries_rank_before_cheaper_unsigned_ones() -> None:
    signed = entry("signed", await proof(f"{GATEWAY}/signed"))
    got = await found(federation(signed, entry("unsigned")))
    assert [offer.item_id for offer in got.offers] == ["urn:signed", "urn:unsigned"]
    assert [offer.signed_by for offer in got.offers] == [Account.from_key(KEY).address, None]
    without = await found(federation(entry("signed"), entry("unsigned")))
    assert [offer.item_id for offer in without.offers] == ["urn:unsigned", "urn:signed"]


async def test_a_forged_entry_is_never_asked_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody copied the entry of another and put an address of his own under it."""
    forged = entry("forged", await proof(f"{GATEWAY}/signed"))
    scripted = federation(forged, entry("unsigned"))
    got = await found(scripted)
    assert [offer.item_id for offer in got.offers] == ["urn:unsigned"]
    (told,) = [report for report in got.by_source if report.status != "ok"]
    assert (told.source_id, told.status, told.error) == ("efpf/forged", "skipped", "signature_refused")
    assert "/forged/item/search" not in scripted.paths()
    assert "signature_refused" in caplog.text


async def test_only_signers_we_know_count_where_some_are_named() -> None:
    scripted = federation(entry("signed", await proof(f"{GATEWAY}/signed")), entry("unsigned"))
    stranger = await found(scripted, trusted_signers=(Account.from_key(OTHER).address,))
    assert [offer.signed_by for offer in stranger.offers] == [None, None]
    known = await found(scripted, trusted_signers=(Account.from_key(KEY).address.lower(),))
    assert [offer.item_id for offer in known.offers] == ["urn:signed", "urn:unsigned"]


async def test_our_own_peer_signs_its_entry() -> None:
    url = "http://peer.example/apis/fs"
    claim = (await proof(url, "lso.federated-search"))["lso"]
    peer = PeerUnderTest(proof=claim)
    got = await peer.client().search(SearchQuery())
    assert {offer.signed_by for offer in got.offers} == {claim["address"]}
