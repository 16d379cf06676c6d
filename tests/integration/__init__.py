"""The whole marketplace on real processes, judged by code that shares nothing with it."""
