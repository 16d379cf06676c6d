"""Commands for operators, a module each; `bootstrap/cli.py` adds them."""
