"""The picture of the rules in the documentation is the workflow's own."""

from __future__ import annotations

import importlib.util
import re

import pytest

from helpers.project import ROOT, Project

_spec = importlib.util.spec_from_file_location("write_workflow", ROOT / "docs" / "write_workflow.py")
write_workflow = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(write_workflow)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    rule_graph = project.snakemake(*write_workflow.RULE_GRAPH).stdout
    return write_workflow.page(rule_graph, project.folder / "rules")


def test_the_page_of_the_workflow_is_current(page):
    assert page == write_workflow.PAGE.read_text(encoding="utf-8"), "run `make docs`"


def test_every_rule_is_on_the_page(page):
    files = (path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = [name for code in files for name in re.findall(r"^(?:rule|checkpoint) (\w+):", code, re.M)]
    assert rules and all(f"- `{name}`: " in page for name in rules)


def test_the_picture_leads_from_questions_to_the_report(page):
    arrows = re.findall(r"^    (\w+) --> (\w+)$", page, re.MULTILINE)
    reached = {"collect_source"}
    while more := {b for a, b in arrows if a in reached} - reached:
        reached |= more
    assert {"teach", "fine_tune", "score", "render_report"} <= reached
    assert "all" not in reached
