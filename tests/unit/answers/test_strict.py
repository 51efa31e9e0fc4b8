r"""Answers: what is stated is read, and nothing else is."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from m1flow.answers.strict import is_refusal, parse_answer, read_option
from m1flow.text.normalising import normalise

DRUGS = ["Aspirin", "Dexamethasone", "Folic acid.", "Vitamin K"]
plain = st.text(st.characters(codec="ascii", exclude_characters="\\"), max_size=60)


def read(text, options=DRUGS, finished=True):
    parsed = parse_answer(text, options, finished=finished)
    return parsed.index if parsed.outcome == "parsed" else parsed.outcome


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{B}", 1),
        (r"So it is \boxed{(b)}.", 1),
        (r"\boxed{B.}", 1),
        (r"\boxed{Option B}", 1),
        (r"\boxed{\text{B}}", 1),
        (r"\boxed{\textbf{(B)}}", 1),
        (r"$\boxed{\mathrm{B}}$", 1),
        (r"\boxed {B}", 1),
        (r"\fbox{B}", 1),
        (r"\boxed{Dexamethasone}", 1),
        (r"\boxed{\text{folic acid}}", 2),
        (r"\boxed{C. Folic acid}", 2),
        (r"\boxed{(C) Folic  acid.}", 2),
        (r"\boxed{C: \textbf{Folic acid}}", 2),
        (r"\boxed{D - Vitamin K}", 3),
        (r"\boxed{\text{D. Vitamin\ K}}", 3),
        (r"\boxed{C. Dexamethasone}", "unparsed"),
        (r"\boxed{E}", "unparsed"),
        (r"\boxed{E. Aspirin}", "unparsed"),
        (r"\boxed{A or B}", "unparsed"),
        (r"\boxed{AB}", "unparsed"),
        (r"\boxed{42}", "unparsed"),
        (r"\boxed{Dexa}", "unparsed"),
        (r"\boxed{}", "unparsed"),
        (r"Put it in \boxed{}: \boxed{A}", 0),
        (r"\boxed{A} and again \boxed{\text{Aspirin}}", 0),
        (r"\boxed{A", "truncated"),
        (r"\boxed{A} or rather \boxed{\text{B", "truncated"),
        ("", "empty"),
        (" \n", "empty"),
        ("Dexamethasone", 1),
        ("D", 3),
        ("Answer: D", 3),
        ("Final Answer: (D)\n\nIt helps.", 3),
        ("**Final Answer:** Vitamin K.", 3),
        ("**Answer: C**", 2),
        ("D\n\nVitamin K is what clotting needs.", 3),
        ("Dexamethasone is wrong, as is Aspirin", "unparsed"),
        ("Answer: D because of clotting", "unparsed"),
        ("The answer is D.", "unparsed"),
        ("It helps clotting.\n\n**Answer: D**", 3),
        ("It helps clotting.\n\n**Final Answer:** D. Vitamin K\n---\n", 3),
        ("It helps clotting.\nCorrect answer: (D)", 3),
        ("It helps clotting.\nAnswer choice: D.", 3),
        ("Answer: D\n\nIt helps clotting.\n\nAnswer: D", 3),
        ("D\n\nA question for you: which is a steroid?\n\nAnswer: B", 3),
        ("It helps clotting.\nAnswer: D\nAnother question?\nAnswer: B", "unparsed"),
        ("It helps clotting.\nAnswer: D\nOr so.\nAnswer: A or D", "unparsed"),
        ("It helps clotting.\nAnswer: A or D\nHm.\nAnswer: D", "unparsed"),
        ("It helps clotting.\nAnswer: D\nOr does it?", "unparsed"),
        ("It helps clotting.\nAnswer: D. Vitamin B", "unparsed"),
        ("It helps clotting. Answer: D", "unparsed"),
        ("It helps clotting.\nD", "unparsed"),
        ("It helps clotting.\nAnswer:", "unparsed"),
        ("A patient needs more", "unparsed"),
        ("I can't say.", "unparsed"),
    ],
)
def test_reading(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\boxed{A}\n\nOn reflection:\n\\boxed{B}", 1),
        ("\\boxed{A}? No. Final Answer: \\boxed{B}.", "unparsed"),
        ("\\boxed{A}? No.\nFinal Answer: $\\boxed{B}$.", 1),
        ("Either \\boxed{A} or \\boxed{B}", "unparsed"),
        ("\\boxed{A}\n\\boxed{B} was the other agent's view", "unparsed"),
        ("\\boxed{A}\nSecond: \\boxed{B}", "unparsed"),
        ("\\boxed{A}\nThe answer is \\boxed{42}", "unparsed"),
        ("\\boxed{42}\nThe answer is \\boxed{A}", 0),
        ("\\boxed{A}\nNo:\n\\boxed{B}\nOr rather:\n\\boxed{A}", "unparsed"),
        ("\\boxed{AB}\nIf one only:\n\\boxed{A}\nSo \\boxed{AB}\nFinal answer, if one only:\n\\boxed{A}", "unparsed"),
        ("\\boxed{A}\nNo:\n\\boxed{B}\nAgain:\n\\boxed{B}", 1),
    ],
)
def test_of_different_boxes_only_one_given_as_the_final_answer_counts(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{B}", 1),
        (r"\boxed{B} since", 1),
        ("D", "truncated"),
        ("Final Answer: D\nVitamin", "truncated"),
        ("It helps clotting.\nAnswer: D", "truncated"),
        ("", "truncated"),
        (r"\boxed{", "truncated"),
        ("\\boxed{A}\nFinal Answer: \\boxed{B}", "unparsed"),
    ],
)
def test_cut_off_only_a_complete_box_counts(text, expected):
    assert read(text, finished=False) == expected


def test_options_that_look_like_labels():
    assert read(r"\boxed{A}", ["B", "A", "D", "C"]) == "unparsed"
    assert read(r"\boxed{E. coli}", ["S. aureus", "E. coli", "x", "y", "z"]) == 1
    assert read(r"\boxed{E. coli}", ["coli", "E. coli", "x", "y", "z"]) == "unparsed"
    assert read(r"\boxed{A. E. coli}", ["E. coli", "S. aureus"]) == 0
    assert read(r"\boxed{1}", ["3", "2", "1", "0"]) == 2


def test_case_tells_genotypes_apart():
    options = ["AA", "Aa", "aa"]
    assert [read(rf"\boxed{{{option}}}", options) for option in options] == [0, 1, 2]
    assert read(r"\boxed{aA}", options) == "unparsed"


def test_twins_are_read_as_the_first():
    options = ["yes", "no", "no", "perhaps"]
    assert read(r"\boxed{no}", options) == read(r"\boxed{C}", options) == 1


def test_escaped_braces_and_percent_signs():
    assert read(r"\boxed{50\%}", ["50%", "5%"]) == 0
    assert read(r"\boxed{\{x\}}", [r"\{x\}", "y"]) == 0
    assert read(r"\boxed{\frac{1}{2}}", [r"\frac{1}{2}", "y"]) == 0


@given(plain)
def test_prose_is_never_an_answer(text):
    """Without a box only a line that is nothing but an option counts."""
    said = [re.sub("option|choice|final|correct|answer", "", line.lower()) for line in text.splitlines()]
    assume(not any(option.lower().strip(". ") in line for option in DRUGS for line in said))
    assume(not any(sum(map(str.isalnum, line)) == 1 for line in said))
    assert parse_answer(text, DRUGS).index is None


@given(
    plain,
    st.integers(0, 3),
    st.sampled_from(["{letter}", "({letter})", "{letter}. {text}", "{text}", r"\text{{{letter}}}"]),
)
def test_one_box_after_any_prose_is_read(prose, index, form):
    content = form.format(letter="ABCD"[index], text=DRUGS[index])
    assert read(f"{prose}\\boxed{{{content}}}") == index


small = st.text("abAB cC.():-", max_size=8)


@given(small | st.text(max_size=8), st.lists(small | st.text(max_size=8), min_size=2, max_size=10))
def test_a_reading_is_always_justified(content, options):
    """Whatever is read stands there: the option's text, or the label of an option that says the same."""
    index = read_option(content, options)
    if index is not None:
        chosen = normalise(options[index])
        labels = [label for label, option in zip("abcdefghij", options, strict=False) if normalise(option) == chosen]
        folded = normalise(content).casefold()
        assert chosen.casefold().strip("*_$`\"' .") in folded or any(label in folded for label in labels)


