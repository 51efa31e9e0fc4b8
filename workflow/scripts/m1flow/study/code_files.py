"""The library files that a script depends on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path


def code_files(script: Path, entries: Iterable[Path] = ()) -> list[Path]:
    """A script, the entries of seams that it loads by name, and every module of the library that these import.

    Imports inside functions and for type checkers count as well as those at the top.

    Args:
        script: the script, beside the package ``m1flow``.
        entries: files of entries, in the library.

    Returns:
        The files, in the order of their paths.
    """
    files: set[Path] = set()
    waiting = [script, *entries]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += _imported(file, script.parent)
    return sorted(files)


@cache
def _imported(file: Path, folder: Path) -> list[Path]:
    """The modules of the library that a file's own import statements name."""
    names: list[str] = []
    for node in _statements(ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    paths = [folder / name.replace(".", "/") for name in names if name.split(".")[0] == "m1flow"]
    return [found for path in paths for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()]


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements, nested ones included; expressions, most of a file, are skipped since they hold no imports."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))
