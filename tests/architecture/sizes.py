"""The sizes a reader can hold: no function over 70 lines, no module over 400."""

import ast
from pathlib import Path

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 400


def too_long(path: Path) -> list[str]:
    """What in a module is over the limits, each as `path:line what`. A docstring counts like any line."""
    text = path.read_text()
    found = []
    lines = len(text.splitlines())
    if lines > MAX_MODULE_LINES:
        found.append(f"{path}:1 module of {lines} lines (at most {MAX_MODULE_LINES}: split it by what it knows)")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{path}:{node.lineno} {node.name} of {length} lines (at most {MAX_FUNCTION_LINES})")
    return found
