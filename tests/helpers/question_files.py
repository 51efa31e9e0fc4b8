"""Files of questions as a user has them, and what the adapter ``records`` makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings

FIELDS = {"question": "q", "options": "opts", "answer": "a"}
ROW = {"q": "Which?", "opts": {"A": "x", "B": "y"}, "a": "B"}


def records(path: Path, fields: dict = FIELDS, **more: Any) -> tuple[pd.DataFrame, dict]:
    """The questions of a file and their report."""
    spec = {"adapter": "records", "path": str(path), "fields": fields, "shuffle": False} | more
    return load("src", read(QuestionSetSettings, spec), 0)


def write(path: Path, content: Any) -> Path:
    """Write a text as it is, anything else as JSON."""
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
