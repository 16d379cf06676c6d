"""Figures: what each move of the contracts does, to the cent and to the second; and the campaign that measures them."""

import pytest

# Failures inside the scene's helpers should be as easy to read as those in a test.
pytest.register_assert_rewrite("tests.contracts.mutation.scene")
