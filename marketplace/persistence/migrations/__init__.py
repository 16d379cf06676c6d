"""Alembic's scripts: every change of the tables, in order."""
