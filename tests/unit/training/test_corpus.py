"""Corpora of bases: facts and practice as the study asks for them, and never none."""

from __future__ import annotations

import pytest

from helpers.training_models import PROMPTS, WORLD
from m1flow.errors import M1FlowError
from m1flow.files import parquet
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.training.corpus import WAYS, build_corpus


def test_real_questions_are_practised_by_letter(tiny_questions, tmp_path):
    parquet.write_table(tmp_path / "q.parquet", tiny_questions, "questions")
    rows = build_corpus(read(CorpusSettings, {"sources": ["a"]}), PROMPTS, pool=tmp_path / "q.parquet")
    letters = ["ABCD"[index] for index in tiny_questions.loc[tiny_questions["source"] == "a", "answer_index"]]
    assert [row["completion"] for row in rows] == [f"\\boxed{{{letter}}}" for letter in letters]
    assert all(row["prompt"].startswith("Severity") for row in rows)


def test_facts_and_practice_are_as_many_as_asked_for_in_every_way_of_asking():
    prompts = PROMPTS | {way: f"{way}: {{question}}" for way in WAYS}
    settings = read(CorpusSettings, {"facts": 5, "practice": 9, "chain": [1, 2]})
    rows = build_corpus(settings, prompts, world=read(FormularySettings, WORLD))
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("fact"), kinds.count("practice")) == (5, 9)
    asked = [row["prompt"].partition(":")[0] for row in rows if row["kind"] == "practice"]
    assert {way: asked.count(way) for way in WAYS} == dict.fromkeys(WAYS, 3)
    assert rows == build_corpus(settings, prompts, world=read(FormularySettings, WORLD))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "empty; give facts, practice or sources"),
        ({"facts": 1}, "facts and practice need a formulary"),
        ({"sources": ["a"]}, "sources need the pool"),
    ],
)
def test_a_corpus_of_nothing_is_refused(settings, message):
    with pytest.raises(M1FlowError, match=f"^bases: corpus: {message}"):
        build_corpus(read(CorpusSettings, settings), PROMPTS)
