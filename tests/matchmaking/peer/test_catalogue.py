"""The catalogue's file: what is refused, and where it says so."""

from pathlib import Path

import pytest

from matchmaking.peer import CatalogueError, load_catalogue, read_catalogue
from tests.matchmaking.helpers import PROJECT, demo_catalogue

ITEM = 'uri: urn:i, label: {en: L}, deliveryTime: {"Day(s)": 1}, classificationUri: [c]'
GOOD = f"parties: [{{id: p, legalName: P, items: [{{{ITEM}}}]}}]"


@pytest.mark.req(72)
def test_the_demo_catalogue_has_something_to_choose_from() -> None:
    catalogue = demo_catalogue()
    per_category: dict[str, set[str]] = {}
    for party in catalogue.parties:
        for item in party.items:
            for category in item.classificationUri:
                per_category.setdefault(category, set()).add(party.id)
    assert set(per_category) == {
        "urn:lso:category:cylinder-base",
        "urn:lso:category:cylinder-cover",
        "urn:lso:operation:machining",
    }
    assert all(len(parties) >= 3 for parties in per_category.values())


def test_a_good_one_is_read() -> None:
    assert read_catalogue(GOOD).parties[0].items[0].minimumOrderQuantity == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "parties: 5",
        "parties: [",
        "parties: [{id: p}]",
        GOOD.replace("legalName: P", "legalName: ''"),
        GOOD.replace("legalName: P", "legalname: P"),
        GOOD.replace(ITEM, f"{ITEM}, price: {{EUR: .nan}}"),
        GOOD.replace(ITEM, f"{ITEM}, price: {{EUR: -1}}"),
        GOOD.replace(ITEM, f"{ITEM}, minimumOrderQuantity: 0"),
        GOOD.replace(ITEM, f"{ITEM}, minimumOrderQuantity: true"),
        GOOD.replace(ITEM, f"{ITEM}, applicableCountries: [NO]"),  # YAML 1.1 reads Norway as false
        GOOD.replace("classificationUri: [c]", "classificationUri: []"),
        GOOD.replace(f"[{{{ITEM}}}]", f"[{{{ITEM}}}, {{{ITEM}}}]"),
        GOOD.replace("[{id", "[{id: p, legalName: Q}, {id"),
        "!!python/object/apply:os.getcwd []",
    ],
)
def test_a_bad_one_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError):
        read_catalogue(text)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path / "nowhere.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(binary)
    assert load_catalogue(PROJECT / "examples" / "registry.yaml").realm == "efpf"
