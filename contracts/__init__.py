"""Agreements on an Ethereum chain: Solidity sources, artifacts, signing, transactions, events and the devchain.

A leaf library: apart from `contracts.adapter` nothing here knows the marketplace. Importing a module costs what the
module needs; `contracts.terms` and `contracts.signers` load neither a node nor an HTTP client.
"""
