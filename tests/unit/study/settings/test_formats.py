"""Reasoning formats: one that thinks says how thinking starts, ends and is cut."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read

THINK = {"thinking_start": "<think>", "thinking_end": "</think>", "forced_end": "</think>"}


def test_a_format_without_thinking_answers_directly():
    direct = FormatSettings()
    assert direct.thinking_start is None and direct.dump() == {"answer_start": ""}
    assert read(FormatSettings, {"forced_end": "Answer: "}).forced_end == "Answer: "


@pytest.mark.parametrize("key", ["thinking_start", "thinking_end", "forced_end"])
def test_markers_of_thinking_come_together(key):
    message = refusal(FormatSettings, {name: text for name, text in THINK.items() if name != key})
    assert message.endswith(f"needs {key}; add {key}")


def test_a_marker_is_not_empty():
    assert refusal(FormatSettings, THINK | {"thinking_start": ""}).startswith("thinking_start: must not be empty")
