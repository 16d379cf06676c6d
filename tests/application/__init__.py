"""Use cases on a real database with the fakes that ship."""
