"""Sections as a seam: their order, what they are made from, and what is said of one at fault."""

from __future__ import annotations

import importlib
import sys

import pandas as pd
import pytest

from m1flow.analysis.registry import declared
from m1flow.errors import M1FlowError
from m1flow.files.csv_tables import write_csv
from m1flow.report.figure_captions import figure_captions
from m1flow.report.page_sections import SectionDeclaration, page_sections
from m1flow.report.study_tables import StudyTables
from m1flow.study.seams.figures import FIGURES
from m1flow.study.seams.sections import SECTIONS

FACTS = {"models": [], "chance": {}, "cue": "Wait", "published_numbers": ""}
FIRST = """
from m1flow.report.page_sections import Section, SectionDeclaration


def make(*, replicates, cue):
    return Section(f"{len(replicates)} rows, {cue}")


SECTION = SectionDeclaration(order=-1, make=make)
"""


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """A function that puts a module among the sections."""
    package = importlib.import_module(SECTIONS.package)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])

    def add(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"{SECTIONS.package}.{name}", raising=False)

    return add


@pytest.fixture
def tables(tmp_path) -> StudyTables:
    """A study that has accuracies and no other table."""
    accuracy = declared("accuracy")
    write_csv(tmp_path / "accuracy.csv", pd.DataFrame([dict.fromkeys(accuracy.columns, 0)]), accuracy.columns)
    return StudyTables({"accuracy": tmp_path / "accuracy.csv"}, {})


def test_sections_come_in_their_order_and_none_where_there_is_nothing_to_say(made_up, tables):
    made_up("first", FIRST)
    made_up("silent", FIRST.replace('return Section(f"{len(replicates)} rows, {cue}")', "return None"))
    names = list(page_sections(tables, FACTS))
    orders = [SECTIONS.load(name, SectionDeclaration).order for name in names]
    assert names[0] == "first" and orders == sorted(orders)
    assert not {"silent", "beside_published", "later_benchmarks"} & set(names)


def test_a_section_gets_facts_and_tables_without_rows_where_the_study_has_none(made_up, tables):
    made_up("first", FIRST)
    assert page_sections(tables, FACTS)["first"].title == "0 rows, Wait"


def test_what_a_section_cannot_have_is_named(made_up, tables):
    made_up("greedy", FIRST.replace("cue):", "cue, answers):"))
    with pytest.raises(M1FlowError, match=r"greedy\.py: make\(\) needs 'answers', which is neither a table nor a fact"):
        page_sections(tables, FACTS)


def test_every_figure_has_a_caption():
    captions = figure_captions()
    assert set(captions) == set(FIGURES.names()) and all(captions.values())
