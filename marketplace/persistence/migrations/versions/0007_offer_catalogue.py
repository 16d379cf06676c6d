"""What our own registry serves, and the words by which it is found."""

from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, whole

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

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


def upgrade() -> None:
    """Build."""
    create(
        "catalogue_entries",
        counter(),
        *text("kind id party_id words"),
        *json("body"),
        *text("digest"),
        *instant("changed_at"),
        key="serial",
        unique=["kind id"],
        one_of={"kind": "item party"},
        indexes=["party_id"],
    )
    create(
        "catalogue_facets",
        counter(),
        *whole("entry"),
        *text("field value"),
        key="serial",
        unique=["entry field value"],
        references={"entry": "catalogue_entries.serial"},
        indexes=["field value"],
    )
    for statement in ON_SQLITE if op.get_bind().dialect.name == "sqlite" else ON_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Take away."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE catalogue_words")
    op.drop_table("catalogue_facets")
    op.drop_table("catalogue_entries")
