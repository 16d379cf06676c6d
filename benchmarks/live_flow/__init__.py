"""What `benchmarks.live` is made of: a gateway without its machine, phones in processes of their own, one real page."""
