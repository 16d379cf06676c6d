"""Composition root: settings, wiring, processes, the `lotsizeone` command. Nobody imports it."""
