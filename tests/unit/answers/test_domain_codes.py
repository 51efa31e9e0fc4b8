"""Domain codes: what plainly names one code is read, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.project import ROOT
from m1flow.answers.domain_codes import parse_code
from m1flow.study.vocabulary import read_vocabulary

VOCABULARY = read_vocabulary(ROOT / "config" / "mesh_qualifiers.tsv")
CODES = [term.code for term in VOCABULARY.terms]
HEADER = "code\tname\tnote\n"


def test_a_vocabulary_of_ones_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_bytes(
        "\ufeff# ours\r\nnote\tname\towner\tcode\r\n\tHeart\tme\theart\r\n{x}\tlungs\tyou\t03\r\n".encode()
    )
    vocabulary = read_vocabulary(path)
    assert vocabulary.listing == "heart Heart\n03 lungs: {x}"
    said = {"03": "03", "3": None, "HEART": "heart", r"\boxed{03: Lungs}": "03", r"\boxed{03 Heart}": None}
    assert {answer: parse_code(answer, vocabulary) for answer in said} == said


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (r"\boxed{DI}", "DI"),
        (r"It is about tests.\n\n\boxed{di}", "DI"),
        (r"**\boxed{\text{DI: diagnosis}}**.", "DI"),
        (r"$\boxed{\mathrm{DI}}$", "DI"),
        (r"\(\boxed{(DI) Diagnosis}\)", "DI"),
        (r"\boxed{administration \& dosage}", "AD"),
        (r"\boxed{Administration and Dosage [AD]}", "AD"),
        (r"\boxed{DI}, that is \boxed{diagnosis}", "DI"),
        (r"\boxed{} \boxed{DI}", "DI"),
        ("Maybe\n- TH\n- DI\nso \\boxed{DI}", "DI"),
        ("Code: DI", "DI"),
        ("**Final code:** `DI`", "DI"),
        ("## Answer:\n\nDI", "DI"),
        ("Code: diagnosis (DI)\nThat is all.", "DI"),
        ("Code: to", "TO"),
        ("The question asks for a test.\n\nDI", "DI"),
        ("**DI**", "DI"),
        ("Diagnosis.", "DI"),
        ("blood supply", "BS"),
        (str(VOCABULARY.terms[20]), "DI"),
        # Two codes, or a code and a name that don't agree.
        (r"\boxed{DI} or \boxed{TH}", None),
        (r"\boxed{DI, TH}", None),
        (r"\boxed{DI/TH}", None),
        (r"\boxed{DI therapy}", None),
        (r"\boxed{DI} (therapy)" + "\nCode: TH", None),
        ("Code: DI\nCode: TH", None),
        ("Code: DI or TH", None),
        ("DI\nTH", None),
        ("Diagnosis\nbecause it asks for tests\nTH", None),
        (VOCABULARY.listing, None),
        # No code, or not plainly.
        ("", None),
        (r"\boxed{}", None),
        (r"\boxed{XX}", None),
        (r"\boxed{code}", None),
        (r"\boxed{DI?}", None),
        (r"\boxed{DI or so}", None),
        (r"\boxed{not DI}", None),
        (r"\boxed{D I}", None),
        (r"\boxed{D}I", None),
        (r"\boxed{DI", None),
        (r"\boxed{DI} and \boxed{", None),
        (r"\boxed{XX} DI", None),
        ("Code: see below", None),
        ("postcode: DI", None),
        ("The code is DI.", None),
        ("DI because of the tests", None),
        ("It is DI", None),
        ("DI\nI hope that this helps.", None),
        ("di", None),
        ("In", None),
        ("me", None),
        ("I'm sorry, but I can't help with that.", None),
        ("\uff24\uff29", None),
    ],
)
def test_only_what_plainly_names_one_code_is_read(answer, code):
    assert parse_code(answer, VOCABULARY) == code


PIECES = st.one_of(
    st.sampled_from(CODES),
    st.sampled_from([code.lower() for code in CODES]),
    st.sampled_from(list(VOCABULARY.names.values())),
    st.sampled_from(
        ["\\boxed{", "}", "\n", " ", "Code:", "Answer:", "**", ": ", " or ", "\\text{", "(", ")", "$", "- "]
    ),
    st.text(max_size=4),
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_code_that_is_read_was_written(answer):
    code = parse_code(answer, VOCABULARY)
    if code is not None:
        seen = " ".join(answer.replace("\\text{", "").casefold().split())
        assert code.casefold() in seen or VOCABULARY.names[code].replace("&", "") in seen.replace("&", "")


@given(st.sampled_from(CODES), st.sampled_from(CODES), st.text(max_size=20), st.booleans())
def test_a_second_code_takes_the_first_ones_word_away(one, other, between, boxed):
    first = rf"\boxed{{{one}}}" if boxed else f"Code: {one}"
    between = "".join(sign for sign in between if sign not in "\\:")
    answer = f"{first}\n{between}\n\\boxed{{{VOCABULARY.names[other]}}}"
    assert parse_code(answer, VOCABULARY) in ({one} if one == other else {None})
