"""Bridges to the shop floor: protocols, the store-and-forward gateway, evidence and the factory simulator.

Everything here but `adapter` and `ingest` is a leaf library: a gateway on a Raspberry Pi loads no database
server, web framework or chain client.
"""
