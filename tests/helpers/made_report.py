"""A made-up study's report, made by the workflow's own scripts, and what tests read out of the page."""

from __future__ import annotations

import json
import re
import runpy
import sys
from html.parser import HTMLParser
from pathlib import Path

from helpers.synthetic_study import CONFIG, HOSTILE, Study, make_study

ROOT = Path(__file__).resolve().parents[2]


def run_script(name: str, flags: list[str]) -> None:
    """Run a script of the workflow in this process."""
    before = sys.argv
    sys.argv = [name, *flags]
    try:
        runpy.run_path(str(ROOT / "workflow" / "scripts" / f"{name}.py"))["main"]()
    finally:
        sys.argv = before


def make_report(folder: Path, config: dict = CONFIG, *, files: bool = True, **study) -> Study:
    """A study with its tables, page and, where wanted, figures as files; ``study`` goes to `make_study`."""
    made = make_study(folder, **study)
    for name in made.tables():
        run_script("make_table", made.table_flags(name))
    flags = made.report_flags(config)
    run_script("render_report", flags if files else flags[: flags.index("--figures")])
    return made


def make_hostile_report(folder: Path) -> Study:
    """The report of a study whose every text is hostile; three models, three samples, three orders of the options."""
    return make_report(
        folder,
        CONFIG | {"description": HOSTILE, "note": HOSTILE},
        files=False,
        questions=12,
        hostile=True,
        models=("tiny", "full_200", "full_1000"),
        samples=3,
        permutations=3,
        option_logprobs=True,
    )


def page_of(study: Study) -> Path:
    """The page's file."""
    return study.root / "report" / "index.html"


class Outline(HTMLParser):
    """Elements, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.inside = "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


def embedded_specs(html: str) -> dict:
    """The figures' Vega-Lite specs in a page."""
    return json.loads(re.search(r'<script type="application/json" id="specs">(.*?)</script>', html, re.S)[1])
