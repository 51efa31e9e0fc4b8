"""Architectures of bases with random weights."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.architecture import ArchitectureSettings


def test_the_default_architecture_is_the_demos_smallest():
    made = ArchitectureSettings()
    assert (made.hidden_size, made.layers, made.heads, made.max_position) == (64, 2, 2, 512)


def test_a_vocabulary_must_hold_every_byte_and_marker():
    assert refusal(ArchitectureSettings, {"vocabulary": 299}) == "vocabulary: must be at least 300, not 299"
    assert refusal(ArchitectureSettings, {"heads": 0}) == "heads: must be at least 1, not 0"
