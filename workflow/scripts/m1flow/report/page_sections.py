"""The page's sections on the study's results: a module of the folder `sections` is a section.

A section declares its place on the page and a function `make`, which gives the section, or None if there is nothing to
say. The names of its parameters say what it is made from: tables of the study, or facts of the page. A table that the
study lacks is passed without rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.report.charts import Figure
from m1flow.report.study_tables import StudyTables
from m1flow.study.seams.sections import SECTIONS
from m1flow.study.seams.tables import TABLES


@dataclass(frozen=True)
class ShownTable:
    """A table on the page; one without rows isn't shown."""

    title: str
    note: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, a sentence or none, then figures, then tables."""

    title: str
    intro: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[ShownTable] = ()


@dataclass(frozen=True, kw_only=True)
class SectionDeclaration:
    """The declaration of a module of `report.sections`.

    Attributes:
        order: its place among the sections, which are shown in ascending order.
        make: gives the section, or None if there is nothing to say.
    """

    order: int
    make: Callable[..., Section | None]


def page_sections(tables: StudyTables, facts: Mapping[str, Any]) -> dict[str, Section]:
    """The sections by name, in reading order.

    Args:
        tables: the study's tables.
        facts: what sections may ask for besides tables, by name.

    Raises:
        M1FlowError: a section asks for what is neither a table nor a fact.
    """
    declared = {name: SECTIONS.load(name, SectionDeclaration) for name in SECTIONS.names()}
    sections = {}
    for name in sorted(declared, key=lambda name: (declared[name].order, name)):
        needs = inspect.signature(declared[name].make).parameters
        if section := declared[name].make(**{need: _given(name, need, tables, facts) for need in needs}):
            sections[name] = section
    return sections


def _given(section: str, need: str, tables: StudyTables, facts: Mapping[str, Any]) -> Any:
    if need in facts:
        return facts[need]
    if need in TABLES.names():
        return tables[need]
    raise M1FlowError(
        f"{SECTIONS.file(section)}: make() needs {need!r}, which is neither a table nor a fact of the page; the "
        f"tables are {', '.join(TABLES.names())}, and the facts are {', '.join(facts)}"
    )
