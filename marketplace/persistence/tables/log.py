"""What operators search: the records of every process (requirement 153 names the columns)."""

from sqlalchemy import Index

from marketplace.persistence.columns import instant, json_value, one_of, serial, text, whole
from marketplace.persistence.tables.base import counted

LOG_LEVELS = ("INFO", "WARN", "ERROR", "FATAL")
"""Mildest first. What is milder than INFO is for a developer's screen and is not kept."""

log_records = counted(
    "log_records",
    serial("id"),
    instant("timestamp"),
    text("user_id", nullable=True),
    json_value("additional_info"),
    text("level"),
    text("message"),
    text("source_component"),
    text("source_file"),
    whole("source_line"),
    one_of("level", LOG_LEVELS),
    Index(None, "level", "timestamp"),
    Index(None, "timestamp"),
)
