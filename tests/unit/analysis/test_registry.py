"""Tables as a seam: what they declare, what each is made from, and what is said of one at fault."""

from __future__ import annotations

import importlib
import sys

import make_table
import pandas as pd
import pytest

from helpers.project import ROOT
from m1flow.analysis import registry
from m1flow.errors import M1FlowError
from m1flow.files.column_kinds import Kind
from m1flow.study.code_files import code_files
from m1flow.study.seams.tables import TABLES

SCRIPTS = ROOT / "workflow" / "scripts"
FINE = """
import pandas as pd
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind


def make(*, sweeps, cue=None):
    return pd.DataFrame({"model": sweeps, "n": 1})


TABLE = Table(title="Models", columns={"model": Kind.TEXT, "n": Kind.COUNT}, make=make)
"""


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """A function that puts a module among the tables."""
    package = importlib.import_module(TABLES.package)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    def add(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"{TABLES.package}.{name}", raising=False)
        return name

    return add


def test_a_column_means_the_same_in_every_table():
    kinds: dict[str, dict[Kind, str]] = {}
    for name in TABLES.names():
        for column, kind in registry.declared(name).columns.items():
            kinds.setdefault(column, {})[kind] = name
    assert {column: found for column, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", TABLES.names())
def test_all_that_a_table_is_made_from_is_a_flag_or_a_table(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["make_table.py", name, "--out", "t.csv"])
    known = {*vars(make_table.parse_flags()), *TABLES.names()} - {"name", "out", "tables"}
    assert set(registry.needs(name)) <= known
    assert set(registry.declared(name).required) <= set(registry.needs(name))


@pytest.mark.parametrize("name", TABLES.names())
def test_no_table_stands_on_the_module_of_another(name):
    """An edit to one reruns it, what is made from it, and the page."""
    folder = TABLES.file(name).parent
    files = code_files(SCRIPTS / "make_table.py", [TABLES.file(name)])
    assert {file.stem for file in files if file.parent == folder} - {"__init__"} == {name}


@pytest.mark.parametrize("name", TABLES.names())
def test_a_study_without_a_table_has_one_without_rows(name):
    empty = registry.declared(name).without_rows()
    assert list(empty.columns) == registry.declared(name).names and not len(empty)


def test_a_module_dropped_into_the_folder_is_a_table(made_up):
    name = made_up("dropped", FINE)
    assert name in TABLES.names() and registry.needs(name) == ("sweeps", "cue")
    rows = registry.make(name, {"sweeps": ["a"], "policies": None})
    pd.testing.assert_frame_equal(rows, pd.DataFrame({"model": ["a"], "n": [1]}))


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("lost", None, 'table: must be one of accuracy, .*, not "lost"'),
        ("empty", "", r"empty\.py: no function make\(\); define one"),
        ("undeclared", "def make(): ...", r"undeclared\.py: TABLE: missing, or not of type Table"),
        ("greedy", FINE.replace("cue=None", "answers, cue=None"), r"greedy\.py: make\(\) needs 'answers', .* given"),
        (
            "other",
            FINE.replace('"n": 1', '"m": 1'),
            r"other\.py: make\(\) returns the columns model, m, but .* n;",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_line(made_up, name, code, message):
    if code is not None:
        made_up(name, code)
    with pytest.raises(M1FlowError, match=message) as caught:
        registry.needs(name)
        registry.make(name, {"sweeps": ["a"]})
    assert len(str(caught.value).splitlines()) == 1
