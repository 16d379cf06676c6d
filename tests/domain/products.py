"""Two products as data: the cylinder as it ships, priced from its costs, and a face mask with list prices.

No line of our code has ever heard of the mask.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml
from hypothesis import strategies as st

from marketplace.application.catalogue import load_template
from marketplace.domain.product import ChoiceOption, IntegerOption, Option, Template, TextOption

EXAMPLE = Path(__file__).parents[2] / "examples" / "pneumatic-cylinder.yaml"
CYLINDER = load_template(yaml.safe_load(EXAMPLE.read_text("utf-8")), EXAMPLE.name)

MASK = load_template(
    yaml.safe_load("""
id: face-mask
version: 3
name: Face mask
summary: Fits one face.
currency: EUR
manufacturer: Mask Works
amount_option: pieces
lead_time_days: 2
own_operation: sewing
modules:
  - id: shell
    kind: common
    title: Shell
    description: In every mask.
    price_minor: 120
    options:
      - {id: pieces, type: integer, label: Pieces, unit: pieces, minimum: 5, maximum: 1000, step: 5, default: 5}
  - id: filter
    kind: customised
    title: Filter
    description: What you breathe through.
    options:
      - id: filter
        type: choice
        label: Filter
        default: ffp2
        choices:
          - {value: ffp2, label: FFP2, price_minor: 80}
          - {value: ffp3, label: FFP3, price_minor: 140}
      - {id: layers, type: integer, label: Layers, unit: layers, minimum: 2, maximum: 5, step: 1, default: 3,
         price_minor: 10}
  - id: print
    kind: personalised
    title: Print
    description: Your word on it.
    price_minor: 0
    options:
      - {id: word, type: text, label: Word, max_length: 8, alphabet: "abcdefghij", price_minor: 30}
bill_of_materials:
  - id: fleece
    label: Filter fleece
    category: urn:lso:category:fleece
    attributes:
      class: {option: filter, values: {ffp2: "2", ffp3: "3"}}
  - id: bands
    label: Elastic bands
    category: urn:lso:category:band
    attributes: {}
"""),
    "mask",
)

PRODUCTS = (CYLINDER, MASK)


def values_of(template: Template) -> st.SearchStrategy[Mapping[str, object]]:
    """Values that the template allows; any option may be left to its default."""
    return st.fixed_dictionaries({}, optional={option.id: _allowed(option) for option in template.options()})


def _allowed(option: Option) -> st.SearchStrategy[object]:
    match option:
        case ChoiceOption():
            return st.sampled_from([choice.value for choice in option.choices])
        case IntegerOption():
            return st.sampled_from(range(option.minimum, option.maximum + 1, option.step))
        case TextOption():
            return st.text(option.alphabet, max_size=option.max_length)


def label(value: object) -> str:
    """A short name for a bad value; Python refuses to write an integer of 5,000 digits in decimal."""
    return hex(value)[:20] if type(value) is int else ascii(value)[:20]
