"""Check the docstrings of public functions with two or more parameters: Args, Returns and Raises in Google style.

    python -m tools.docstrings

Private functions, methods of private classes, nested functions and special methods are not checked.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

COVERED = ("benchmarks", "demos", "fitting", "qposer", "tools")
"""Checked folders and files."""

Function = ast.FunctionDef | ast.AsyncFunctionDef

_SECTION = re.compile(r"^(Args|Attributes|Example|Examples|Note|Raises|Returns|Yields):\s*$")
_ENTRY = re.compile(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?:", re.MULTILINE)


def complaints(source: str) -> list[str]:
    """Problems in the docstrings of a module, one sentence each, starting with the line number."""
    return [
        f"{function.lineno}: {name}: {what}"
        for name, function in _public(ast.parse(source))
        for what in _missing(function)
    ]


def _public(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Function]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{prefix}{child.name}.")
            else:
                yield prefix + child.name, child


def _missing(function: Function) -> Iterator[str]:
    names = _parameters(function)
    if len(names) < 2:
        return
    sections = _sections(ast.get_docstring(function) or "")
    documented = set(_ENTRY.findall(sections.get("Args", "")))
    if missing := [name for name in names if name not in documented]:
        yield f"Args lacks {', '.join(missing)}"
    if unknown := documented - set(names):
        yield f"Args lists {', '.join(sorted(unknown))}, which are not parameters"
    returns = "None" if function.returns is None else ast.unparse(function.returns)
    if returns not in ("None", "NoReturn", "Iterator[None]") and not {"Returns", "Yields"} & set(sections):
        yield "there is no Returns"
    raised = set(_raised(function.body))
    if raised and "Raises" not in sections:
        yield f"there is no Raises, and it raises {', '.join(sorted(raised))}"


def _parameters(function: Function) -> list[str]:
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg) if one]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _sections(docstring: str) -> dict[str, str]:
    """Text of the sections by name."""
    sections: dict[str, str] = {}
    current = ""
    for line in docstring.splitlines():
        if found := _SECTION.match(line):
            current = found[1]
            sections[current] = ""
        elif current:
            sections[current] += line + "\n"
    return sections


def _raised(nodes: list[ast.stmt]) -> Iterator[str]:
    """Names of the exceptions raised by statements, without nested functions."""
    waiting: list[ast.AST] = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        if not isinstance(node, Function | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def modules(names: tuple[str, ...] = COVERED) -> list[Path]:
    """Python files in the given folders and files of the repository."""
    paths = [ROOT / name for name in names]
    return sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))


def main() -> int:
    """Print the problems; the exit status is 1 if there are any."""
    found = [f"{path.relative_to(ROOT)}:{one}" for path in modules() for one in complaints(path.read_text("utf-8"))]
    print("\n".join(found) or "Docstrings are complete.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