@given(st.lists(st.sampled_from(["red", "blue", "green", "B", "c"]), min_size=2, max_size=6), st.data())
def test_a_label_and_the_text_of_another_option_contradict(options, data):
    first, second = data.draw(st.lists(st.integers(0, len(options) - 1), min_size=2, max_size=2))
    read_index = read_option(f"{'ABCDEF'[first]}. {options[second]}", options)
    if options[first] == options[second]:
        assert read_index is not None and options[read_index] == options[first]
    else:
        assert read_index is None


@given(st.text(max_size=200), st.booleans())
def test_any_text_has_an_outcome(text, finished):
    parsed = parse_answer(text, DRUGS, finished=finished)
    assert parsed.outcome in {"parsed", "unparsed", "truncated", "empty"}
    assert (parsed.index is not None) == (parsed.outcome == "parsed")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot give medical advice.", True),
        ("As an AI language model, I am not able to diagnose.", True),
        ("I can see that it is B.", False),
        ("The patient cannot walk.", False),
    ],
)
def test_refusals(text, refused):
    assert is_refusal(text) is refused


@pytest.mark.real
def test_real_traces_are_read_as_their_authors_read_them(shared_data):
    outcomes, differing = Counter(), []
    for path in sorted((shared_data / "think-outputs").glob("*.json")):
        for row in json.loads(path.read_text()):
            _, ended, answer = row["completion"].partition("</think>")
            if not ended:
                outcomes["cut"] += 1
                continue
            parsed = parse_answer(answer, [row["options"][key] for key in sorted(row["options"])])
            outcomes[parsed.outcome] += 1
            if parsed.index is not None and "ABCD"[parsed.index] != row["predicted_answer"]:
                differing.append((row["realidx"], parsed.index, row["predicted_answer"]))
    assert outcomes == {"cut": 129, "parsed": 316, "empty": 1}
    assert len(differing) <= 1  # that one thinks A, as predicted, but answers C


@pytest.mark.real
def test_real_boxes_are_read_or_refused(shared_data):
    rows = [json.loads(line) for line in (shared_data / "boxed-outputs" / "qwen_medmcqa_raw.jsonl").open()]
    options = [
        "option one",
        "option two",
        "option three",
        "option four",
    ]  # the file has no options; letters are what is boxed
    read = [(parse_answer(row["raw_response"], options), row) for row in rows]
    parsed = [("ABCD"[p.index], row["repo_answer_choice"]) for p, row in read if p.outcome == "parsed"]
    assert len(parsed) >= 280
    assert sum(ours == theirs for ours, theirs in parsed) / len(parsed) >= 0.93
