"""Vocabularies: codes and names that can't be told apart are refused, and a text names one term or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.project import ROOT
from m1flow.errors import M1FlowError
from m1flow.study.vocabulary import fold, read_vocabulary

MESH = ROOT / "config" / "mesh_qualifiers.tsv"
VOCABULARY = read_vocabulary(MESH)
CODES = [term.code for term in VOCABULARY.terms]
HEADER = "code\tname\tnote\n"


def test_mesh_has_76_qualifiers():
    assert len(VOCABULARY.terms) == len(set(CODES)) == len(set(VOCABULARY.names.values())) == 76
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in CODES)
    assert all(term.note and len(term.note) < 120 for term in VOCABULARY.terms)
    assert len({term.note for term in VOCABULARY.terms}) == 76


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "not a readable UTF-8 file"),
        ("", "no column 'code'"),
        ("code\tname\nA\tone\n", "no column 'note'"),
        (HEADER, "at least two terms, not 0"),
        (HEADER + "A\tone\tx\n", "at least two terms, not 1"),
        (HEADER + "A\tone\nB\ttwo\ty\n", "line 2 has 2 cells, but the header has 3"),
        (HEADER + "A\tone\tx\n\n# said\nB\t \ty\n", "line 5: name '' has no letter or digit"),
        (HEADER + "--\tone\tx\nB\ttwo\ty\n", "line 2: code '--' has no letter or digit"),
        (HEADER + "A\tone\tx\nA\ttwo\ty\n", "line 3: code 'A' can't be told apart from line 2"),
        (HEADER + "A\tone\tx\na.\ttwo\ty\n", "line 3: code 'a.' can't be told apart from line 2"),
        (HEADER + "A\tone & two\tx\nB\tOne and Two\ty\n", "line 3: name 'One and Two' can't be told apart from line 2"),
        (HEADER + "A\tone\tx\nB\ta\ty\n", "line 3: name 'a' can't be told apart from line 2"),
    ],
)
def test_a_vocabulary_that_could_confuse_is_refused_in_one_line(tmp_path, text, problem):
    path = tmp_path / "mine.tsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(M1FlowError) as error:
        read_vocabulary(path)
    assert problem in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_spelling_that_two_terms_share_names_neither(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(HEADER + "A\tB C\t\nA B\tC\t\n")
    vocabulary = read_vocabulary(path)
    assert vocabulary.read("A B C") is None and vocabulary.read("A") == "A" and vocabulary.read("c") == "A B"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_columns_are_found_by_name_and_a_note_may_be_missing(tmp_path, ends):
    path = tmp_path / "mine.tsv"
    lines = ["# ours", "note\tname\towner\tcode", "\tHeart\tme\theart", "{x}\tlungs\tyou\t03"]
    path.write_bytes(("\ufeff" + ends.join(lines) + ends).encode())
    vocabulary = read_vocabulary(path)
    assert vocabulary.listing == "heart Heart\n03 lungs: {x}" and vocabulary.names == {"heart": "Heart", "03": "lungs"}


@given(st.sampled_from(VOCABULARY.terms), st.sampled_from(["{c}", "{n}", "{c} {n}", "{n} ({c})", "{c}: {n}", "[{c}]"]))
def test_a_term_is_read_by_code_name_or_both(term, form):
    text = form.format(c=term.code, n=term.name)
    assert VOCABULARY.read(text) == VOCABULARY.read(text.upper()) == term.code
    assert VOCABULARY.read(str(term)) == term.code


@given(st.sampled_from(CODES), st.sampled_from(CODES))
def test_two_codes_are_none_unless_they_are_one(first, second):
    assert VOCABULARY.read(f"{first} {second}") is None
    assert VOCABULARY.read(f"{first} {VOCABULARY.names[second]}") == (first if first == second else None)


def test_a_bare_code_may_have_to_keep_its_case():
    assert VOCABULARY.read("di", any_case=False) is None
    assert VOCABULARY.read("DI", any_case=False) == VOCABULARY.read("di diagnosis", any_case=False) == "DI"


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
