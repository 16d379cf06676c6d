"""Products are files: what is on offer, and files that are wrong say where."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.application.browse_products import list_products, product, template_of
from marketplace.application.catalogue import load_catalogue, load_template
from marketplace.application.indicative_quote import indicative_quote
from marketplace.domain.errors import InvalidInput, NotFound
from tests.application.example import CONFIGURATION, EXAMPLES, TOTAL_MINOR
from tests.application.world import World

DATA: dict[str, Any] = yaml.safe_load((EXAMPLES / "pneumatic-cylinder.yaml").read_text("utf-8"))


@pytest.mark.req(18, 20, 22, 31)
async def test_a_product_is_shown_with_what_can_be_chosen(world: World) -> None:
    (summary,) = await list_products(world.ctx)
    assert (summary.id, summary.manufacturer.name) == ("pneumatic-cylinder", "Model Factory")
    view = await product(world.ctx, summary.id)
    assert [module.kind for module in view.modules].count("personalised") == 1
    options = {option.id: option for module in view.modules for option in module.options}
    assert {choice.value for choice in options["base"].choices} == {"base-20mm", "base-40mm"}
    assert (options["amount"].minimum, options["amount"].maximum, options["amount"].unit) == (1, 500, "pieces")
    assert options["engraving"].max_length == 16
    for wrong in ("none", ""):
        with pytest.raises(NotFound):
            await product(world.ctx, wrong)
        with pytest.raises(NotFound):
            template_of(world.ctx, wrong)


async def test_products_of_makers_who_have_not_joined_are_not_offered(world: World) -> None:
    foreign = load_template(DATA | {"id": "foreign", "manufacturer": "Nobody"}, "test")
    catalogue = {**world.ctx.catalogue, "foreign": foreign}
    object.__setattr__(world.ctx, "catalogue", catalogue)
    assert [summary.id for summary in await list_products(world.ctx)] == ["pneumatic-cylinder"]
    with pytest.raises(NotFound):
        await product(world.ctx, "foreign")
    with pytest.raises(NotFound):
        await world.place(product_id="foreign")


@pytest.mark.req(45)
async def test_the_price_before_the_order_is_the_price_of_the_order(world: World) -> None:
    shown = await indicative_quote(
        world.ctx, "pneumatic-cylinder", configuration=CONFIGURATION, deliver_by=world.day(14)
    )
    assert shown.quote.total_minor == sum(line.amount_minor for line in shown.quote.lines) == TOTAL_MINOR
    order_id = await world.quoted()
    price = (await world.order(order_id)).price
    assert price is not None
    assert price.total_minor == TOTAL_MINOR


def change(path: str, value: Any) -> dict[str, Any]:
    """The example with one value changed, or left out (None)."""
    data = copy.deepcopy(DATA)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = data
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.req(192)
@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("id", None, "id"),
        ("amount_option", "base", "amount_option"),
        ("amount_option", "none", "amount_option"),
        ("shift_seconds", 86_401, "shift_seconds"),
        ("shift_seconds", 0, "shift_seconds"),
        ("lead_time_days", "five", "template"),
        ("lead_time_days", True, "template"),
        ("modules.0.kind", "rare", "template"),
        ("modules.0.options.0.type", "colour", "template"),
        ("modules.1.options.0.id", "amount", "modules"),
        ("bill_of_materials.0.attributes", {"d": {"option": "base", "values": {"base-20mm": "20"}}}, "bases.d"),
        ("bill_of_materials.0.attributes", {"d": {"option": "amount", "values": {}}}, "bases.d"),
        ("modules.1.options.0.choices.0.price_minor", 5.5, "template"),
    ],
)
def test_a_wrong_file_says_where(path: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load_template(change(path, value), "wrong.yaml")


def test_two_files_do_not_share_an_id(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(DATA), "utf-8")
    with pytest.raises(InvalidInput, match=r"b\.yaml"):
        load_catalogue(tmp_path)
    (tmp_path / "b.yaml").write_text("parties: []", "utf-8")  # a registry, no product
    assert list(load_catalogue(tmp_path)) == ["pneumatic-cylinder"]
