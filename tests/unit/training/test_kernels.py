"""Kernels: what can't run here is refused with the way out, and what is optional is left out."""

from __future__ import annotations

import pytest

from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import read
from m1flow.study.settings.training import TrainingSettings
from m1flow.training import kernels


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
        ("bfloat16", True, False, "sdpa"),
        ("float32", True, True, "sdpa"),
        ("bfloat16", False, True, "sdpa"),
    ],
)
def test_flash_attention_is_chosen_only_where_it_can_run(packages, precision, on_gpu, there, chosen):
    packages.update({"flash_attention_2"} if there else ())
    assert kernels.attention(settings(precision=precision), on_gpu) == chosen
    assert kernels.takes_boundaries(chosen) == (chosen == "flash_attention_2")


@pytest.mark.parametrize("asked", ["varlen", "flash_attention_2"])
@pytest.mark.parametrize(("precision", "on_gpu"), [("float32", True), ("bfloat16", False)])
def test_what_needs_a_gpu_and_bfloat16_is_refused_without(asked, precision, on_gpu):
    with pytest.raises(M1FlowError, match=f"^training: attention: {asked} needs a GPU and precision bfloat16; give"):
        kernels.attention(settings(attention=asked, precision=precision), on_gpu)


def test_a_package_that_is_asked_for_must_be_there(packages):
    with pytest.raises(M1FlowError, match="^training: attention: flash_attention_2"):
        kernels.attention(settings(attention="flash_attention_2", precision="bfloat16"), True)
    with pytest.raises(M1FlowError, match="^training: liger: liger"):
        kernels.use_liger(settings(liger=True), True)
    assert kernels.attention(settings(attention="varlen", precision="bfloat16"), True) == kernels.VARLEN
    assert kernels.attention(settings(attention="eager"), False) == "eager"


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
