"""What our own registry serves to the federation, and how it is searched by words.

SQLite keeps the words in an FTS5 table that reads from this one and that triggers keep up to date; PostgreSQL in an
index over a `tsvector`. Neither may take the words apart by its own rules: on SQLite they are split at blanks alone
(`ascii` leaves every other letter as it is), on PostgreSQL no parser is asked.
"""

from sqlalchemy import DDL, ForeignKey, Index, UniqueConstraint, event

from marketplace.persistence.columns import instant, json_value, one_of, serial, text, whole
from marketplace.persistence.tables.base import counted

KINDS = ("item", "party")

catalogue_entries = counted(
    "catalogue_entries",
    serial(),
    text("kind"),
    text("id"),
    text("party_id"),
    text("words"),
    json_value("body"),
    text("digest"),
    instant("changed_at"),
    one_of("kind", KINDS),
    UniqueConstraint("kind", "id"),
    Index(None, "party_id"),
)
"""`words` are all endings of all words, so that the beginning of one of them is any part of a word. `digest` is of
everything that was put, and tells whether another put changes anything."""

catalogue_facets = counted(
    "catalogue_facets",
    serial(),
    whole("entry", ForeignKey("catalogue_entries.serial", deferrable=True, initially="DEFERRED")),
    text("field"),
    text("value"),
    UniqueConstraint("entry", "field", "value"),
    Index(None, "field", "value"),
)

SEARCH_NAME = "catalogue_words"
"""Begins the names of everything below, of which no table here tells."""

ON_SQLITE = (
    "CREATE VIRTUAL TABLE catalogue_words USING fts5(words, content='catalogue_entries', content_rowid='serial',"
    " tokenize='ascii')",
    "CREATE TRIGGER catalogue_words_new AFTER INSERT ON catalogue_entries BEGIN"
    " INSERT INTO catalogue_words (rowid, words) VALUES (new.serial, new.words); END",
    "CREATE TRIGGER catalogue_words_gone AFTER DELETE ON catalogue_entries BEGIN"
    " INSERT INTO catalogue_words (catalogue_words, rowid, words) VALUES ('delete', old.serial, old.words); END",
    "CREATE TRIGGER catalogue_words_changed AFTER UPDATE ON catalogue_entries BEGIN"
    " INSERT INTO catalogue_words (catalogue_words, rowid, words) VALUES ('delete', old.serial, old.words);"
    " INSERT INTO catalogue_words (rowid, words) VALUES (new.serial, new.words); END",
)
ON_POSTGRESQL = (
    "CREATE INDEX catalogue_words ON catalogue_entries USING gin (array_to_tsvector(string_to_array(words, ' ')))",
)

for dialect, statements in (("sqlite", ON_SQLITE), ("postgresql", ON_POSTGRESQL)):
    for statement in statements:
        event.listen(catalogue_entries, "after_create", DDL(statement).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]
