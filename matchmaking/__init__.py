"""Federated registries: the client that asks them, the peer that serves one, and the choice among the offers.

The client (`matchmaking.efpf`) and the choice (`matchmaking.selection`) import no web framework; only
`matchmaking.peer` does.
"""
