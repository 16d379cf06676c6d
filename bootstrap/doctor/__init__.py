"""`lotsizeone doctor`: an independent second opinion on orders, money and chain.

Nothing here may share a mistake with what it examines: the package imports the standard library, httpx, eth-hash and
psycopg, and nothing of ours (`tests/architecture/test_doctor.py`). Topics, terms, books, lifecycle and effects are
written anew from `contracts/src` and the documentation; the chain is asked by plain JSON-RPC, the database by SQL.
"""
