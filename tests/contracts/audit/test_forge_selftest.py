"""forge's verdict can be trusted: a good suite passes, and everything else is said to be no success."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from contracts.compiler import SETTINGS
from tests.contracts.audit.planted import project
from tests.support import require_server
from tests.tooling.commands import TimeIsUpError, run_bounded
from tests.tooling.foundry import (
    CONTRACTS,
    ForgeError,
    ForgeFailure,
    anvil,
    binary,
    environment,
    forge_test,
    missing_tools,
)

BAD = """
contract Counter {
    uint256 public count;
    address public caller;
    function up(uint256 by) external { count += by % 3; caller = msg.sender; }
    function reset() external { count = 1000; }
}
contract BadTest is Test {
    Counter private counter;
    function setUp() external {
        counter = new Counter();
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Counter.up.selector;
        _target(address(counter), selectors);
        _sender(address(0xBEEF));
    }
    function test_wrong() external view { vm.assertEq(counter.count(), 1, "count"); }
    function test_skipped() external { vm.skip(true); }
    function testFuzz_wrong(uint256 x) external pure { vm.assertLt(_bound(x, 5, 5000), 4000, "big"); }
    function test_right() external pure {
        vm.assertEq(_bound(7, 5, 9), 7);
        vm.assertEq(_bound(type(uint256).max, 0, type(uint256).max), type(uint256).max);
        vm.assertTrue(_bound(100, 5, 9) <= 9 && _bound(100, 5, 9) >= 5);
    }
    function invariant_wrong() external view { vm.assertLt(counter.count(), 20, "high"); }
    function invariant_right() external view {
        vm.assertLt(counter.count(), 1000, "a function that was not named was called");
        vm.assertTrue(counter.count() == 0 || counter.caller() == address(0xBEEF), "a sender that was not named");
    }
}
contract BadSetUpTest is Test {
    function setUp() external pure { revert("no world"); }
    function test_right() external pure {}
}
"""
WRONG = {"test_wrong()", "test_skipped()", "testFuzz_wrong(uint256)", "invariant_wrong()", "setUp()"}


@pytest.fixture(autouse=True)
def tools() -> None:
    """forge, anvil and the compiler."""
    reason = missing_tools()
    if reason is not None:
        require_server(reason)


def test_a_good_suite_passes() -> None:
    """Also the smoke test of the project: `src` compiles, and the rounding rule holds."""
    (verdict,) = forge_test("audit/test/Smoke.t.sol")
    assert verdict.kind == "Fuzz"
    assert verdict.figures["runs"] == 512


def test_each_bad_test_is_named(tmp_path: Path) -> None:
    """The negative control."""
    with pytest.raises(ForgeFailure, match="fuzz seed: 0x7") as caught:
        forge_test("audit/test/BadTest.t.sol", root=project(tmp_path, BadTest=BAD), seed="0x7")
    assert {failure.test for failure in caught.value.failures} == WRONG
    assert "count: 0 != 1" in str(caught.value)


def test_a_suite_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    source = "contract BadTest is Test { function test_x() external { y = 1; } }"
    with pytest.raises(ForgeError, match="Undeclared identifier"):
        forge_test("audit/test/BadTest.t.sol", root=project(tmp_path, BadTest=source))


def test_a_run_without_tests_is_an_error() -> None:
    with pytest.raises(ForgeError, match="no test ran"):
        forge_test("audit/test/Smoke.t.sol", match_test="no_such_test")


def test_a_suite_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """With the compiler it started, which would hold the pipe open."""
    sleep = "import time; time.sleep(60)"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{sleep}']); {sleep}"
    begun = time.monotonic()
    with pytest.raises(TimeIsUpError, match=r"did not end within 0\.5 s"):
        run_bounded([sys.executable, "-c", script], cwd=tmp_path, timeout_s=0.5, env={})
    assert time.monotonic() - begun < 10


def test_the_settings_are_the_compilers() -> None:
    """But for the pipeline: docs/audit.md says what that means."""
    command = [str(binary("forge")), "config", "--json", "--root", str(CONTRACTS)]
    told = json.loads(run_bounded(command, cwd=CONTRACTS, timeout_s=60, env=environment("default")).stdout)
    assert told["evm_version"] == SETTINGS["evmVersion"]
    assert told["optimizer"] is SETTINGS["optimizer"]["enabled"]
    assert told["optimizer_runs"] == SETTINGS["optimizer"]["runs"]
    assert told["bytecode_hash"] == SETTINGS["metadata"]["bytecodeHash"]
    assert told["cbor_metadata"] is SETTINGS["metadata"]["appendCBOR"]


@pytest.mark.integration
def test_anvil_runs_until_the_block_ends(tmp_path: Path) -> None:
    with anvil(tmp_path, chain_id=4242) as node:
        os.kill(node.pid, 0)
        with anvil(tmp_path, chain_id=4243) as other:
            assert other.port != node.port
        assert not _is_alive(other.pid)
    assert not _is_alive(node.pid)
    with anvil(tmp_path, chain_id=4242, port=node.port) as again:
        assert again.url == node.url
        os.kill(again.pid, signal.SIGKILL)  # a test may end it itself


@pytest.mark.integration
def test_an_anvil_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ForgeError, match="no-such-option"), anvil(tmp_path, options=["--no-such-option"]):
        pass


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
