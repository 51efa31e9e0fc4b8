"""The page's template: filling it, and the code in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from m1flow.analysis.registry import all_columns
from m1flow.files.column_kinds import Kind
from m1flow.report.number_formats import written
from m1flow.text.shown import clean

FOLDER = Path(__file__).parents[3] / "report"


def environment() -> jinja2.Environment:
    """The templates, with their filters; text from data is escaped."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"number": _number, "share": _share, "written": _written, "clean": clean, "slug": slug, "raw": _raw}
    env.globals["zip"] = zip
    return env


def code_of(name: str) -> Markup:
    """A style sheet or script of the page."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def vega() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    return Markup(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub asks for a snippet


def script_json(value: Any) -> Markup:
    """JSON that can stand in a script element, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_plain, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"\W+", "_", text.lower()).strip("_")


def _plain(value: Any) -> Any:
    return value.item()


def _written(value: Any, column: str, kinds: Mapping[str, Kind]) -> str:
    """A value in the notation of its column's kind; given kinds take precedence over those of the study's tables."""
    return written(value, kinds.get(column) or all_columns().get(column, Kind.NUMBER))


def _raw(value: Any) -> str:
    """A number as files have it, for sorting and saving; "" for a missing one."""
    return "" if pd.isna(value) else str(value)


def _number(value: Any, digits: int = 0) -> str:
    return "–" if pd.isna(value) else f"{value:,.{digits}f}"


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f}%"
