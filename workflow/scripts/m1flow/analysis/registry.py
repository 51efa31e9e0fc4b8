"""The study's tables by name: their inputs, declarations and rows.

The parameters of a table's function `make` name what it is made from: files, facts of the study, or other tables. They
are read from the module's text, so that the rules know them without importing the code that computes tables.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from m1flow.analysis.table import Table
from m1flow.errors import M1FlowError
from m1flow.files.column_kinds import Kind
from m1flow.study.seams.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

MAKE = "make"


@cache
def needs(name: str) -> tuple[str, ...]:
    """The inputs of a table: the names of the parameters of its `make`.

    Raises:
        M1FlowError: there is no such table, or its module has no such function.
    """
    file = TABLES.file(name)
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == MAKE:
            return tuple(parameter.arg for parameter in (*node.args.args, *node.args.kwonlyargs))
    raise M1FlowError(
        f"{file}: no function {MAKE}(); define one that returns the table's rows, as docs/extending shows"
    )


@cache
def declared(name: str) -> Table:
    """The declaration of a table.

    Raises:
        M1FlowError: there is no such table, or its module declares none.
    """
    return TABLES.load(name, Table)


@cache
def all_columns() -> Mapping[str, Kind]:
    """Every column of any table, with its kind."""
    return {column: kind for name in TABLES.names() for column, kind in declared(name).columns.items()}


def make(name: str, given: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a table.

    Args:
        name: the table's name.
        given: the inputs by name; those with a default may be missing, and further entries are ignored.

    Raises:
        M1FlowError: an input that the table needs isn't given, or the rows don't have the declared columns.
    """
    table = declared(name)
    if missing := [need for need in table.required if need not in given]:
        raise M1FlowError(
            f"{TABLES.file(name)}: {MAKE}() needs {missing[0]!r}, which was not given; only these were: "
            f"{', '.join(sorted(given))}"
        )
    rows = table.make(**{need: given[need] for need in needs(name) if need in given})
    if list(rows.columns) != table.names:
        raise M1FlowError(
            f"{TABLES.file(name)}: {MAKE}() returns the columns {', '.join(map(str, rows.columns))}, but TABLE "
            f"declares {', '.join(table.names)}; make them the same"
        )
    return rows
