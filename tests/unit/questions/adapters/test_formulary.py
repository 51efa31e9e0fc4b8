"""The adapter formulary: questions of the study's own world, drawn by a seed."""

from __future__ import annotations

from m1flow.questions.sources import load
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def stems(world: dict | None = None, **more) -> list[str]:
    settings = read(QuestionSetSettings, {"adapter": "formulary", "questions": 30, "chain": [1, 2], "seed": 1} | more)
    made = read(FormularySettings, {"rare_drugs": 5, "drugs": 20} | (world or {}))
    return load("w", settings, 0, made)[0]["stem"].tolist()


def test_questions_are_distinct_and_follow_world_seed_and_split():
    first = stems()
    assert len(set(first)) == 30 and first == stems()
    for other in (stems({"seed": 8}), stems(seed=2)):
        assert set(other) != set(first)


def test_kinds_of_drugs_are_kept_apart():
    assert not set(stems(drugs="rare")) & set(stems(drugs="common"))


def test_fewer_are_asked_for_by_a_limit():
    assert stems(limit=4) == stems()[:4]
