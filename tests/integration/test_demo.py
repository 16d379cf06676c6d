"""One order from the phone to the last cent, played twice on one folder; the second time processes are killed."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account

from contracts.verification.verdict import Check
from tests.integration.ledger import Node, money_faults, node_at, shape_faults
from tests.integration.playing import LAST_LINE, ROOT, Played, command, devchain, kill, play

pytestmark = pytest.mark.integration

TOTAL_MINOR = 60_000
OWN_WORK = ["setup", "programming", "run", "material", "finishing", "inspection"]
BOUGHT = ["bought:bases", "bought:covers", "bought:machining"]
SHARES = ["margin@500", "margin@1900", "discount@500", "discount@1900", "tax@500", "tax@1900"]
MISFORTUNES = {
    "Payment secured": "worker",
    "Bases: production started": "gateway-amp",
    "Covers: production started": "devchain",
    "Assembly: production started": "api",
}
"""What the customer's timeline says, and which process is then killed."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A demonstration on an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    return play(folder / "data", folder / "first.json")


@pytest.fixture(scope="module")
def second(first: Played) -> Played:
    """Another one on the same folder, in which processes are killed; its app is used, then Ctrl-C is pressed."""
    left = dict(MISFORTUNES)
    read: list[str] = []

    def heard(line: str) -> None:
        read.append(line.strip())
        if line.startswith(LAST_LINE):
            _sign_in_as_told(read)
        for words in [words for words in left if f"order: {words}" in line]:
            kill(first.folder, left.pop(words))

    played = play(first.folder, first.folder.parent / "second.json", heard, once=False)
    assert not left, f"{left} were never killed"
    return played


def _sign_in_as_told(lines: list[str]) -> None:
    """The address and each sign-in that the demonstration leaves its reader with are good."""
    address = next(line.removeprefix("The app is at ") for line in lines if line.startswith("The app is at "))
    emails = [number for number, line in enumerate(lines) if line.endswith("@example.org")]
    assert len(emails) == 5
    for number in emails:
        credentials = (lines[number], lines[number + 1])
        assert httpx.post(f"{address}/v1/tokens", auth=credentials, trust_env=False).status_code == 200
        keystore = json.loads(Path(lines[number + 2]).read_text())
        Account.decrypt(keystore, lines[number + 1])


@pytest.fixture
def node(first: Played) -> Iterator[Node]:
    """The chain, served from the folder by a process of its own."""
    with devchain(first.folder) as url, node_at(url) as node:
        yield node


@pytest.mark.req(53, 70, 76, 78, 79, 80, 174)
def test_an_order_is_settled_and_every_cent_is_where_it_should_be(first: Played, node: Node) -> None:
    assert (first.code, first.document["status"]) == (0, "settled"), first.output
    assert shape_faults(first.document) == []
    assert money_faults([first.document], node) == []
    assert first.document["quote"]["total_minor"] == TOTAL_MINOR
    assert {agreement["status"] for agreement in first.document["agreements"]} == {"settled"}
    print("money of its own that the manufacturer put in:", first.document["manufacturer_own_money_minor"])


@pytest.mark.req(45)
def test_the_price_is_printed_line_by_line_with_its_formulas(first: Played) -> None:
    """Of the order that is placed, from set-up to a tax line for each rate; no slot is scarce in an empty shop."""
    lines = first.document["quote"]["lines"]
    assert [line["code"] for line in lines] == [*OWN_WORK, *BOUGHT, "freight", "risk", *SHARES]
    for line in lines:
        assert f"price: {line['explained']}\n" in first.output
    assert "price: Platform fee, inside the total: base_minor 60000 * bps 200 // 10000 = € 12.00\n" in first.output


@pytest.mark.req(87)
def test_the_chain_is_the_same_after_a_power_cut(first: Played) -> None:
    seen = []
    for _ in range(2):
        with devchain(first.folder) as url, node_at(url) as node:
            token = first.document["token"]["address"]
            logs = node.ask("eth_getLogs", {"address": token, "fromBlock": "0x0", "toBlock": "latest"})
            receipts = [node.ask("eth_getTransactionReceipt", log["transactionHash"]) for log in logs]
            balances = [node.balance(token, net["address"]) for net in first.document["nets"]]
            seen.append((logs, receipts, balances))
    assert seen[0] == seen[1]
    assert all(receipt["status"] == "0x1" for receipt in seen[0][1])


def test_what_people_read_is_whole_and_plain(first: Played) -> None:
    """In a pipe: no escape codes, no box drawing, addresses in full."""
    assert not re.search(r"[\x1b\u2500-\u257f…]", first.output)
    for agreement in first.document["agreements"]:
        assert agreement["address"] in first.output
    assert f"Order {first.document['order_id']}: settled" in first.output


