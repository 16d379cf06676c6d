"""The use cases: one module each, one public coroutine each. They load, decide, and write in one transaction."""
