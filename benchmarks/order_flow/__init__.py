"""What `benchmarks.orders` is made of: real processes, people who use them by HTTP, and the same work done barely."""
