"""The preset m1-eval: the paper's benchmarks, nothing trained, every format sees its own end."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from m1flow.errors import M1FlowError
from m1flow.models.formats import Formatter
from m1flow.study.study import Study
from m1flow.sweep.plan import SweepPlan
from m1flow.training.tokenizer import train_tokenizer

PRESETS = Path(__file__).parents[3] / "config" / "presets"


def read(name: str) -> dict:
    return yaml.safe_load((PRESETS / name).read_text(encoding="utf-8"))


@pytest.fixture
def study() -> Study:
    return Study.from_config(read("m1-eval.yaml"), [PRESETS / "m1-eval.yaml"])


def test_benchmarks_and_protocol_are_those_of_the_preset_m1(study):
    whole = read("m1.yaml")
    enabled = {name: entry for name, entry in whole["benchmarks"].items() if entry.get("enabled", True)}
    mine = read("m1-eval.yaml")
    assert mine["benchmarks"] == enabled and len(enabled) == 10
    assert mine["sweep"] == whole["sweep"]
    assert mine["formats"]["m1"] == whole["formats"]["m1"]
    theirs = Study.from_config(whole, [PRESETS / "m1.yaml"])
    both = study.models.keys() & theirs.models.keys()
    assert "qwen2.5-7b" in both and "m1-7B-1K" in both
    for name in both:
        assert (study.models[name], study.sweeps[name]) == (theirs.models[name], theirs.sweeps[name]), name
    assert not (study.sources or study.solvers or study.teachers or study.datasets or study.students)


def test_every_model_has_a_plan_and_a_format_that_ends(study):
    tokenizer = train_tokenizer(["Thinking about a Final Response"], 400)
    prompts = set()
    for name, model in study.models.items():
        formatter = Formatter(tokenizer, model.format, study.formats[model.format])
        plan = SweepPlan.from_settings(study.sweeps[name])
        assert plan.answer_tokens == (1024 if formatter.thinks else 2048), name
        prompts.add(model.prompt)
    assert len(prompts) == 2  # the chain of thought's, and none of its own
    huatuo = Formatter(tokenizer, "huatuo", study.formats["huatuo"])
    said = huatuo.encode("first this\n\n## Final Response\n\nB")
    ends = [n for n in range(1, len(said) + 1) if huatuo.thinking_until.met(said[:n])]
    assert len(ends) == 1
    assert huatuo.decode(said[: huatuo.thinking_until.start(said[: ends[0]])]).rstrip() == "first this"


def test_a_report_from_the_models_that_are_there(study, tmp_path, caplog):
    assert study.finished_only(tmp_path) is study
    finished = study.model_copy(update={"only_finished": True})
    with pytest.raises(M1FlowError, match="only_finished: no model's sweep is finished in"):
        finished.finished_only(tmp_path)
    for model in ("m1-7B-1K", "qwen3-8b"):
        for benchmark in list(study.benchmarks)[: 10 if model == "qwen3-8b" else 9]:
            path = tmp_path / "sweeps" / model / f"{benchmark}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert list(finished.finished_only(tmp_path).models) == ["qwen3-8b"]
    assert "m1-7B-1K" in caplog.text and "qwen3-8b," not in caplog.text
