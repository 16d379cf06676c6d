"""What gas costs in euros, on Ethereum itself and on a rollup of the OP-stack kind. All prices are assumptions."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.gas_model.chain import Sent

GWEI: Final = 1e-9
"""Ether."""
ETH_EUR: Final = 3_000.0
"""Euros for one ether: a round number of November 2026, not a quotation."""
L1_GWEI: Final = (0.5, 3.0, 20.0)
"""A quiet night, an ordinary day, a rush."""


@dataclass(frozen=True)
class Rollup:
    """Prices of a rollup: its own gas, and the bytes that it must put on Ethereum.

    A transaction pays gas × `execution_gwei` + size × (16 × base_scalar × `l1_gwei` + blob_scalar × `blob_gwei`) / 10^6
    gwei; its size is what compression leaves of the signed bytes (OP-stack specification, Fjord, "L1-Cost fees").
    """

    execution_gwei: float
    l1_gwei: float = 3.0
    blob_gwei: float = 3.0 / 16  # EIP-7918: a blob's byte is hardly ever cheaper than a sixteenth of Ethereum's gas
    base_scalar: int = 5_227  # the two scalars as OP Mainnet has had them
    blob_scalar: int = 1_014_213

    @property
    def byte_gwei(self) -> float:
        """Data fee of one compressed byte."""
        return (16 * self.base_scalar * self.l1_gwei + self.blob_scalar * self.blob_gwei) / 1e6


ROLLUPS: Final = (Rollup(0.001), Rollup(0.01))


def on_ethereum(gas: int, gwei: float, eth_eur: float = ETH_EUR) -> float:
    """Euros for that gas."""
    return gas * gwei * GWEI * eth_eur


def on_rollup(sent: Iterable[Sent], rollup: Rollup, eth_eur: float = ETH_EUR) -> float:
    """Euros for these transactions."""
    fees = (one.gas * rollup.execution_gwei + compressed(one.raw) * rollup.byte_gwei for one in sent)
    return sum(fees) * GWEI * eth_eur


def compressed(raw: bytes) -> int:
    """Bytes that are left of a signed transaction: zlib stands in for the batcher's compression, never under 100."""
    return max(100, len(zlib.compress(raw, 9)))
