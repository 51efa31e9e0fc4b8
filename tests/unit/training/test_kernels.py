"""Kernels: what can't run here is refused with the way out, and what is optional is left out."""

from __future__ import annotations

import pytest
from transformers import Gemma2Config, Gemma3TextConfig, MistralConfig, Qwen2Config

from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import read
from m1flow.study.settings.training import TrainingSettings
from m1flow.training import kernels

QWEN = Qwen2Config()


def settings(**values) -> TrainingSettings:
    return read(TrainingSettings, values)


@pytest.fixture
def packages(monkeypatch):
    """Says which optional packages are there."""
    there: set[str] = set()
    monkeypatch.setattr(kernels, "installed", there.__contains__)

    def require(feature, key):
        if feature not in there:
            raise M1FlowError(f"{key}: {feature} is missing")

    monkeypatch.setattr(kernels, "require", require)
    return there


@pytest.mark.parametrize(
    ("precision", "on_gpu", "there", "chosen"),
    [
        ("bfloat16", True, True, "flash_attention_2"),
        ("bfloat16", True, False, kernels.VARLEN),
        ("float32", True, True, "sdpa"),
        ("bfloat16", False, True, "sdpa"),
    ],
)
def test_flash_kernels_are_chosen_only_where_they_can_run(packages, precision, on_gpu, there, chosen):
    packages.update({"flash_attention_2"} if there else ())
    assert kernels.attention(settings(precision=precision), on_gpu, QWEN) == chosen
    assert kernels.takes_boundaries(chosen) == (chosen != "sdpa")


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(sliding_window=4096),
        Gemma3TextConfig(),
        Qwen2Config(use_sliding_window=True, max_window_layers=1),
        Gemma2Config(sliding_window=None, layer_types=["full_attention"] * 26),
    ],
    ids=lambda config: config.model_type,
)
def test_a_model_with_windows_or_capped_scores_keeps_its_own_attention(packages, config):
    assert kernels.attention(settings(precision="bfloat16"), True, config) == "sdpa"
    with pytest.raises(M1FlowError, match="^training: attention: varlen doesn't support this model's attention"):
        kernels.attention(settings(attention="varlen", precision="bfloat16"), True, config)


@pytest.mark.parametrize("asked", ["varlen", "flash_attention_2"])
@pytest.mark.parametrize(("precision", "on_gpu"), [("float32", True), ("bfloat16", False)])
def test_what_needs_a_gpu_and_bfloat16_is_refused_without(asked, precision, on_gpu):
    with pytest.raises(M1FlowError, match=f"^training: attention: {asked} needs a GPU and precision bfloat16; give"):
        kernels.attention(settings(attention=asked, precision=precision), on_gpu, QWEN)


def test_a_package_that_is_asked_for_must_be_there(packages):
    with pytest.raises(M1FlowError, match="^training: attention: flash_attention_2"):
        kernels.attention(settings(attention="flash_attention_2", precision="bfloat16"), True, QWEN)
    with pytest.raises(M1FlowError, match="^training: liger: liger"):
        kernels.use_liger(settings(liger=True), True)
    assert kernels.attention(settings(attention="varlen", precision="bfloat16"), True, QWEN) == kernels.VARLEN
    assert kernels.attention(settings(attention="eager"), False, QWEN) == "eager"


@pytest.mark.parametrize(
    ("asked", "on_gpu", "there", "used"),
    [
        ("auto", True, True, True),
        ("auto", False, True, False),
        ("auto", True, False, False),
        (False, True, True, False),
    ],
)
def test_liger_is_used_where_it_helps_unless_the_config_says_otherwise(packages, asked, on_gpu, there, used):
    packages.update({"liger"} if there else ())
    assert kernels.use_liger(settings(liger=asked), on_gpu) is used
