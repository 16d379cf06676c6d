"""The store-and-forward gateway that stands beside a machine: commands in, signed evidence out, all outbound."""
