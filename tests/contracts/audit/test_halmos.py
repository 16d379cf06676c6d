"""Properties of the contracts hold for every argument, one test each; halmos itself is seen to refute."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import artifacts
from tests.contracts.audit.planted import project
from tests.contracts.weakened import Cut
from tests.support import require_server
from tests.tooling.foundry import CONTRACTS
from tests.tooling.halmos import FOLDER, HalmosError, NotProved, Property, judged, missing_tools, properties, prove

LONG_S = 1800
"""The longest property alone takes a minute on a free core; a night has other things to do at once."""
CORE, LEDGER, PROGRESS = "AgreementCore.sol", "core/Ledger.sol", "libraries/Progress.sol"
ARBITERS_TIME = "_requireAfter(uint256(_aside.disputedAt) + terms.arbiterWindow);"
BY_PAYEE = "_authoriseSplit(move.id, terms.payee, payeeBps, payee);"
CUTS = {
    "States.waysOutKeepToTheTable": Cut(CORE, "Revocation, 0, State.Refunded", "Revocation, 0, State.Open"),
    "Authority.onlyTheFactorySucceeds": Cut(CORE, "if (msg.sender != factory)"),
    "Authority.aSplitIsBothPartys": Cut(CORE, BY_PAYEE, ""),
    "Clocks.noRefundWhileADeliveryIsPossible": Cut(CORE, "_requireAfter(_lastDelivery(terms));", ""),
    "Clocks.theArbitersWindowIsTheArbiters": Cut(CORE, ARBITERS_TIME, ""),
    "Money.onlyTheNamedAreEverPaid": Cut(LEDGER, "terms.payee, move.toPayee", "msg.sender, move.toPayee"),
    "Progress.aRefusalIsFinal": Cut(PROGRESS, "word | (REFUSED <<", "word | (REFUSED << 1 <<"),
}
"""By property, what is taken out of the sources; all of it at once, as each is another property's."""
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
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """halmos, its solvers, forge and the compiler."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # where it says, and nowhere else, halmos looks for its solvers
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
def test_a_property_is_proved(tools: None, wanted: Property, record_property: Callable[[str, object], None]) -> None:
    took_s = prove(wanted, timeout_s=LONG_S)
    record_property("proved", f"{took_s:6.1f} s  {wanted}")


@pytest.fixture(scope="module")
def weakened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our sources without some checks, and our properties."""
    root = project(tmp_path_factory.mktemp("weakened"))
    shutil.copytree(CONTRACTS / "src", root / "src", dirs_exist_ok=True)
    shutil.copytree(CONTRACTS / FOLDER, root / FOLDER)
    (root / "halmos.toml").write_text("[global]\nearly-exit = true\n")  # one counterexample is enough
    for cut in CUTS.values():
        source = root / "src" / cut.source
        source.write_text(cut.apply(source.read_text("utf-8")), "utf-8")
    return root


@pytest.mark.nightly
@pytest.mark.parametrize("name", CUTS)
def test_without_its_check_a_property_is_refuted(tools: None, weakened: Path, name: str) -> None:
    """The negative control of the properties themselves: each looks where it says."""
    file, _, check = name.partition(".")
    with pytest.raises(NotProved, match="refuted"):
        prove(Property(f"{file}.t.sol", f"{file}Symbolic", f"check_{check}"), weakened, timeout_s=LONG_S)


def test_each_storage_slot_is_where_the_properties_have_it() -> None:
    """`Scene.sol` writes the past of an agreement by slot and bit."""
    artifact = json.loads((artifacts.FOLDER / "DeliveryAgreement.json").read_text("utf-8"))["storageLayout"]
    assert {entry["label"]: int(entry["slot"]) for entry in artifact["storage"]} == {"_progress": 0, "_aside": 1}
    [aside] = [kind for name, kind in artifact["types"].items() if name.startswith("t_struct(Aside)")]
    places = {member["label"]: (int(member["slot"]), 8 * member["offset"]) for member in aside["members"]}
    assert (places["disputedAt"], places["disputedIn"]) == ((0, 192), (0, 232))


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
