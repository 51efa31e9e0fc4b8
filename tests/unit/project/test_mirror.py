"""Tests mirror the library: every module has its test file, and every other test file has a reason."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from helpers.project import ROOT

LIBRARY, TESTS = ROOT / "workflow" / "scripts" / "m1flow", ROOT / "tests" / "unit"

TOGETHER = {
    "report/figures": (
        "report/test_figures.py",
        "draws figures, empty ones included, from hand-made tables",
    ),
    "report/sections": ("report/test_page_sections.py", "asks every section for what it is made from, and shows them"),
    "study/seams": ("study/seams/test_seam.py", "looks into every seam's folder, names and declarations"),
}
"""Folders of entries that are tested by one file, which goes over all of them."""

DECLARATIONS = {
    "answers/scorer": "study/seams/test_seam.py",
    "engines/backend": "study/seams/test_seam.py",
    "questions/adapter": "study/seams/test_seam.py",
    "respondents/chat_opening": "study/seams/test_seam.py",
}
"""Modules that hold only the type of an entry, to the file that loads all entries as such."""

BESIDE = {
    "engines/test_engines": "holds the engines against each other, token for token",
    "report/test_figures": "tests report/figures together",
    "report/test_page_in_browser": "opens the page in a browser",
    "study/test_m1_evaluation": "holds one preset against another",
    "sweep/test_run_on_engines": "sweeps a model on every engine that is installed",
    "traces/test_real_outputs": "holds readings against those of people, on real outputs",
}
"""Test files that mirror no module, with what they do instead. Those in project/ look at the project as a whole."""


def names(folder, pattern: str) -> set[str]:
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(pattern)}


MODULES = {name for name in names(LIBRARY, "*.py") if not name.endswith("__init__")}
FILES = {name for name in names(TESTS, "test_*.py") if not name.startswith("project/")}


def mirrored(module: str) -> str:
    path = PurePosixPath(module)
    return (path.parent / f"test_{path.name}").as_posix()


def test_every_module_has_its_test_file():
    alone = {name for name in MODULES if PurePosixPath(name).parent.as_posix() not in TOGETHER}
    assert {mirrored(module) for module in alone - DECLARATIONS.keys()} - FILES == set()


def test_every_other_test_file_has_a_reason():
    assert FILES - {mirrored(module) for module in MODULES} == BESIDE.keys()


@pytest.mark.parametrize("module", DECLARATIONS)
def test_a_declaration_has_no_behaviour_of_its_own(module):
    text = (LIBRARY / f"{module}.py").read_text(encoding="utf-8")
    assert "def " not in text and "@dataclass(frozen=True, kw_only=True)" in text
    assert (TESTS / DECLARATIONS[module]).is_file()


@pytest.mark.parametrize("folder", TOGETHER)
def test_entries_that_are_tested_together_have_that_file(folder):
    assert (LIBRARY / folder).is_dir() and (TESTS / TOGETHER[folder][0]).is_file()
