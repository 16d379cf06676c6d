"""Figures: `make bench`. Never importable names of ours in site-packages."""
