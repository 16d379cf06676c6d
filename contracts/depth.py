"""How deep JSON may nest, said before it is read.

py-evm raises the interpreter's recursion limit; under it, deep JSON ends the process instead of raising.
"""

import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{\]}]', re.DOTALL)


def check_depth(text: str | bytes, deepest: int) -> None:
    """Whether nothing nests deeper than so many levels; whether it is JSON at all is for its reader to say.

    Raises:
        ValueError: something does.
    """
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    depth = 0
    for token in _TOKEN.finditer(plain):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > deepest:
            raise ValueError(f"it nests deeper than {deepest}")
