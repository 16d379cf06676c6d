"""What `benchmarks.firm_quotes` is made of: suppliers of many moods, their signers, customers, a look at the chain."""
