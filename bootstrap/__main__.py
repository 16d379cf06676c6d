"""`python -m bootstrap` is `lotsizeone`."""

from bootstrap.cli import main

main()
