"""Mutation campaign: each small mistake that could be in the contracts must turn a test red.

`operators` plants mistakes in the sources, `solc` compiles each, `runner` runs the contracts' tests on it, `campaign`
holds it all together and keeps the results, `report` counts them. See `docs/audit.md`.
"""
