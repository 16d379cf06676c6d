"""Who loses what when somebody cheats: each attack once, for the contracts and for contracts without the check.

An attack opens an agreement, does everything that its cheats can do, lets time pass and gives what the honest side lost
in token units. `tests/contracts/test_cheating.py` compares that with the bound; `test_controls.py` shows that the same
attack breaks the bound once the check that holds it is taken out.
"""
