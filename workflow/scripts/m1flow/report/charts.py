"""Shared parts of the report's charts: the figure, its look on page and paper, and the marks of models and budgets.

Colours are CSS variables on the page, so that light, dark and print styles need no second chart; static files get the
light theme's values.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from m1flow.files.atomic import atomic_file
from m1flow.files.column_kinds import Kind
from m1flow.study.roster import Model

SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]

SHAPE_PATHS = {
    "circle": "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0",
    "square": "M-5,-5h10v10h-10z",
    "triangle-up": "M0,-6L6,5H-6z",
    "diamond": "M0,-7L6,0L0,7L-6,0z",
    "cross": "M-2,-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    "triangle-down": "M0,6L6,-5H-6z",
    "triangle-right": "M6,0L-5,6V-6z",
    "triangle-left": "M-6,0L5,6V-6z",
}
"""The same shapes as SVG paths, for the page's model buttons."""

PALETTE = "#3f51b5 #0f8a7e #d9730d #c2255c #7b3fe4 #1c7ed6 #5c940d #8a6d3b #64748b #a61e4d".split()
"""The light theme's series colours, the same as --series-1... in the style sheet, whose dark theme has lighter ones."""

INK = {"ink": "#20242c", "soft": "#5b6472", "line": "#d9d7d0", "good": "#0b766c", "bad": "#c2255c", "paper": "#ffffff"}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"

SHOWN = "shown"
"""The name of the charts' parameter that lists the models to draw; the page's model buttons set it."""

Panel = tuple[str, alt.TopLevelMixin]

# A little beyond 0 and 1, so that points at the ends are drawn whole and all panels have the same scale.
_SHARE = alt.Scale(domain=[-0.02, 1.03], nice=False)


@dataclass(frozen=True)
class Figure:
    """One figure: panels for the page, drawn side by side, and the rows behind them.

    Attributes:
        name: name of its files, and of the module of `figures` that draws it.
        title: its heading.
        caption: how to read it.
        panels: a heading and a chart each; none if there is nothing to draw.
        table: the numbers behind it.
        columns: panels side by side in files.
        compact: whether panels have a small height.
        by_model: whether models can be switched off.
        kinds: the kinds of those columns of `table` that no table of the study has.
        empty: why there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    panels: list[Panel]
    table: pd.DataFrame
    columns: int = 3
    compact: bool = False
    by_model: bool = True
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    empty: str = field(default="The study has no such data.", kw_only=True)

    def specs(self) -> list[tuple[str, dict]]:
        """Heading and Vega-Lite spec of every panel, as wide as its container, colours as CSS variables."""
        series = [f"var(--series-{i + 1})" for i in range(len(PALETTE))]
        theme = _theme(series, {k: f"var(--{k})" for k in INK})
        colours = {v: f"var(--{k})" for k, v in INK.items()} | dict(zip(PALETTE, series, strict=True))
        size = {"width": "container", "height": 130 if self.compact else 230, "background": "transparent"}
        looks = {"config": theme, "autosize": {"type": "fit-x", "contains": "padding"}}
        return [(heading, _set_colours(spec, colours) | size | looks) for heading, spec in self._plain]

    def svg(self) -> str:
        """The figure as one static SVG in the light theme, with a legend."""
        if not self.panels:
            return _notice(self.empty)
        shared: dict[str, Any] = {"datasets": {}, "params": {}}
        for _, spec in self._plain:
            shared["datasets"] |= spec["datasets"]
            shared["params"] |= {param["name"]: param for param in spec.get("params", ())}
        spec = {
            "$schema": self._plain[0][1]["$schema"],
            "concat": [_panel(heading, spec) for heading, spec in self._plain],
            "columns": self.columns,
            "spacing": 28,
            "datasets": shared["datasets"],
            "params": list(shared["params"].values()),
            "config": _theme(PALETTE, INK),
            "background": INK["paper"],
            "padding": 12,
        }
        return vl_convert.vegalite_to_svg(_with_legend(spec) if self.by_model else spec)

    @functools.cached_property
    def _plain(self) -> list[tuple[str, dict]]:
        """Heading and spec of every panel, before colours are replaced; kept, since altair is slow to make a spec."""
        specs = []
        for heading, chart in self.panels:
            spec = chart.to_dict()
            spec["datasets"] = {name: [_known(row) for row in rows] for name, rows in spec.get("datasets", {}).items()}
            specs.append((heading, spec))
        return specs


def write_files(figures: Iterable[Figure], folder: Path) -> list[Path]:
    """Write every figure as ``<name>.svg`` and ``<name>.pdf``; without data, the files say so.

    PDFs bear no date, but list their fonts in varying order, so their bytes may differ between runs.
    """
    written = []
    for figure in figures:
        svg = figure.svg()
        for suffix, content in (("svg", svg.encode("utf-8")), ("pdf", vl_convert.svg_to_pdf(svg))):
            written.append(folder / f"{figure.name}.{suffix}")
            with atomic_file(written[-1]) as temporary:
                temporary.write_bytes(content)
    return written


def by_benchmark(rows: pd.DataFrame, panel: Callable[[pd.DataFrame], alt.TopLevelMixin]) -> list[Panel]:
    """A panel per benchmark, in the rows' order."""
    return [(str(name), panel(part)) for name, part in rows.groupby("benchmark", sort=False)]


