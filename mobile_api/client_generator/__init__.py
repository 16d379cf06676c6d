"""Writes the Python client from the description: types from its schemas, methods from its operations."""
