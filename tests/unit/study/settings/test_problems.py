"""Problems with settings: one line with the key, what it must be, and the cure."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.problems import Rejected, dotted, read
from m1flow.study.settings.question_sets import FieldNames, QuestionSetSettings
from m1flow.study.settings.students import StudentSettings
from m1flow.study.settings.sweep import SweepSettings
from m1flow.study.settings.training import TrainingSettings

STUDENT = {"base": "tiny", "dataset": "hard", "training": {"steps": 1}}


@pytest.mark.parametrize(
    ("section", "values", "problem"),
    [
        (EngineSettings, {"gpus": "1"}, 'gpus: must be a whole number, not "1"; write 1'),
        (EngineSettings, {"gpus": True}, "gpus: must be a whole number, not true"),
        (EngineSettings, {"gpus": 1.0}, "gpus: must be a whole number, not 1.0"),
        (EngineSettings, {"gpu_memory_utilization": True}, "gpu_memory_utilization: must be a number, not true"),
        (EngineSettings, {"dtype": 16}, "dtype: must be one of float32, bfloat16, float16, not 16"),
        (EngineSettings, {"max_model_len": 0}, "max_model_len: must be at least 1, not 0"),
        (EngineSettings, [], "must be a mapping, not []"),
        (TrainingSettings, {"packing": 1}, "packing: must be true or false, not 1"),
        (TrainingSettings, {"liger": "yes"}, 'liger: must be one of auto, true and false, not "yes"'),
        (TrainingSettings, {"betas": [0.9]}, "betas: needs at least 2 entries, not [0.9]"),
        (TrainingSettings, {"betas": [0.9, 0.95, 1]}, "betas: takes at most 2 entries, not [0.9, 0.95, 1]"),
        (TrainingSettings, {"betas": [0.9, "x"]}, 'betas.1: must be a number, not "x"'),
        (TrainingSettings, {"epochs": 0}, "epochs: must be more than 0, not 0"),
        (TrainingSettings, {"epochs": float("inf")}, "epochs: must be a number, not Infinity"),
        (SweepSettings, {"budgets": []}, "budgets: needs at least 1 entries, not []"),
        (
            SweepSettings,
            {"budgets": [8], "option_answer": "x"},
            "option_answer: must be a text with {letter}",
        ),
        (QuestionSetSettings, {"adapter": "records", "path": 3}, "path: must be a path or a list of paths, not 3"),
        (
            QuestionSetSettings,
            {"adapter": "records", "files": [1]},
            "files: must be a text or a list of texts, not [1]",
        ),
        (QuestionSetSettings, {"adapter": "records", "where": {"a": {}}}, "where.a: must be a text, a number, true"),
        (FieldNames, {"question": "q", "options": "o", "answer": True}, "answer: must be a text or a whole number"),
        (
            StudentSettings,
            STUDENT | {"method": "lora"},
            "method: 'lora' is not a method; remove this key, and write ",
        ),
        (StudentSettings, STUDENT | {"method": "full"}, "method: 'full' is not a method; remove this key: all weights"),
        (StudentSettings, STUDENT | {"adapters": "qlora"}, 'adapters: must be one of lora, not "qlora"'),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(section, values, problem):
    with pytest.raises(Rejected) as caught:
        read(section, values)
    assert str(caught.value).startswith(problem)


def test_the_problem_nearest_to_the_top_comes_first():
    with pytest.raises(Rejected, match=r"^sed: unknown key; did you mean 'seed'\?$"):
        read(StudentSettings, {"base": 3, "dataset": "hard", "training": {"steps": 0}, "sed": 1})


def test_a_key_that_was_pasted_into_the_config_is_not_repeated():
    pasted = {"url": "https://far.org/v1", "model": "x", "key_variable": "sk-secret"}
    with pytest.raises(
        Rejected, match="key_variable: must be the name of an environment variable, not the given"
    ) as caught:
        read(EndpointSettings, pasted)
    assert "secret" not in str(caught.value)


def test_a_path_leads_to_the_problem():
    with pytest.raises(Rejected) as caught:
        read(SweepSettings, {"budgets": [8, -1]}, ("models", "m", "sweep"))
    assert caught.value.path == ("models", "m", "sweep", "budgets", 1)
    assert str(caught.value) == "models.m.sweep.budgets.1: must be at least 0, not -1"
    assert dotted([]) == "the file"


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number > 0))
def test_what_is_said_to_write_for_a_text_is_the_number_to_yaml(number):
    """YAML takes 1e-05 for a text."""
    with pytest.raises(Rejected, match="; write ") as caught:
        read(TrainingSettings, {"epochs": repr(number)})
    assert yaml.safe_load(str(caught.value).rpartition("; write ")[2]) == number
