"""The database that remembers the business: SQLAlchemy on SQLite or PostgreSQL, the same code on both."""
