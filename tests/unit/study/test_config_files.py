"""Files of a config: read strictly, and the one at fault is named."""

from __future__ import annotations

import pytest

from helpers.study_configs import DEMO, changed
from m1flow.errors import M1FlowError
from m1flow.study.config_files import Where, read_mapping, refuse
from m1flow.study.reading import read_study
from m1flow.study.study import Study


def test_the_error_names_the_overlay_that_is_at_fault(config, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("sweep: {samples: none}\n")
    with pytest.raises(M1FlowError, match=str(overlay)):
        Study.from_config(changed(config, "sweep/samples", "none"), [DEMO, overlay])


def test_a_key_that_stands_twice_is_refused(config, tmp_path):
    overlay = tmp_path / "twice.yaml"
    overlay.write_text("sweep: {budgets: [8]}\nseed: 1\nsweep: {samples: 1}\n")
    with pytest.raises(M1FlowError, match=r"twice.yaml: line 3: sweep: occurs twice"):
        Study.from_config(config, [DEMO, overlay])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"sweep: [8\nseed: 1\n", "not valid YAML"),
        (b"seed: 2026-13-01\n", "not valid YAML"),
        (b"description: \xff\n", "not valid YAML"),
        (b"- study: x\n", "contains no named settings"),
        (b"study\n", "contains no named settings"),
    ],
)
def test_a_file_that_holds_no_settings_is_one_line(tmp_path, content, problem):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(M1FlowError, match=problem) as caught:
        read_study([file])
    assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)


def test_a_path_of_keys_is_found_in_the_last_file_that_says_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"one.yaml": "a: {b: 1, c: 2}\n", "two.yaml": "a: {b: 3}\nd: 1\n"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    where = Where([tmp_path / "one.yaml", tmp_path / "two.yaml"])
    assert (where(["a", "b"]), where(["a", "c"]), where(["a", "b", 0])) == ("two.yaml", "one.yaml", "two.yaml")
    assert where(["nowhere"]) == "two.yaml" and Where([])(["a"]) == "the study's config"


def test_the_line_of_a_fault_is_named(tmp_path):
    for content, line in (
        (b"a: 1\nb: [2\n", 3),
        (b"a: 1\nb: \xff\n", 2),
        (b"a: 1\nb: 2026-13-01\n", 2),
        (b"a\nb: 1\n", 2),
    ):
        (tmp_path / "x.yaml").write_bytes(content)
        with pytest.raises(M1FlowError, match=rf"x\.yaml: line {line}: not valid YAML \(.*\); correct the file"):
            read_mapping(tmp_path / "x.yaml")


def test_an_empty_file_has_no_settings_and_a_missing_one_is_named(tmp_path):
    (tmp_path / "x.yaml").write_text("# nothing yet\n")
    assert read_mapping(tmp_path / "x.yaml") == {}
    with pytest.raises(M1FlowError, match=r"y\.yaml: No such file or directory; correct the path"):
        read_mapping(tmp_path / "y.yaml")


def test_merged_keys_may_be_overridden(tmp_path):
    """YAML's merge says a key again on purpose."""
    (tmp_path / "x.yaml").write_text("base: &b {k: 1, l: 2}\none: {<<: *b, k: 3}\n")
    assert read_mapping(tmp_path / "x.yaml")["one"] == {"k": 3, "l": 2}


def test_a_name_that_is_close_is_offered():
    with pytest.raises(M1FlowError, match=r"^the study's config: a\.0\.b: is wrong; did you mean 'budget'\?$"):
        refuse(Where([]), ["a", 0, "b"], "is wrong", "budgt", ["budget", "cue"])
    with pytest.raises(M1FlowError, match=r"^the study's config: a: is wrong$"):
        refuse(Where([]), ["a"], "is wrong", "zzz", ["budget", "cue"])
