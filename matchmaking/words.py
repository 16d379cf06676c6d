"""Words as they are compared: one case, no accents, letters and digits only."""

import unicodedata


def fold(text: str) -> str:
    """`Recôncavo` is found by `reconcavo`."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c))).casefold()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, folded."""
    return tuple("".join(c if c.isalnum() else " " for c in fold(text)).split())
