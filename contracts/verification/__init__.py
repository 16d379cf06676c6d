"""Checks an order's agreements from the outside: a node, the committed artifacts, and if there is one an evidence file.

No server of ours and no database is asked; the arithmetic is written a second time here, from the rules and not from
the contracts. `verify.verify` is the door.
"""
