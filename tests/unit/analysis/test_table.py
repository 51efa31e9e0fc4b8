"""Tables say what they are made from, and have their columns where they have no rows."""

from __future__ import annotations

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind


def make(*, sweeps, leaks, cue=None):
    raise NotImplementedError


TABLE = Table(title="t", columns={"model": Kind.TEXT, "n": Kind.COUNT, "ok": Kind.FLAG, "p": Kind.P}, make=make)


def test_what_has_no_default_must_be_given():
    assert TABLE.required == ["sweeps", "leaks"]


def test_a_table_without_rows_has_its_columns_of_their_kinds():
    empty = TABLE.without_rows()
    assert empty.empty and list(empty.columns) == TABLE.names == ["model", "n", "ok", "p"]
    assert [str(kind) for kind in empty.dtypes] == ["str", "int64", "bool", "float64"]
