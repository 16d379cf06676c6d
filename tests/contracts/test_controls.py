"""Negative controls: the attacks of the other tests, on contracts whose checks are taken out.

Each attack that the real contracts refuse succeeds here. So it is the check that stops it, and not a mistake in the
attack.
"""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts import abi, artifacts, compiler
from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Party, State
from contracts.bindings.factory import Entry
from contracts.terms import Milestone, pack_milestones
from tests.contracts.conftest import deploy_and_fund, once_a_run
from tests.contracts.world import PRODUCTION_FINISHED, LocalRpc, World
from tests.support import require_server

CHECKS = {
    "src/libraries/TermsRules.sol": ["if (selfAttested > selfAttestedBps)"],
    "src/AgreementFactory.sol": [
        "if (terms.supplyCount != supplies)",
        "if (!SignatureChecker.isValidSignatureNowCalldata(party, id, signature))",
    ],
    "src/AgreementCore.sol": [
        "if (!MerkleProof.verifyCalldata(evidence.proof, evidence.root, leaf))",
        "if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, evidence.signature))",
        "if (terms.handover == 0 || keccak256(bytes.concat(secret)) != terms.handover)",
        "if (block.timestamp <= moment)",
        "if (msg.sender != party)",
    ],
}


@pytest.fixture(scope="module")
def weakened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Artifacts without those checks, in the place of the real ones while this module runs."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    folder = once_a_run(tmp_path_factory, "weakened", _compile_weakened)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "FOLDER", folder)
        _forget()
        yield folder
    _forget()


def _compile_weakened(folder: Path) -> None:
    # Without the optimiser it compiles in a third of the time, and an attack does not care for gas.
    settings = compiler.SETTINGS | {"optimizer": {"enabled": False}}
    standard = compiler.standard_input() | {"settings": settings}
    for name, conditions in CHECKS.items():
        for condition in conditions:
            content = standard["sources"][name]["content"]
            assert content.count(condition) == 1, condition
            off = condition.replace("if (", "if (false && (", 1) + ")"
            standard["sources"][name]["content"] = content.replace(condition, off)
    for file, text in compiler.build_artifacts(standard).items():
        (folder / file).write_text(text, "utf-8")


def _forget() -> None:
    artifacts.load.cache_clear()
    abi.function.cache_clear()


@pytest.fixture
async def weak(weakened: Path, tmp_path: Path) -> AsyncIterator[World]:
    rpc = LocalRpc(tmp_path)
    yield World(rpc, await deploy_and_fund(rpc))
    rpc.node.close()


async def test_unsigned_batch_would_take_the_payers_allowance(weak: World) -> None:
    terms = weak.delivery_terms(supplies=0)
    await weak.send("stranger", factory.open_batch(weak.book.factory, [Entry(terms)]))
    assert await weak.is_open(terms)


async def test_maker_would_be_paid_by_its_own_word_alone(weak: World) -> None:
    lanes = pack_milestones([Milestone(10_000, PRODUCTION_FINISHED)])
    terms = await weak.open_lone(milestones=lanes, cancel_until=255)
    await weak.claim(terms, 0, await weak.evidence("attestor", terms, PRODUCTION_FINISHED))
    weak.rpc.warp(weak.rpc.node.head_timestamp + terms.contest_window)
    await weak.send("stranger", agreement.withdraw(weak.address(terms), terms, Party.PAYEE))
    assert (await weak.books(terms)).left == 0


async def test_delivery_would_open_without_its_supplies(weak: World) -> None:
    delivery = weak.delivery_terms(supplies=2)
    await weak.open([delivery])
    assert await weak.is_open(delivery)


async def test_forged_foreign_evidence_would_claim(weak: World) -> None:
    terms = await weak.open_lone()
    forged = await weak.evidence("stranger", terms, PRODUCTION_FINISHED, agreement_id=b"\x01" * 32)
    await weak.claim(terms, 1, dataclasses.replace(forged, signature=bytes(65)))
    assert (await agreement.claimed_at(weak.rpc, weak.address(terms)))[1]


async def test_wrong_secret_would_deliver_and_a_stranger_accept_at_once(weak: World) -> None:
    terms = await weak.open_lone()
    at = weak.address(terms)
    await weak.send("maker", agreement.delivered_by_secret(at, terms, b"\x99" * 32))
    await weak.send("maker", agreement.accept(at, terms))
    await weak.send("maker", agreement.release(at, terms))
    assert (await weak.books(terms)).state is State.SETTLED


async def test_payer_would_be_refunded_while_the_maker_works(weak: World) -> None:
    terms = await weak.open_lone()
    await weak.send("customer", agreement.refund(weak.address(terms), terms))
    assert (await weak.books(terms)).state is State.REFUNDED
