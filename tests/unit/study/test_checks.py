"""Checks across a study: what refers to others must be there, and what goes together must fit."""

from __future__ import annotations

import pytest

from helpers.project import ROOT
from helpers.study_configs import DEMO, FAR, HUB, changed, refused
from m1flow.errors import M1FlowError
from m1flow.study.study import Study

TOO_NARROW = {"teacher": "pharmacist", "recipe": "hard", "min_tokens": 9, "max_tokens": 8}


@pytest.mark.parametrize(
    ("path", "value", "key", "cure"),
    [
        ("engine", {"tensor_parallel_size": 2}, "engine.tensor_parallel_size", "set engine.gpus to 2"),
        ("engine", {"tensor_parallel_size": 4, "gpus": 2}, "engine.tensor_parallel_size", "in a job that has 2"),
        ("students/tiny_hard_40/dataset", "hard_41", "students.tiny_hard_40.dataset", "did you mean 'hard_40'?"),
        ("students/tiny_hard_40/base", "huge", "students.tiny_hard_40.base", "is not in bases"),
        (
            "students/tiny",
            {"base": "tiny", "dataset": "hard_40", "training": {"steps": 1}},
            "students.tiny",
            "rename one",
        ),
        ("students/tiny_hard_40/training", {}, "students.tiny_hard_40.training", "either steps or epochs"),
        (
            "students/tiny_hard_40/resources",
            {"processes": 64},
            "students.tiny_hard_40.resources",
            "fewer processes",
        ),
        ("models/ghost", {}, "models.ghost.weights", "is not in bases or students"),
        ("models/tiny/format", "m2", "models.tiny.format", "is not in formats"),
        ("solvers/tiny/attempts", 4, "solvers.tiny.attempts", "set temperature above 0"),
        ("datasets/hard_40/teacher", "nobody", "datasets.hard_40.teacher", "is not in teachers"),
        ("bases/tiny/corpus/sources", ["nowhere"], "bases.tiny.corpus.sources", "is not in sources"),
        ("sources/wards/chain", [3, 1], "sources.wards.chain", "must not be greater"),
        ("sources/wards/chain", None, "sources.wards.chain", "the adapter formulary needs this key"),
        ("sources", {}, "solvers", "there are no sources to take questions from"),
        ("sources/wards", {"adapter": "headqa"}, "sources.wards.path", "needs this key, or hub"),
        ("sources/wards/options_of", "pharmacists", "sources.wards.options_of", "did you mean 'pharmacist'?"),
        ("sources/wards/options_of", "pharmacist", "sources.wards.options_of", "of kind recorded"),
        ("formulary/rare_drugs", 40, "formulary.rare_drugs", "fewer than formulary.drugs"),
        ("prompts/evaluate", "no field", "prompts.evaluate", "add {question}"),
        ("prompts/solve", "x {questions}", "prompts.solve", "unknown field {questions}"),
        ("prompts/solve", "{question} \\boxed{{letter}}", "prompts.solve", "unknown field {letter}"),
        ("models/mini/prompt", "no field", "models.mini.prompt", "add {question}"),
        ("models/mini/prompt", "x {questions}", "models.mini.prompt", "unknown field {questions}"),
        ("benchmarks/in_domain/path", "mine.csv", "benchmarks.in_domain.path", "doesn't use this key"),
        ("solvers/tiny/endpoint", "far", "solvers.tiny.endpoint", "is not in endpoints"),
        ("solvers/tiny/weights", None, "solvers.tiny", "exactly one of weights and endpoint"),
        ("solvers/tiny/kind", "recorded", "solvers.tiny.weights", "doesn't use this key"),
        ("solvers/tiny", {"kind": "recorded"}, "solvers.tiny.path", "needs this key"),
        ("solvers", {}, "solvers", "missing; teachers are asked the questions that solvers get wrong"),
        ("domains", {"by": "model"}, "domains", "exactly one of weights and endpoint"),
        ("domains", {"by": "model", "weights": "tinny"}, "domains.weights", "did you mean 'tiny'?"),
        ("prompts/domain", "about {question}", "prompts.domain", "add {codes}"),
        ("difficulty", {"min_pass_rate": 0.5}, "difficulty.min_pass_rate", "lower one or raise the other"),
        ("datasets/hard_40", TOO_NARROW, "datasets.hard_40.min_tokens", "lower one or raise the other"),
    ],
)
def test_what_does_not_fit_is_one_line_with_key_and_cure(config, path, value, key, cure):
    message = refused(config, path, value)
    assert message.startswith(key) and cure in message


def test_braces_around_a_field_are_text(config):
    Study.from_config(changed(config, "prompts/solve", "{{question}}"), [DEMO])


def test_a_benchmark_that_is_a_training_source_is_refused(config):
    config = changed(config, "sources/trained", HUB)
    ids = str(ROOT / "config" / "ids" / "pubmedqa_m1_train.txt")
    Study.from_config(changed(config, "benchmarks/held", {**HUB, "without_ids": ids}), [DEMO])
    with pytest.raises(M1FlowError, match=r"benchmarks\.held: has the same rows as sources\.trained; remove one"):
        Study.from_config(changed(config, "benchmarks/held", {**HUB, "shuffle": False}), [DEMO])


@pytest.mark.parametrize(
    ("judge", "key", "cure"),
    [
        ({"questions": 5}, "judge", "exactly one of weights and endpoint"),
        ({"weights": "tiny", "endpoint": "far"}, "judge", "exactly one of weights and endpoint"),
        ({"weights": "tinny"}, "judge.weights", "did you mean 'tiny'?"),
        ({"endpoint": "fer"}, "judge.endpoint", "did you mean 'far'?"),
        ({"endpoint": "far", "format": "m2"}, "judge.format", "is not in formats"),
        ({"endpoint": "far", "models": ["tiny", "minni"]}, "judge.models", "did you mean 'mini'?"),
        ({"endpoint": "far", "hand_labels": "no/such.csv"}, "judge.hand_labels", "no/such.csv: no such file"),
        ({"endpoint": "far", "temperature": 0.001}, "judge.temperature", "0 or at least 0.01"),
        ({"endpoint": "far", "budget": 8}, "judge.budget", "unknown key"),
        ({"endpoint": "far", "questions": 0}, "judge.questions", "at least 1"),
    ],
)
def test_a_judge_that_can_not_be_is_refused_in_one_line(config, judge, key, cure):
    with pytest.raises(M1FlowError) as caught:
        Study.from_config(config | {"endpoints": {"far": FAR}, "judge": judge})
    assert f": {key}: " in str(caught.value) and cure in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("prompt", "cure"),
    [
        ("{question} {answer} {gold}", "unknown field {gold}"),
        ("{answer}", "add {question}"),
        ("{question}", "{answer}"),
    ],
)
def test_a_judges_prompt_must_show_what_is_judged(config, prompt, cure):
    with pytest.raises(M1FlowError) as caught:
        Study.from_config(config | {"prompts": config["prompts"] | {"judge": prompt}})
    assert "prompts.judge" in str(caught.value) and cure in str(caught.value)
