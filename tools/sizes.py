"""Check the sizes of modules, functions and classes.

    python -m tools.sizes

A module may have 350 lines, a function 60 (without its docstring), and a class 15 public methods, including
properties. A class with more must give the reason in a docstring line that begins with "Many methods:".
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from tools.docstrings import ROOT, Function, modules

MODULE_LINES = 350
FUNCTION_LINES = 60
PUBLIC_METHODS = 15

_REASON = re.compile(r"^\s*Many methods: *\S", re.MULTILINE)


def oversized(source: str) -> list[str]:
    """Oversized parts of a module, one sentence each, starting with the line number."""
    lines = len(source.splitlines())
    module = [f"1: the module has {lines} lines, more than {MODULE_LINES}"] if lines > MODULE_LINES else []
    sized = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Function | ast.ClassDef)]
    return module + [f"{node.lineno}: {what}" for node in sized for what in _excess(node)]


def _excess(node: Function | ast.ClassDef) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        methods = len({child.name for child in node.body if isinstance(child, Function) and child.name[0] != "_"})
        if methods > PUBLIC_METHODS and not _REASON.search(ast.get_docstring(node) or ""):
            yield f"class {node.name} has {methods} public methods, more than {PUBLIC_METHODS}, and gives no reason"
    elif (lines := _lines(node)) > FUNCTION_LINES:
        yield f"function {node.name} has {lines} lines, more than {FUNCTION_LINES}"


def _lines(function: Function) -> int:
    """Lines of a function from ``def`` to its end, without those of its docstring."""
    lines = _extent(function)
    return lines - _extent(function.body[0]) if ast.get_docstring(function, clean=False) is not None else lines


def _extent(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def main() -> int:
    """Print the problems; the exit status is 1 if there are any."""
    found = [f"{path.relative_to(ROOT)}:{one}" for path in modules() for one in oversized(path.read_text("utf-8"))]
    print("\n".join(found) or "No module, function or class is too large.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
