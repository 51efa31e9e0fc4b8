"""JSON files come back as they were written, and a broken one is named."""

from __future__ import annotations

import pytest

from m1flow.errors import M1FlowError
from m1flow.files.json import as_flag, read_json, write_json


def test_json_comes_back_with_the_same_bytes_for_the_same_value(tmp_path):
    write_json(tmp_path / "x.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "y.json", {"a": "é", "b": 1})
    assert read_json(tmp_path / "x.json") == {"a": "é", "b": 1}
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()


@pytest.mark.parametrize("content", [b'{"a": ', b"", b'"\xff"'])
def test_broken_json_is_named_in_one_line(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(M1FlowError, match=r"x\.json: not valid JSON \(.*\); repair the file") as caught:
        read_json(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(M1FlowError, match=r"x\.json: no such file; make it with: snakemake .*x\.json"):
        read_json(tmp_path / "x.json")


def test_equal_settings_are_equal_flags():
    assert as_flag({"b": [1], "a": "é"}) == as_flag({"a": "é", "b": [1]}) == '{"a": "é", "b": [1]}'
