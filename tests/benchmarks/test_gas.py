"""The gas benchmark: its bounds are honest, its gate can fail, its page says what was measured."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks import gas
from benchmarks.gas_model import chain, life, needs, page, prices
from benchmarks.gas_model.trace import Trace

WANTED = {
    *("open_allowance", "open_permit", "supply_next", "claim_first", "claim_later", "approve", "delivered", "finalise"),
    *("refund", "dispute", "resolve", "split", "withdraw", "life_three_claims", "order_total_gas"),
}


@pytest.fixture(scope="module")
def measured() -> gas.Measured:
    """One measurement for all tests."""
    return gas.measure()


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> tuple[life.Step, dict[bytes, str]]:
    """A permit's opening, which has nearly every kind of need, and who is who on its chain."""
    market = chain.Chain(tmp_path_factory.mktemp("chain"))

    async def play() -> life.Step:
        await market.prepare()
        return await life.Moves(market).open_permit()

    opened = asyncio.run(play())
    market.close()
    return opened, market.roles()


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────


def test_no_operation_is_too_dear(measured: gas.Measured) -> None:
    snapshot = json.loads(gas.SNAPSHOT.read_text())
    assert gas.offenders(measured.figures, measured.bounds, snapshot) == []


def test_every_declared_need_happens(measured: gas.Measured) -> None:
    assert measured.unmet == []


def test_every_operation_has_its_bound_and_its_words(measured: gas.Measured) -> None:
    assert measured.figures.keys() == measured.bounds.keys() == page.WHAT.keys()
    assert measured.figures.keys() >= WANTED
    assert all(measured.bounds[name] <= figure for name, figure in measured.figures.items())


def test_a_lower_snapshot_fails(measured: gas.Measured) -> None:
    lowered = {name: int(figure * 0.96) for name, figure in measured.figures.items()}
    found = gas.offenders(measured.figures, dict.fromkeys(measured.figures, 10**9), lowered)
    assert len(found) == len(lowered)
    assert all("above" in line for line in found)


def test_a_lower_bound_fails(measured: gas.Measured) -> None:
    lowered = {name: int(figure / 1.20) for name, figure in measured.figures.items()}
    found = gas.offenders(measured.figures, lowered, measured.figures)
    assert len(found) == len(lowered)
    assert all("of its bound" in line for line in found)


def test_the_gate_names_what_is_just_too_dear_and_nothing_else() -> None:
    figures, bounds = {"a": 115, "b": 116}, {"a": 100, "b": 100}
    assert gas.offenders(figures, bounds, {"a": 112, "b": 113}) == ["b: 116 is 1.160 of its bound 100, more than 1.15"]
    assert gas.offenders({"a": 104}, {"a": 104}, {"a": 100}) == ["a: 104 is more than 3 % above 100 of the snapshot"]


@pytest.mark.parametrize(("figures", "snapshot"), [({"a": 1}, {}), ({}, {"a": 1})])
def test_an_operation_that_comes_or_goes_is_named(figures: dict[str, int], snapshot: dict[str, int]) -> None:
    assert len(gas.offenders(figures, {"a": 1}, snapshot)) == 1


# ── the bounds ───────────────────────────────────────────────────────────────────────────────────


def test_the_trace_accounts_for_all_gas(step: tuple[life.Step, dict[bytes, str]]) -> None:
    sent = step[0].sent
    refunds = {"clear": 4_800, "borrow": 19_900}
    refund = sum(refunds.get(fate, 0) for _, fate in needs.fates(sent.trace))
    assert refund == 19_900
    assert needs.TRANSACTION + chain.calldata_gas(sent.calldata) + sent.trace.gas.total() - refund == sent.gas
    assert sent.trace.groups().total() == sent.trace.gas.total()


