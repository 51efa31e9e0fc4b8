"""The template: data in scripts stay data."""

from __future__ import annotations

import json

from m1flow.report import template


def test_json_in_scripts_survives_any_string():
    value = {"a": "</script><!--\u2028&\u0000\ud800", "b": [1, None]}
    text = str(template.script_json(value))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value
