"""What the jobs of the report are handed: config files, the preset of the study's name, cues."""

from __future__ import annotations

import re
import shlex

import pytest

from helpers.project import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a preset at fault, which no study is named by."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "config" / "presets" / "broken.yaml").write_text("study: [", encoding="utf-8")
    return project


def jobs(project: Project, *arguments: str) -> dict[str, list[str]]:
    """The words of each planned script's command, by its table if it makes one; of others that run often, the last."""
    output = project.snakemake("--dry-run", "--printshellcmds", *arguments).stdout
    lines = re.findall(r"python workflow/scripts/(?:make_table\.py )?(\w+)(?:\.py)? (.*)$", output, re.MULTILINE)
    return {command: shlex.split(line) for command, line in lines}


def values(words: list[str], flag: str) -> list[str]:
    """What stands behind a flag."""
    after = words[words.index(flag) + 1 :]
    return after[: next(place for place, word in enumerate(after) if word.startswith("--"))]


def test_the_page_is_told_every_config_file_in_the_order_in_which_they_count(project):
    cues = {"extensions": {"cues": ["-Wait"]}}
    settings = {"seed": 3, "sweep": cues, "models": {"tiny_hard_1000": {"sweep": cues}}}
    overlay = project.overlay("my overlay.yaml", settings)
    named = jobs(project, "--configfile", overlay)
    assert values(named["render_report"], "--config-files") == ["config/config.yaml", overlay]
    assert values(named["render_report"], "--preset") == ["config/config.yaml"]
    for command in ("accuracy", "comparisons", "render_report"):
        assert "--cue=-Wait" in named[command], "a cue that begins like a flag is none"


def test_a_study_that_ships_as_no_file_has_no_preset(project):
    overlay = project.overlay("mine.yaml", {"study": "mine"})
    words = jobs(project, "--configfile", "config/config.yaml", overlay)["render_report"]
    assert values(words, "--preset") == [] and values(words, "--config-files") == ["config/config.yaml", overlay]
