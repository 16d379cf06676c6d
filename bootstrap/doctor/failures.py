"""What keeps the doctor from looking. Nothing here says that something is wrong with an order."""


class CouldNotLook(Exception):
    """Database or node cannot be read to the end; the text says what to do. Ends as exit code 2."""


class NodeSilent(CouldNotLook):
    """The node gave no usable answer in time, or a larger one than is read."""


class NodeRefused(Exception):
    """The node answered with an error; `message` is its own, cleaned."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreadable(Exception):
    """A stored value is not of the kind that it should be; `where` names it."""

    def __init__(self, where: str, wanted: str) -> None:
        super().__init__(f"{where} is no {wanted}")
        self.where = where


def clean(text: object, most: int = 200) -> str:
    """What somebody else wrote, fit for one line of a terminal."""
    line = " ".join(str(text).split())[:most]
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
