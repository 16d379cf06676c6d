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
    sign, summary = await list_products(world.ctx)
    assert sign.id == "engraved-sign"
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
    assert [summary.id for summary in await list_products(world.ctx)] == ["engraved-sign", "pneumatic-cylinder"]
    with pytest.raises(NotFound):
        await product(world.ctx, "foreign")
    with pytest.raises(NotFound):
        await world.place(product_id="foreign")


@pytest.mark.req(45)
async def test_the_price_before_the_order_is_the_price_of_the_order(world: World) -> None:
    shown = await indicative_quote(
        world.ctx, world["customer"], "pneumatic-cylinder", configuration=CONFIGURATION, deliver_by=world.day(14)
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
        ("bill_of_materials.0.certificates", "ISO 9001", "bases.certificates must be a list of texts"),
        ("bill_of_materials.0.certificates", [9001], "bases.certificates must be a list of texts"),
        ("supplies_on_time_bps", 10_000, "supplies_on_time_bps"),
        ("supplies_on_time_bps", -1, "supplies_on_time_bps"),
        ("supplies_on_time_bps", 95.5, "template"),
        ("modules.1.options.0.choices.0.price_minor", 5.5, "template"),
        ("modules.1.options.0.choices.0.price_minor", 550, "costs, not both"),
        ("rules.0.require", "colour == 'red'", "rules.sealed-cover-needs-cleaning: undeclared reference to 'colour'"),
        ("rules.0.require", "drilling_s + 1", "rules.sealed-cover-needs-cleaning: gives int, not bool"),
        ("rules.0.require", "cover == 3", "rules.sealed-cover-needs-cleaning: found no matching overload"),
        ("rules.0.require", "[1].all(x, x > 0)", "may not call all"),
        ("rules.0.require", "true", "names no option"),
        ("rules.0.require", "cover == 'sealed'", "the defaults: break the template's own rules"),
        ("rules.1.id", "sealed-cover-needs-cleaning", "rules: two of them have the same id"),
        ("rules", "none", "rules: must be a list"),
        ("features.0.value", {"option": "base", "values": {"base-20mm": 20}}, "features.bore_mm"),
        ("features.1.value", "1 / (drilling_s - 3)", "the defaults"),
        ("features.1.id", "bore-mm", "features.bore-mm: bore-mm is taken, or not a name"),
        ("features.1.id", "cover", "features.cover: cover is taken"),
        ("machines.0.limits.0.feature", "weight", "machines.drill.weight: is no feature"),
        ("machines.0.limits.1.minimum", None, "must have a minimum, a maximum or one_of"),
        ("machines.0.limits.1.minimum", 90, "the defaults: break the template's own rules"),
        ("routing.0.machine", "oven", "routing.drilling.machine: is no machine"),
        ("routing.0.run_seconds", "3.5", "routing.drilling.run_seconds: gives double, not int"),
        ("routing.0.run_seconds", [3], "routing.drilling.run_seconds: must be an expression"),
        ("routing.0.run_seconds", "drilling_s - 9", "the defaults"),
        ("routing.1.when", "'yes'", "routing.cleaning.when: gives string, not bool"),
        ("preview.width", 0, "preview: must be from 1"),
        ("preview.shapes.0.style", "pink", "preview.shapes.0: must be one of"),
        ("preview.shapes.0.ellipse.rx", None, "preview.shapes.0: ellipse has cx, cy, rx, ry"),
        ("preview.shapes.0.ellipse.rx", "'wide'", "preview.shapes.0.rx: gives string, not int"),
    ],
)
def test_a_wrong_file_says_where(path: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load_template(change(path, value), "wrong.yaml")


def test_a_bought_line_may_demand_certificates() -> None:
    template = load_template(change("bill_of_materials.0.certificates", ["ISO 9001", "CE"]), "good.yaml")
    assert [line.certificates for line in template.bought[:2]] == [("ISO 9001", "CE"), ()]
    assert load_template(change("supplies_on_time_bps", 9_500), "good.yaml").supplies_on_time_bps == 9_500


def test_two_files_do_not_share_an_id(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(DATA), "utf-8")
    with pytest.raises(InvalidInput, match=r"b\.yaml"):
        load_catalogue(tmp_path)
    (tmp_path / "b.yaml").write_text("parties: []", "utf-8")  # a registry, no product
    assert list(load_catalogue(tmp_path)) == ["pneumatic-cylinder"]
