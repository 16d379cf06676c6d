"""What `benchmarks.gas` is made of: a chain, the life of agreements on it, what each move needs, what it costs."""