def of_shown(rows: pd.DataFrame, column: str = "model") -> alt.Chart:
    """A chart of the rows of models that are switched on; the caller adds the parameter `shown_models`."""
    return alt.Chart(rows).transform_filter(f"indexof({SHOWN}, datum.{column}) >= 0")


def interval_band(base: alt.Chart, x: alt.X, models: Sequence[Model]) -> alt.Chart:
    """The interval of every model, behind its line."""
    return base.mark_area(opacity=0.13, interpolate="linear").encode(
        x=x, y=share_y("ci_low"), y2="ci_high:Q", color=model_colour(models)
    )


def model_line(base: alt.Chart, x: alt.X, models: Sequence[Model]) -> alt.Chart:
    """One line per model."""
    return base.mark_line(strokeWidth=2.2).encode(x=x, y=share_y(), color=model_colour(models))


def model_points(
    base: alt.Chart, x: alt.X, models: Sequence[Model], extra: Sequence[alt.Tooltip] = ()
) -> list[alt.Chart]:
    """Visible points, and larger invisible ones that are easier to hit."""
    tips = [
        alt.Tooltip("model:N"),
        alt.Tooltip("budget:Q", title="budget"),
        *accuracy_tips("answers"),
        alt.Tooltip("thinking_tokens_mean:Q", format=",.1f", title="tokens used"),
        *extra,
    ]
    names = [model.name for model in models]
    shape = alt.Shape("model:N", scale=alt.Scale(domain=names, range=_cycle(SHAPES, len(names))), legend=None)
    marks = base.mark_point(filled=True, size=44, opacity=1).encode(
        x=x, y=share_y(), color=model_colour(models), shape=shape
    )
    return [marks, base.mark_point(size=260, opacity=0).encode(x=x, y=share_y(), detail="model:N", tooltip=tips)]


def accuracy_tips(counted: str = "questions") -> list[alt.Tooltip]:
    """Tooltips with an accuracy, its interval and the number of questions."""
    return [
        alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("ci_low:Q", format=".1%", title="from"),
        alt.Tooltip("ci_high:Q", format=".1%", title="to"),
        alt.Tooltip("n:Q", title=counted),
    ]


def share_y(column: str = "accuracy") -> alt.Y:
    """A vertical axis for a share from 0 to 1."""
    return alt.Y(f"{column}:Q", title=None, scale=_SHARE, axis=share_axis())


def share_x(column: str = "accuracy") -> alt.X:
    """A horizontal axis for a share from 0 to 1."""
    return alt.X(f"{column}:Q", scale=_SHARE, axis=share_axis())


def share_axis(**more: Any) -> alt.Axis:
    """An axis with a tick at every quarter, in percent."""
    return alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], **more)


def model_colour(models: Sequence[Model]) -> alt.Color:
    """One colour per model, the same in every figure."""
    return alt.Color("model:N", scale=alt.Scale(domain=[model.name for model in models]), legend=None)


def shown_models(models: Sequence[Model]) -> alt.Parameter:
    """The parameter that lists the models to draw."""
    return alt.param(name=SHOWN, value=[model.name for model in models])


def budget_x(budgets: Sequence[int]) -> alt.X:
    """The axis of thinking budgets."""
    axis = alt.Axis(values=[int(b) for b in budgets], format="~s", grid=False, labelOverlap="greedy", labelFlush=True)
    return alt.X("budget:Q", title="thinking budget (tokens)", scale=budget_scale(budgets), axis=axis)


def budget_scale(budgets: Sequence[int]) -> alt.Scale:
    """A scale that is linear if budgets span less than a factor of 20, else logarithmic with a place for 0.

    The domain is fixed, so that axes stay where they are when models are switched off.
    """
    positive = [b for b in budgets if b > 0] or [1]
    domain = [float(min(budgets, default=0)), float(max([*budgets, *positive]))]
    if max(positive) < 20 * min(positive):
        return alt.Scale(domain=domain, nice=False, zero=False)
    return alt.Scale(type="symlog", constant=float(min(positive)), domain=domain, nice=False)