@pytest.mark.parametrize(("kind", "where"), [(kind, "token") for kind in needs.PRICES] + [("Opened", "factory")])
def test_an_invented_need_is_found(step: tuple[life.Step, dict[bytes, str]], kind: str, where: str) -> None:
    opened, roles = step
    invented = needs.Need(kind, where, "none", times=3)
    assert needs.unmet(opened.needs, opened.sent.trace, roles) == []
    assert len(needs.unmet([*opened.needs, invented], opened.sent.trace, roles)) == 1


def test_nothing_happened_in_an_empty_trace() -> None:
    assert len(needs.unmet(needs.OPEN_ALLOWANCE, Trace(), {})) == len(needs.OPEN_ALLOWANCE)


def test_needs_cost_what_the_evm_asks() -> None:
    assert needs.told("Transfer").gas == 375 + 3 * 375 + 8 * 32
    assert needs.told("Opened").gas == 375 + 4 * 375 + 8 * 30 * 32
    assert needs.signed("anybody", 2).gas == 6_000
    assert needs.PRICES["clone"] == 47_400
    assert chain.calldata_gas(b"\0\0\1") == 24
    assert chain.calldata_floor(b"\0\0\1") == 60
    spent = [*needs.OPEN_ALLOWANCE, needs.RECEIVED]
    assert sum(need.gas for need in spent) - sum(need.gas for need in needs.OPEN_ALLOWANCE) == 5_000


def test_a_claim_is_proved_in_eight_steps() -> None:
    assert chain.LEAVES == 2**8


# ── the report ───────────────────────────────────────────────────────────────────────────────────


def test_the_command_ends_with_one_object_and_fails_when_it_must(
    measured: gas.Measured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = dataclasses.replace(measured, bounds=measured.figures)
    monkeypatch.setattr(gas, "measure", lambda: measured)
    monkeypatch.setattr(gas, "SNAPSHOT", tmp_path / "snapshot.json")
    text = page.PAGE.read_text()
    monkeypatch.setattr(page, "PAGE", tmp_path / "gas.md")
    page.PAGE.write_text(text)
    codes = [gas.main(["--json", "--write-snapshot"]), gas.main([])]
    assert gas.SNAPSHOT.exists()
    output = capsys.readouterr().out.splitlines()
    shown = json.loads(output[-1])
    assert codes == [0, 0]
    assert json.loads(output[0]) == shown
    assert shown["figures"] == measured.figures
    assert shown["ratios"].keys() >= {"open_allowance_to_bound", "open_allowance_to_kleros_v2_create"}
    gas.SNAPSHOT.write_text(json.dumps(measured.figures | {"refund": int(measured.figures["refund"] * 0.96)}))
    assert gas.main(["--json"]) == 1
    assert "refund" in capsys.readouterr().err
    monkeypatch.setattr(gas, "measure", lambda: dataclasses.replace(measured, unmet=["refund: padded"]))
    gas.SNAPSHOT.write_text(json.dumps(measured.figures))
    assert gas.main(["--json"]) == 1


def test_the_page_says_what_the_snapshot_says() -> None:
    text = page.PAGE.read_text()
    assert page.gas_on(text) == json.loads(gas.SNAPSHOT.read_text())
    assert page.gas_on(page.written(text, dict.fromkeys(page.WHAT, 1), dict.fromkeys(page.WHAT, 1), {})) == (
        dict.fromkeys(page.WHAT, 1)
    )


def test_euros_are_gas_times_price_and_on_a_rollup_bytes_too() -> None:
    assert prices.on_ethereum(1_000_000, 20.0, 3_000.0) == pytest.approx(60.0)
    rollup = prices.Rollup(0.01, l1_gwei=2.0, blob_gwei=1.0, base_scalar=5_000, blob_scalar=1_000_000)
    assert rollup.byte_gwei == pytest.approx(1.16)
    sent = chain.Sent(gas=100_000, calldata=b"", raw=bytes(50), trace=Trace())
    assert prices.compressed(sent.raw) == 100
    assert prices.on_rollup([sent], rollup, 3_000.0) == pytest.approx((1_000 + 116) * 1e-9 * 3_000)
