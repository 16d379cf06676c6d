"""Properties of the contracts hold for every argument, one test each; halmos itself is seen to refute."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.audit.planted import project
from tests.support import require_server
from tests.tooling.halmos import HalmosError, NotProved, Property, judged, missing_tools, properties, prove

PROVED = {"exitcode": 0, "num_paths": [3, 2, 0], "num_bounded_loops": 0}
BAD = """
contract BadTest is Test {
    function check_wrong(uint256 x) external pure { assert(x != 77); }
    function check_neverReturns(uint256) external pure { revert("no"); }
    function check_loop(uint256 x) external pure { vm.assume(x < 99); for (uint256 i = 0; i < x; ++i) {} }
    function check_right(uint8 x) external pure { assert(uint256(x) + 1 < 257); }
    function check_rightToo(uint8 x) external pure { assert(uint256(x) < 256); }
}
"""


@pytest.fixture
def tools() -> None:
    """halmos, its solvers, forge and the compiler."""
    reason = missing_tools()
    if reason is not None:
        require_server(reason)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of properties, some of them wrong."""
    root = project(tmp_path_factory.mktemp("planted"), BadTest=BAD)
    folder = root / "audit" / "test" / "halmos"
    folder.mkdir()
    source = (root / "audit" / "test" / "BadTest.t.sol").rename(folder / "Bad.t.sol")
    source.write_text(source.read_text().replace('"./Test.sol"', '"../Test.sol"'))
    return root


@pytest.mark.nightly
@pytest.mark.parametrize("wanted", properties(), ids=str)
def test_a_property_is_proved(tools: None, wanted: Property) -> None:
    prove(wanted)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("check_wrong", "(?s)refuted.*0x0*4d"),
        ("check_neverReturns", "every path reverts"),
        ("check_loop", "loops run on after"),
    ],
)
def test_a_wrong_property_is_not_proved(tools: None, planted: Path, name: str, said: str) -> None:
    """The negative control."""
    with pytest.raises(NotProved, match=said):
        prove(Property("Bad.t.sol", "BadTest", name), planted)


@pytest.mark.nightly
def test_a_right_property_is_proved_and_a_missing_one_is_an_error(tools: None, planted: Path) -> None:
    prove(Property("Bad.t.sol", "BadTest", "check_right"), planted)
    with pytest.raises(HalmosError, match="0 results"):
        prove(Property("Bad.t.sol", "BadTest", "check_gone"), planted)


def test_every_property_is_found(planted: Path) -> None:
    found = [one.name for one in properties(planted)]
    assert found == ["check_wrong", "check_neverReturns", "check_loop", "check_right", "check_rightToo"]
    assert properties()


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "proved"),
        ({"exitcode": 1}, "refuted"),
        ({"exitcode": 2}, "timed out"),
        ({"exitcode": 99}, "exit code 99"),
        ({"num_paths": [3, 2, 1]}, "1 paths were not followed to their end"),
        ({"num_paths": [3, 0, 0]}, "every path reverts"),
        ({"num_bounded_loops": 2}, "2 loops run on after 10 rounds"),
    ],
)
def test_only_a_full_proof_is_one(change: dict[str, Any], verdict: str) -> None:
    assert judged(PROVED | change) == verdict
