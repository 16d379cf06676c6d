"""The client of an EFPF-shaped federation: gateway (token), registry (services), federated search (offers)."""
