"""Models: what is evaluated, and where it differs from the study's sweep."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.models import ModelSettings
from m1flow.study.settings.problems import read


def test_a_model_is_the_base_or_student_of_its_name_by_default():
    model = ModelSettings()
    assert (model.weights, model.format, model.prompt, model.sweep) == (None, "m1", None, None)


def test_a_models_own_sweep_keeps_its_nulls_which_take_keys_away():
    """It is checked where it has been laid over the study's."""
    own = {"extensions": None, "budgets": [8]}
    assert read(ModelSettings, {"sweep": own}).sweep == own
    assert refusal(ModelSettings, {"sweep": [8]}).startswith("sweep: must be a mapping")


def test_a_models_own_prompt_takes_the_place_of_the_studys():
    """An empty one, too."""
    prompts = {"question": "{stem}", "evaluate": "{question}"}
    assert ModelSettings().prompts(prompts) == prompts
    assert ModelSettings(prompt="Why? {question}").prompts(prompts) == prompts | {"evaluate": "Why? {question}"}
    assert ModelSettings(prompt="").prompts(prompts)["evaluate"] == ""
