"""Ten registries for the benchmark and the test of federated search; half of them are not well."""
