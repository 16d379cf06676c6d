"""A deployment happens once, whatever interrupts it."""

import dataclasses
from pathlib import Path

import pytest

from contracts.bindings import factory
from contracts.deployer import AddressBook, DeploymentError, create_address, deploy, verify
from contracts.errors import NodeUnavailable
from tests.contracts.world import ADDRESS, SIGNERS, LocalRpc, World


async def _deploy(rpc: LocalRpc) -> AddressBook:
    return await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["deployer"])


class Dying(LocalRpc):
    """A node that goes away after so many transactions."""

    def __init__(self, folder: Path, transactions: int) -> None:
        super().__init__(folder)
        self._left = transactions

    async def call(self, method: str, *params: object) -> object:
        if method == "eth_sendRawTransaction":
            if self._left == 0:
                raise NodeUnavailable("gone")
            self._left -= 1
        return await super().call(method, *params)


async def test_settings_on_the_chain_are_those_of_the_deployment(world: World) -> None:
    assert world.book.test_euro is not None
    settings = await factory.settings(world.rpc, world.book.factory)
    assert settings == factory.FactorySettings(
        world.book.delivery_implementation, world.book.supply_implementation, ADDRESS["fees"], 1_000, 3_000
    )
    assert await factory.is_listed(world.rpc, world.book.factory, world.book.test_euro)
    assert not await factory.is_listed(world.rpc, world.book.factory, ADDRESS["stranger"])


@pytest.mark.req(83)
async def test_second_run_finds_the_first(tmp_path: Path) -> None:
    rpc = LocalRpc(tmp_path)
    first = await _deploy(rpc)
    head = rpc.node.head_number
    assert await _deploy(rpc) == first
    assert rpc.node.head_number == head
    assert AddressBook.from_json(first.to_json()) == first
    first.save(tmp_path / "book.json")
    assert AddressBook.from_json((tmp_path / "book.json").read_text("utf-8")) == first
    rpc.node.close()


@pytest.mark.parametrize("sent", [0, 1, 3])
async def test_interrupted_run_is_finished_by_the_next(tmp_path: Path, sent: int) -> None:
    dying = Dying(tmp_path, sent)
    with pytest.raises(NodeUnavailable):
        await _deploy(dying)
    dying.node.close()
    rpc = LocalRpc(tmp_path)
    await verify(rpc, await _deploy(rpc))
    assert rpc.node.head_number == 4
    rpc.node.close()


async def test_other_code_or_chain_is_noticed(world: World) -> None:
    await verify(world.rpc, world.book)
    swapped = dataclasses.replace(world.book, factory=world.book.supply_implementation)
    with pytest.raises(DeploymentError, match="AgreementFactory"):
        await verify(world.rpc, swapped)
    with pytest.raises(DeploymentError, match="chain"):
        await verify(world.rpc, dataclasses.replace(world.book, chain_id=1))
    with pytest.raises(DeploymentError):
        AddressBook.from_json('{"chain_id": 1}')


async def test_nonces_used_for_something_else_are_noticed(world: World) -> None:
    with pytest.raises(DeploymentError):
        await deploy(world.rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=None, first_nonce=4)
    with pytest.raises(DeploymentError, match="next nonce"):
        await deploy(world.rpc, SIGNERS["relayer"], fee_receiver=ADDRESS["fees"], first_nonce=5)


@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        # From the Ethereum wiki's example of keccak(rlp([sender, nonce])).
        (0, "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"),
        (1, "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"),
    ],
)
def test_created_address(nonce: int, expected: str) -> None:
    assert create_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", nonce) == expected
