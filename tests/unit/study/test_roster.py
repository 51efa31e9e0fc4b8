"""Who is the headline, and which models are one series."""

from __future__ import annotations

import copy
from pathlib import Path

import pandas as pd
import yaml

from helpers.synthetic_study import CONFIG, SKILL
from m1flow.study.roster import Model, data_series, headline, made_how, roster, shared_budget

CONFIGS = Path(__file__).resolve().parents[3] / "config"


def listed(config: dict, *names: str) -> list[Model]:
    """The roster of a config's models, all of which think."""
    accuracy = pd.DataFrame({"model": sorted(names), "budget": 56})
    return roster(config, accuracy, {})


def with_models(students: dict | None = None, **models: dict) -> dict:
    config = copy.deepcopy(CONFIG)
    config["students"] |= students or {}
    config["models"] |= models
    return config


def test_the_headline_is_about_the_design_not_the_best_result():
    """The student with the most filtered traces, even where another did better."""
    accuracy = pd.DataFrame({"model": list(SKILL), "budget": [0, 56, 56, 56, 56, 56]})
    models = roster(CONFIG, accuracy, {"hard_1000": 980})
    assert [m.name for m in models] == ["tiny", "full_40", "full_200", "full_1000", "unfiltered_1000", "lora_1000"]
    assert headline(models).name == "full_1000" and headline(models).traces == 980
    assert [m.name for m in data_series(models)] == ["full_40", "full_200", "full_1000"]


def test_a_series_differs_in_nothing_but_the_number_of_traces():
    """Another training is another family, and of equal ones the headline stands for its amount."""
    again = CONFIG["students"]["full_1000"]
    longer, elsewhere = again | {"training": {"steps": 600}}, again | {"resources": {"gpus": 8}}
    config = with_models({"long": longer, "a": elsewhere}, long={}, a={})
    config["datasets"]["hard_500"] = CONFIG["datasets"]["hard_200"] | {"size": 500, "min_tokens": 9}
    config["students"]["few_long"] = {"base": "tiny", "dataset": "hard_500"}
    models = listed(config | {"models": config["models"] | {"few_long": {}}}, *SKILL, "long", "a", "few_long")
    assert headline(models).name == "full_1000"
    assert [m.name for m in data_series(models)] == ["full_40", "full_200", "full_1000"]


def test_another_seed_does_not_take_the_headline_s_place():
    config = yaml.safe_load((CONFIGS / "config.yaml").read_text(encoding="utf-8"))
    seeds = yaml.safe_load((CONFIGS / "overlays" / "demo-seeds.yaml").read_text(encoding="utf-8"))
    for part in ("students", "models"):
        config[part] |= seeds[part]
    thinking = [name for name, entry in config["models"].items() if (entry or {}).get("format", "m1") == "m1"]
    assert headline(listed(config, *thinking)).name == "tiny_hard_1000"


def test_of_equal_models_the_first_in_the_config_is_the_headline():
    twin = {"base": "tiny", "dataset": "hard_1000", "seed": 1}
    config = with_models({"a": twin, "z": twin}, z={}, a={})
    assert headline(listed(config, "full_1000", "a", "z")).name == "full_1000"
    assert headline(listed(config, "a", "z")).name == "z"


def test_comparisons_and_the_report_list_the_same_models():
    """Comparisons are told a part of the config only."""
    lora = {"base": "tiny", "dataset": "hard_1000", "adapters": "lora", "training": {"steps": 9}}
    config = with_models(
        {"l": lora}, a_sampled={"weights": "twice", "sweep": {"samples": 8}}, z={"weights": "twice"}, l={}
    )
    names = [*SKILL, "a_sampled", "z", "l"]
    assert listed(made_how(config), *names) == listed(config, *names)


def test_weights_that_are_evaluated_again_are_in_no_series_and_no_headline():
    again = {"weights": "full_1000", "sweep": {"samples": 8}}
    few = {"weights": "full_40", "sweep": {"samples": 8}}
    config = with_models(a_sampled=again, zz={"weights": "full_1000"}, few_sampled=few)
    names = ["full_40", "full_200", "full_1000", "a_sampled", "zz", "few_sampled"]
    models = listed(config, *names)
    assert {m.name for m in models if m.again} == {"a_sampled", "zz", "few_sampled"}
    assert headline(models).name == "full_1000"
    assert [m.name for m in data_series(models)] == ["full_40", "full_200", "full_1000"]
    assert headline(listed(config, "a_sampled")).name == "a_sampled", "no plain one thinks"


def test_a_sweep_of_its_own_alone_makes_no_second_entry():
    config = with_models(full_1000={"weights": "full_1000", "sweep": {"samples": 8}})
    assert headline(listed(config, "full_40", "full_1000")).name == "full_1000"
    config = with_models({"s": CONFIG["students"]["full_40"]}, first={"weights": "s", "sweep": {}}, b={"weights": "s"})
    config["models"]["first"]["sweep"] = {"samples": 8}
    assert [m.name for m in listed(config, "first", "b") if m.again] == ["first"]


def test_the_shared_budget_is_the_largest_that_all_have():
    cells = [("a", 8, 0), ("a", 16, 0), ("a", 32, 0), ("b", 8, 0), ("b", 16, 0), ("b", 32, 1), ("c", 4, 0)]
    rows = pd.DataFrame(cells, columns=["model", "budget", "extensions"])
    assert shared_budget(rows, ["a"]) == 32 and shared_budget(rows, ["a", "b"]) == 16
    assert shared_budget(rows, ["a", "c"]) is None and shared_budget(rows, ["a", "unknown"]) is None
    assert shared_budget(rows, []) is None
