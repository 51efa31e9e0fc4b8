"""Questions: ids follow content, and the right option stays right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.questions.question import make_questions, question_id, shuffled

texts = st.text(max_size=40)


def collect(rows, *, seed=0, shuffle=True):
    return make_questions(rows, "src", where="f.json: src", split="train", seed=seed, shuffle=shuffle)


def row(**changes):
    return {"stem": "What?", "options": ["a", "b", "c"], "answer_index": 1, "origin_id": "r"} | changes


@given(st.permutations(["x", "y", "z", "y"]), texts, texts)
def test_the_id_does_not_depend_on_the_order_of_options(options, context, stem):
    identity = question_id(context, stem, options, "y")
    assert identity == question_id(context, stem, ["x", "y", "y", "z"], "y")
    assert len(identity) == 16 and int(identity, 16) >= 0


def test_the_id_depends_on_everything_else():
    ids = {
        question_id("", "s", ["x", "y"], "x"),
        question_id("c", "s", ["x", "y"], "x"),
        question_id("", "t", ["x", "y"], "x"),
        question_id("", "s", ["x", "z"], "x"),
        question_id("", "s", ["x", "y"], "y"),
    }
    assert len(ids) == 5


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=10), st.data(), texts)
def test_shuffling_keeps_the_right_option_even_among_twins(options, data, seed):
    index = data.draw(st.integers(0, len(options) - 1))
    tagged = [(text, position) for position, text in enumerate(options)]
    order, moved = shuffled(tagged, index, seed)
    assert sorted(order) == sorted(tagged)
    assert order[moved] == tagged[index]


def test_options_are_shuffled_by_the_seed_and_the_question():
    rows = [row(stem=f"What {n}?", options=list("abcdefgh")) for n in range(20)]
    first, again, other = collect(rows)[0], collect(rows)[0], collect(rows, seed=1)[0]
    as_lists = [[list(options) for options in table["options"]] for table in (first, again, other)]
    assert as_lists[0] == as_lists[1] != as_lists[2]
    assert len({tuple(options) for options in as_lists[0]}) > 10
    assert all(options[index] == "b" for options, index in zip(first["options"], first["answer_index"], strict=True))
    assert list(first["question_id"]) == list(other["question_id"])


def test_options_stay_in_place_without_shuffling():
    table, _ = collect([row()], shuffle=False)
    assert list(table["options"][0]) == ["a", "b", "c"] and table["answer_index"][0] == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stem": " \n"}, "empty stem"),
        ({"options": ["a"], "answer_index": 0}, "fewer than 2 options"),
        ({"options": list("abcdefghijk")}, "more than 10 options"),
        ({"answer_index": 3}, "answer outside the options"),
        ({"answer_index": -1}, "answer outside the options"),
        ({"answer_index": None}, "answer outside the options"),
        ({"options": ["a", " "]}, "blank option"),
        ({"drop": "image question"}, "image question"),
    ],
)
def test_a_bad_row_is_dropped_and_counted_by_its_reason(changes, reason, caplog):
    table, report = collect([row(), row(origin_id="bad", **changes)])
    assert len(table) == 1
    assert report["dropped"] == {reason: 1} and report["dropped_examples"] == {reason: ["bad"]}
    assert (report["read"], report["kept"]) == (2, 1)
    assert reason in caplog.text and "bad" in caplog.text


def test_exact_repeats_get_a_suffix_and_are_counted():
    table, report = collect([row(), row(options=["c", "b", "a"]), row(), row(stem="Else?")])
    first = table["question_id"][0]
    assert list(table["question_id"][:3]) == [first, f"{first}-2", f"{first}-3"]
    assert table["question_id"].is_unique and report["repeated"] == 2


def test_a_source_that_ends_empty_names_file_and_reason():
    with pytest.raises(M1FlowError, match=r"^f\.json: src: no question is left of 1 rows \(1 with empty stem\)"):
        collect([row(stem="")])
