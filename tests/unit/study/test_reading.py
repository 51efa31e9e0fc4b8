"""Reading a study: files are laid over each other, and over the default study where none names one."""

from __future__ import annotations

import pytest

from helpers.project import ROOT
from helpers.study_configs import DEMO
from m1flow.errors import M1FlowError
from m1flow.study.reading import read_study


def test_settings_without_a_study_are_laid_over_the_default_one(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    file = tmp_path / "mine.yaml"
    file.write_text("engine: {gpus: 3, tensor_parallel_size: 2}\n", encoding="utf-8")
    study = read_study([file])
    assert study.name == "demo" and study.engine.gpus == 3 and study.engine.max_model_len == 256
    file.write_text("", encoding="utf-8")
    assert read_study([file]).as_dict() == read_study([DEMO]).as_dict()


def test_a_later_file_is_laid_over_an_earlier_one_key_by_key(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    files = [DEMO]
    for number, content in enumerate(["sweep: {samples: 2, temperature: 0.5}\n", "sweep: {samples: 3}\n"]):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(content, encoding="utf-8")
    demo, study = read_study([DEMO]), read_study(files)
    assert (study.sweep.samples, study.sweep.temperature) == (3, 0.5)
    assert study.sweep.budgets == demo.sweep.budgets and study.name == demo.name


def test_the_file_at_fault_is_named_among_several(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "mine.yaml").write_text("sweep: {smples: 3}\n", encoding="utf-8")
    with pytest.raises(
        M1FlowError, match=rf"^{tmp_path}/mine\.yaml: sweep\.smples: unknown key; did you mean 'samples'"
    ):
        read_study([DEMO, tmp_path / "mine.yaml"])