def test_a_quiet_end_leaves_no_traceback(first: Played) -> None:
    logs = {path.name: path.read_text("utf-8") for path in (first.folder / "logs").glob("*.log")}
    assert len(logs) == 11
    assert [name for name, text in logs.items() if "Traceback" in text] == []


@pytest.mark.req(12, 104)
def test_killed_processes_come_back_and_nobody_is_paid_twice(first: Played, second: Played, node: Node) -> None:
    assert (second.code, second.document["status"]) == (0, "settled"), second.output
    for name in MISFORTUNES.values():
        assert f"{name} ended with code -9; started again" in second.output
    assert second.document["order_id"] != first.document["order_id"]
    assert shape_faults(second.document) == []
    assert money_faults([first.document, second.document], node) == []
    assert [net["amount_minor"] for net in second.document["nets"]] == [
        net["amount_minor"] for net in first.document["nets"]
    ]


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.req(87, 174)
def test_a_stranger_can_verify_the_order(first: Played, tmp_path: Path) -> None:
    """With a node and the exported evidence; what is changed in it afterwards is named."""
    evidence, order = tmp_path / "evidence.json", first.document["order_id"]
    exported = _run("export-evidence", order, "--data", first.folder, "--out", evidence)
    assert exported.returncode == 0, exported.stderr
    with devchain(first.folder) as url:
        verified = _run("verify", order, "--evidence", evidence, "--rpc", url, "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        verdict = json.loads(verified.stdout)
        paid = {one["address"].lower(): int(one["to_payee"]) + int(one["fee"]) for one in verdict["agreements"]}
        unit = 10 ** (first.document["token"]["decimals"] - 2)
        assert paid == {one["address"].lower(): one["amount_minor"] * unit for one in first.document["agreements"]}
        assert {"the maker's gateway", "the recipient's secret", "nobody"} <= {
            fact["vouched_by"] for fact in verdict["facts"]
        }
        file = json.loads(evidence.read_text("utf-8"))
        file["events"][0]["payload"] = file["events"][0]["payload"].replace('"quality":"good"', '"quality":"best"')
        evidence.write_text(json.dumps(file), "utf-8")
        refused = _run("verify", evidence, "--rpc", url)
    assert refused.returncode == Check.EVIDENCE_HASH.value
    assert "DOES NOT ADD UP: EVIDENCE_HASH" in refused.stdout


def _more_for_the_maker(document: dict[str, Any]) -> None:
    document["nets"][0]["amount_minor"] -= 1
    document["nets"][1]["amount_minor"] += 1


def _another_payout(document: dict[str, Any]) -> None:
    document["agreements"][0]["payouts"].append(copy.deepcopy(document["agreements"][0]["payouts"][-1]))


def _swapped_payees(document: dict[str, Any]) -> None:
    one, other = document["agreements"][0]["payouts"][:2]
    one["address"], other["address"] = other["address"], one["address"]


def _another_total(document: dict[str, Any]) -> None:
    document["quote"]["total_minor"] += 1


def _own_money(document: dict[str, Any]) -> None:
    document["manufacturer_own_money_minor"] = 1


def _a_forgotten_party(document: dict[str, Any]) -> None:
    document["nets"].pop(2)


def test_ctrl_c_after_the_story_is_a_good_end(second: Played) -> None:
    assert second.code == 0
    assert second.output.rstrip().endswith("Ending.")
    pids = json.loads((second.folder / "processes.json").read_text()).values()
    assert [pid for pid in pids if _is_running(pid)] == []


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "doctor",
    [_more_for_the_maker, _another_payout, _swapped_payees, _another_total, _own_money, _a_forgotten_party],
    ids=lambda doctor: doctor.__name__.strip("_"),
)
def test_a_doctored_document_is_found_out(
    first: Played, doctored: Callable[[dict[str, Any]], list[str]], doctor: Callable[[dict[str, Any]], None]
) -> None:
    """Negative control: the checks above can fail."""
    document = copy.deepcopy(first.document)
    assert doctored(document) == []
    doctor(document)
    assert doctored(document)


@pytest.fixture(scope="module")
def doctored(first: Played, second: Played) -> Iterator[Callable[[dict[str, Any]], list[str]]]:
    """The money checks with another first document, on one chain process for all doctors."""
    with devchain(first.folder) as url, node_at(url) as node:
        yield lambda document: money_faults([document, second.document], node)


def test_a_float_is_no_money(first: Played) -> None:
    document = copy.deepcopy(first.document)
    document["quote"]["total_minor"] = float(TOTAL_MINOR)
    assert shape_faults(json.loads(json.dumps(document))) != []
    assert shape_faults(first.document | {"extra": 1}) != []
