"""The library's rooms: each imports only from those above it, and a script stands on no more than it must.

What a script imports, directly or not, is what makes its rule run again when it is edited.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from helpers.project import ROOT
from m1flow.study.code_files import code_files

SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "m1flow"

ROOMS = (
    *("text", "files", "study", "hub", "questions", "pool", "models", "engines", "chat", "endpoints"),
    *("answers", "respondents", "traces", "training", "sweep", "analysis", "report"),
)
"""From the top down: a room imports only from itself and from those before it."""

BESIDE = ("errors", "script")
"""Modules that lie beside the rooms."""

STANDS_ON = {
    "ask": "text files study questions models engines answers sweep",
    "assign_domains": "text files study questions engines chat answers respondents traces",
    "attempt": "text files study questions engines chat answers respondents traces",
    "build_pool": "text files study questions pool",
    "check_config": "text study",
    "check_slurm": "text files study",
    "collect_questions": "text files study questions",
    "download": "text files study hub",
    "find_leaks": "text files study questions pool",
    "fine_tune": "text files study models training",
    "generate": "text files study questions models engines sweep",
    "import_base": "text files study models",
    "judge_answers": "text files study questions engines chat answers respondents sweep",
    "make_table": "text files study analysis",
    "push_student": "text files study hub models",
    "rate_difficulty": "text files study traces",
    "render_report": "text files study questions sweep analysis report",
    "score": "text files study questions answers sweep",
    "select_dataset": "text files study traces",
    "teach": "text files study questions engines chat answers respondents traces",
    "tokenise_traces": "text files study questions models traces",
    "train_base": "text files study models training",
    "write_corpus": "text files study questions training",
    "write_paper_tables": "text files study analysis report",
}
"""The rooms that each script needs; an edit anywhere else doesn't make its rule run again."""

WITH_ENTRIES = {
    ("attempt", "respondents/chats/endpoint"): "endpoints",
    ("attempt", "respondents/chats/local"): "models",
    ("collect_questions", "questions/adapters"): "",
    ("fine_tune", "training/methods"): "",
    ("generate", "engines/backends"): "",
    ("make_table", "analysis/tables"): "questions sweep",
    ("render_report", "report/sections"): "",
    ("score", "answers/scorers"): "",
}
"""The further rooms of a script that loads an entry of a seam by its name, or any of a folder of them."""

MADE_FROM_NOTHING = {f"training/{name}.py" for name in ("base_models", "corpus", "random_weights", "tokenizer")}
"""What makes a base from random weights."""

TRAINING = ("tokenise_traces", "train_base", "fine_tune")
"""The scripts that cost GPU-days: they make training examples, and train on them."""

BOXES = {f"text/{name}.py" for name in ("boxes", "normalising")}
"""What finds the boxes of answers, and what they hold."""

RESOURCES = "study/settings/resources.py"
"""What a student's job asks for."""

READING = {f"answers/{name}.py" for name in ("strict", "reading", "scorer", "scoring")}
"""What reads which option an answer states."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name within it; packages go by their own."""
    named = {".".join(path.relative_to(LIBRARY).with_suffix("").parts): path for path in LIBRARY.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in named.items() if name != "__init__"}


@cache
def imported(path: Path) -> frozenset[str]:
    """The library's modules that a file imports, wherever in it, for type checkers, too."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports relatively"
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        named = {name.removeprefix("m1flow.") for name in names} & known.keys()
        # A package beside one of its modules only says where the module is.
        found |= {name for name in named if not any(other.startswith(f"{name}.") for other in named)}
    return frozenset(found)


def stands_on(module: str) -> set[str]:
    """Every module that a module imports, directly or not."""
    known, found, waiting = modules(), set(), set(imported(modules()[module]))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= imported(known[name]) - found
    return found


def room(module: str) -> str:
    return module.split(".")[0]


def code_of(script: str, entries: str = "") -> set[str]:
    """The library's files that a script stands on, as rules list them; with an entry of a seam, or all of a folder."""
    place = LIBRARY / entries
    files = (place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]) if entries else ()
    listed = code_files(SCRIPTS / f"{script}.py", files)
    return {path.relative_to(LIBRARY).as_posix() for path in listed if path.is_relative_to(LIBRARY)}


def rooms_of(files: set[str]) -> str:
    """The rooms in which some of the library's files lie, from the top down."""
    return " ".join(name for name in ROOMS if any(file.startswith(f"{name}/") for file in files))


def scripts_on(files: set[str]) -> set[str]:
    """The scripts that stand on any of some files."""
    return {script for script in STANDS_ON if code_of(script) & files}


def test_every_module_lies_in_a_room():
    assert {room(name) for name in modules()} == {*ROOMS, *BESIDE}
    assert [name for name in ROOMS if not (LIBRARY / name / "__init__.py").is_file()] == []


def test_a_room_imports_only_from_rooms_above_it():
    upward = [
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in imported(path)
        if room(name) in ROOMS and room(other) in ROOMS and ROOMS.index(room(other)) > ROOMS.index(room(name))
    ]
    assert upward == []


def test_no_imports_go_in_circles():
    assert [name for name in modules() if name in stands_on(name)] == []


def test_every_script_is_listed():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == set(STANDS_ON)


@pytest.mark.parametrize("script", STANDS_ON)
def test_a_script_stands_on_the_rooms_it_needs(script):
    assert rooms_of(code_of(script)) == STANDS_ON[script]


@pytest.mark.parametrize(("script", "entries"), WITH_ENTRIES)
def test_an_entry_of_a_seam_brings_the_rooms_it_needs(script, entries):
    more = code_of(script, entries) - code_of(script)
    assert more, entries
    assert set(rooms_of(more).split()) - set(STANDS_ON[script].split()) == set(WITH_ENTRIES[script, entries].split())


def test_only_scripts_that_read_answers_stand_on_the_parser():
    assert all((LIBRARY / file).is_file() for file in READING)
    assert scripts_on(READING) == {"ask", "attempt", "score", "teach"}


@pytest.mark.parametrize("script", TRAINING)
def test_training_stands_on_nothing_that_finds_boxes(script):
    assert all((LIBRARY / file).is_file() for file in BOXES)
    assert not code_of(script, "training/methods" if script == "fine_tune" else "") & BOXES


def test_only_its_own_scorer_stands_on_the_strict_parser():
    assert "answers/strict.py" in code_of("score", "answers/scorers/strict")
    assert "answers/strict.py" not in code_of("score", "answers/scorers/m1")


def test_training_a_student_stands_on_nothing_that_says_what_its_job_asks_for():
    assert (LIBRARY / RESOURCES).is_file()
    assert RESOURCES not in code_of("fine_tune", "training/methods")


def test_training_a_student_stands_on_nothing_that_makes_bases_from_random_weights():
    assert all((LIBRARY / file).is_file() for file in MADE_FROM_NOTHING)
    assert scripts_on(MADE_FROM_NOTHING) == {"train_base", "write_corpus"}
    assert not code_of("fine_tune", "training/methods") & MADE_FROM_NOTHING
