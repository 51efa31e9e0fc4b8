"""Values of settings: what they take, and the form in which they are kept."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.settings import refusal
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.section import Section
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.values import Name, Paths, PositiveShare, Range, Share, SomeDistinct, Texts


def test_numbers_keep_the_form_that_they_have_in_the_file():
    """A setting is part of flags and fingerprints as text, in which 0 and 0.0 differ."""
    read_back = read(SolverSettings, {"temperature": 1, "top_p": 0.5}).dump()
    assert json.dumps([read_back["temperature"], read_back["top_p"]]) == "[1, 0.5]"
    assert json.dumps(SolverSettings().dump()["temperature"]) == "0"


def test_paths_may_start_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    entry = read(QuestionSetSettings, {"adapter": "records", "path": "~/rows.json", "ids": ["~/a.txt", "b.txt"]})
    assert entry.path == ("/home/ann/rows.json",)
    assert entry.ids == ("/home/ann/a.txt", "b.txt")


class Kinds(Section):
    """A section with a key of each kind."""

    name: Name | None = None
    share: Share = 0
    positive: PositiveShare = 1
    chain: Range = (1, 2)
    some: SomeDistinct[str] = ("a",)
    texts: Texts = "a"
    paths: Paths = ()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", "a b", "must be a name of letters, digits, '_', '-' and '.'"),
        ("name", "../a", "must be a name of letters"),
        ("name", "", "must be a name of letters"),
        ("share", 1.01, "must be at most 1"),
        ("share", True, "must be a number"),
        ("positive", 0, "must be more than 0"),
        ("chain", [1, 2, 3], "takes at most 2 entries"),
        ("some", [], "needs at least 1 entries"),
        ("some", ["a", "b", "a"], "must not repeat a value"),
        ("texts", [1], "must be a text or a list of texts"),
        ("paths", {"a": "b"}, "must be a path or a list of paths"),
    ],
)
def test_each_kind_of_value_says_what_it_must_be(key, value, words):
    assert refusal(Kinds, {key: value}).startswith(f"{key}: {words}")


@given(st.text(max_size=8))
def test_a_name_can_be_a_files(text):
    try:
        name = read(Kinds, {"name": text}).name
    except Rejected:
        return
    assert name == text and "/" not in name and not name.startswith(".") and name == name.strip()


@given(st.integers(0, 1) | st.floats(0, 1))
def test_a_number_is_written_as_it_was_read(number):
    assert json.dumps(read(Kinds, {"share": number}).dump()["share"]) == json.dumps(number)


def test_lists_are_kept_where_nobody_changes_them():
    read_back = read(Kinds, {"some": ["b", "a"], "paths": ["~", "x"]})
    assert read_back.some == ("b", "a") and read_back.dump()["some"] == ["b", "a"]
    assert read_back.paths == (os.path.expanduser("~"), "x")