def thinned(curve: pd.DataFrame, points: int = 300) -> pd.DataFrame:
    """A loss curve of at most ``points`` points, each the mean of a stretch of steps."""
    every = -(-len(curve) // points)
    stretches = curve[["step", "loss"]].reset_index(drop=True)
    return stretches.groupby(stretches.index // every).mean() if every > 1 else stretches


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """A table rounded to four digits, which are more than a chart shows and keep the page small."""
    return table.round(4)


def columns_of(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Some of a table's columns, with rows numbered from 0."""
    return table[list(columns)].reset_index(drop=True)


def accuracy_panel(
    rows: pd.DataFrame,
    models: Sequence[Model],
    x: alt.X,
    chance: Mapping[str, float],
    above: Sequence[alt.Chart] = (),
) -> alt.TopLevelMixin:
    """Accuracy on one benchmark along x: a line per model (dashed if it doesn't think), and one for guessing.

    Args:
        rows: rows of the table ``accuracy`` for one benchmark.
        models: the study's models.
        x: the axis.
        chance: accuracy of guessing, by benchmark.
        above: charts to draw on top of the lines.
    """
    thinking = {m.name for m in models if m.thinks}
    rows = rows.assign(thinks=rows["model"].isin(thinking))
    shown = of_shown(rows)
    lines, direct = shown.transform_filter("datum.thinks"), shown.transform_filter("!datum.thinks")
    layers = [interval_band(lines, x, models), model_line(lines, x, models), *model_points(lines, x, models)]
    layers.append(
        direct.mark_rule(strokeDash=[6, 4], strokeWidth=1.8).encode(
            y=share_y(), color=model_colour(models), tooltip=["model:N", *accuracy_tips("answers")]
        )
    )
    benchmark = rows["benchmark"].iloc[0]
    if benchmark in chance:
        guess = alt.Chart(pd.DataFrame({"accuracy": [chance[benchmark]], "label": ["guessing"]}))
        tip = [alt.Tooltip("label:N", title="reference"), alt.Tooltip("accuracy:Q", format=".1%")]
        layers.insert(
            0, guess.mark_rule(strokeDash=[2, 3], color=INK["soft"], opacity=0.7).encode(y=share_y(), tooltip=tip)
        )
    return alt.layer(*layers, *above).add_params(shown_models(models))


def _theme(series: Sequence[str], ink: Mapping[str, str]) -> dict[str, Any]:
    axis = {
        "labelColor": ink["soft"],
        "titleColor": ink["soft"],
        "gridColor": ink["line"],
        "domainColor": ink["line"],
        "tickColor": ink["line"],
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "labelLimit": 320,
    }
    return {
        "font": FONT,
        "axis": axis,
        "title": {"color": ink["ink"], "fontSize": 13, "anchor": "start", "fontWeight": 600, "offset": 10},
        "legend": {
            "labelColor": ink["ink"],
            "title": None,
            "labelFontSize": 12,
            "symbolStrokeWidth": 2,
            "symbolBaseFillColor": ink["soft"],
            "symbolBaseStrokeColor": ink["soft"],
        },
        "range": {"category": list(series)},
        "view": {"stroke": None},
    }


PAPER_LOOKS = {
    "config": _theme(PALETTE, INK),
    "background": INK["paper"],
    "colours": {f"var(--{name})": value for name, value in INK.items()}
    | {f"var(--series-{number})": value for number, value in enumerate(PALETTE, 1)},
}
"""Data for saving a figure from the page in the look of a paper: the theme, and the colour of each CSS variable."""


def _set_colours(node: Any, replacements: Mapping[str, str]) -> Any:
    """A copy of a spec with CSS variables in place of ink colours, in its marks but not in its data."""
    if isinstance(node, list):
        return [_colour(entry, replacements) for entry in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value
        if key == "datasets"
        else _colour(value, replacements)
        if key in ("color", "fill", "stroke")
        else _set_colours(value, replacements)
        for key, value in node.items()
    }


def _colour(value: Any, replacements: Mapping[str, str]) -> Any:
    return replacements.get(value, value) if isinstance(value, str) else _set_colours(value, replacements)


def _panel(heading: str, spec: Mapping[str, Any]) -> dict:
    """A panel as a part of a larger figure."""
    content = {name: value for name, value in spec.items() if name not in ("$schema", "config", "datasets", "params")}
    return copy.deepcopy(content) | {"width": 240, "height": 180, "title": heading}


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of data with NaN replaced by None: JSON has no NaN, and altair leaves it in mixed columns."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _with_legend(spec: dict) -> dict:
    """Give the panels one legend, below them all; the page has buttons instead."""
    below = {"orient": "bottom", "columns": 4, "symbolOpacity": 1}
    for panel in spec["concat"]:
        for layer in panel.get("layer", []):
            for channel in {"color", "shape", "strokeDash", "stroke"} & layer.get("encoding", {}).keys():
                if "field" in layer["encoding"][channel]:
                    layer["encoding"][channel]["legend"] = below
    return spec


def _cycle(values: Sequence[str], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


def _notice(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="60" role="img">'
        f'<text x="16" y="36" font-family="sans-serif" font-size="15" fill="{INK["soft"]}">{escaped}</text></svg>\n'
    )
