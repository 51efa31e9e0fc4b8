"""The join: exactly the pairs that comparing all pairs finds."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from m1flow.pool import similarity
from m1flow.pool.similarity import Level, similar_pairs
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings

THRESHOLDS = st.sampled_from([50, 80, 90, 95, 97.5, 100])
few_letters = st.lists(st.sampled_from(["aa", "ab", "ba", "c", "ß", "\U0001f9ec"]), max_size=14).map("".join)


@st.composite
def near_copies(draw):
    """Texts with a few characters put in, taken out or changed, some of them long."""
    characters = st.sampled_from("abcdefghi é\u0301中\ud800")
    texts = [draw(st.text(characters, max_size=40)) * draw(st.sampled_from([1, 1, 3, 12]))]
    for _ in range(draw(st.integers(0, 6))):
        text = draw(st.sampled_from(texts))
        for _ in range(draw(st.integers(1, 5))):
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(st.sampled_from(["", "x", "yz"])) + text[place + draw(st.integers(0, 1)) :]
        texts.append(text)
    return texts


def brute_force(left, right, threshold):
    return {
        (i, j): fuzz.ratio(a, b)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if a and b and fuzz.ratio(a, b) >= threshold and (left is not right or i < j)
    }


def found(left, right, threshold, **kwargs):
    pairs = similar_pairs(left, right, threshold, **kwargs)
    result = {(int(i), int(j)): score for i, j, score in zip(*pairs, strict=True)}
    assert len(result) == len(pairs.left), "a pair was given twice"
    return result


@settings(max_examples=120)
@given(st.lists(few_letters, max_size=15), st.lists(few_letters, max_size=15), THRESHOLDS)
def test_pairs_of_two_lists_are_those_of_brute_force(left, right, threshold):
    assert found(left, right, threshold) == brute_force(left, right, threshold)


@settings(max_examples=120)
@given(near_copies(), THRESHOLDS)
@example(["a" * 19 + "b", "a" * 19 + "c"], 95)  # exactly 95
@example(["a" * 19, "a" * 20 + "b"], 95)  # exactly 95, with lengths as far apart as they may be
@example(["a" * 39 + "bc", "a" * 39], 97.5)
@example(["", "", "a", "a"], 50)
def test_pairs_of_one_list_are_those_of_brute_force(texts, threshold):
    assert found(texts, texts, threshold) == brute_force(texts, texts, threshold)


def test_exactly_the_threshold_is_enough():
    assert found(["a" * 19 + "b"], ["a" * 19 + "c"], 95) == {(0, 0): 95.0}
    assert found(["a" * 18 + "b"], ["a" * 18 + "c"], 95) == {}


@pytest.mark.parametrize("level", similarity.LEVELS, ids=lambda level: f"{level.q}-{level.bits}")
def test_every_level_of_signatures_is_lossless(level, monkeypatch):
    monkeypatch.setattr(similarity, "LEVELS", (Level(float("inf"), level.q, level.bits),))
    texts = [f"{'a long text about fever and cough ' * n}{'x' * m}" for n in range(12) for m in range(5)]
    assert found(texts, texts, 90) == brute_force(texts, texts, 90)


@pytest.mark.slow
def test_processes_find_the_same(monkeypatch):
    monkeypatch.setattr(similarity, "ALONE_BELOW", 0)
    texts = [f"question {n % 700} about fever in {n * n}" + " and so on" * (n % 40) for n in range(1500)]
    other = texts[::3] + ["no such thing"]
    assert found(texts, texts, 95, processes=2) == found(texts, texts, 95)
    assert found(other, texts, 95, processes=2) == found(other, texts, 95)


@pytest.mark.real
def test_duplicates_of_real_questions_are_those_of_brute_force(shared_data):
    from rapidfuzz import process

    from m1flow.questions.sources import load

    path = str(shared_data / "medmcqa-train10k" / "medmcqa_val.json")
    questions, _ = load("medmcqa", read(QuestionSetSettings, {"adapter": "medqa_dict", "path": path, "limit": 3000}), 0)
    rows = zip(questions["stem"], questions["options"], strict=True)
    texts = [f"{stem}\n" + "\n".join(sorted(options)) for stem, options in rows]
    scores = process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=90)
    expected = {(i, j) for i, j in zip(*map(list, (scores >= 90).nonzero()), strict=True) if i < j}
    assert set(found(texts, texts, 90)) == expected and len(expected) > 10
