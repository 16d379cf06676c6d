"""Who loses what when somebody cheats: each row's attack on the contracts, and the bound that they keep.

`-rP` prints the figures; `test_controls.py` runs the same attacks without the checks.
"""

from collections.abc import Callable

import pytest

from tests.contracts.cheats import by_customer, by_maker, by_others
from tests.contracts.cheats.row import ROWS, Row
from tests.contracts.world import World

assert ROWS, (by_customer, by_maker, by_others)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_honest_side_loses_no_more_than_the_bound(
    world: World, row: Row, record_property: Callable[[str, object], None]
) -> None:
    lost = await row.attack(world)
    print(row.says(lost))
    record_property("bound", row.says(lost))
    assert 0 <= lost <= row.at_most
