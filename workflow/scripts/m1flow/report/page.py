"""The report: one self-contained page that opens offline, made from a study's tables, sweeps and files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.analysis.cells import read_sweeps
from m1flow.analysis.tables import macro
from m1flow.files.atomic import atomic_file
from m1flow.files.parquet import read_table
from m1flow.report import charts, findings
from m1flow.report.explorer import explore
from m1flow.report.figures import funnel_bars, loss_curves, verification
from m1flow.report.page_sections import page_sections
from m1flow.report.pool_section import pool_section
from m1flow.report.provenance import provenance_of
from m1flow.report.static_examples import examples
from m1flow.report.study_tables import StudyTables, read_loss
from m1flow.report.template import code_of, environment, script_json, vega
from m1flow.study.roster import Model, headline, roster
from m1flow.study.shipped import DEFAULT_STUDY, shipped
from m1flow.text.shown import visible

CONTENTS = {
    "explorer": "Watch it think",
    "pipeline": "From raw questions to training data",
    "training": "Training",
    "tables": "All numbers",
    "rerun": "Rerun one thing",
    "provenance": "Provenance",
}
"""Sections after those on the sweeps, for the page's table of contents."""
WAIT = "Wait"
"""The paper's cue, which stands for extensions without a named cue."""


@dataclass
class Inputs:
    """The files a report is made from; everything but the sweeps and the table ``accuracy`` may be absent.

    Attributes:
        config: the resolved study.
        sweeps: scored sweeps.
        tables: CSV tables by name.
        cue: the cue whose extensions are shown; by default, the first one in each sweep.
        loss_curves: loss.csv by the name of the trained model.
        traces: traces/{teacher}.parquet.
        datasets: datasets/{dataset}.parquet.
        benchmarks: benchmarks/{benchmark}.parquet.
        pool: pool.parquet, the text of the teachers' questions.
        pool_report: recall of planted copies.
        pool_removed: removed questions.
        set_reports: rows read and kept of every source and benchmark.
        downloads: the folder of downloads from the hub.
        preset: the config file that ships under the study's name.
        config_files: the config files that make the study, in the order in which they count; empty if unknown.
    """

    config: Mapping[str, Any]
    sweeps: list[Path]
    tables: Mapping[str, Path]
    cue: str | None = None
    loss_curves: Mapping[str, Path] = field(default_factory=dict)
    traces: list[Path] = field(default_factory=list)
    datasets: list[Path] = field(default_factory=list)
    benchmarks: list[Path] = field(default_factory=list)
    pool: Path | None = None
    pool_report: Path | None = None
    pool_removed: Path | None = None
    set_reports: list[Path] = field(default_factory=list)
    downloads: Path | None = None
    preset: Path | None = None
    config_files: list[str] = field(default_factory=list)


def write_report(inputs: Inputs, page: Path, figures_folder: Path | None = None) -> None:
    """Write the page and, if a folder is given, every figure as SVG and PDF."""
    context = build_context(inputs)
    if figures_folder:
        charts.write_files([*_figures(context), context["funnel_figure"]], figures_folder)
    with atomic_file(page) as temporary:
        temporary.write_text(render(context), encoding="utf-8")


def build_context(inputs: Inputs) -> dict[str, Any]:
    """Everything that the template shows."""
    config = inputs.config
    cue = inputs.cue
    rows = read_sweeps(inputs.sweeps, cue)
    order = {name: i for i, name in enumerate(rows["benchmark"].unique())}
    tables = StudyTables(inputs.tables, order)
    sizes = {path.stem: len(read_table(path, "datasets", ["question_id"])) for path in inputs.datasets}
    models = roster(config, tables["accuracy"], sizes)
    questions = {path.stem: read_table(path, "questions") for path in inputs.benchmarks}
    chance = {name: float((1 / table["options"].map(len)).mean()) for name, table in questions.items() if len(table)}
    stages = funnel_stages(tables["funnel"])
    averages = tables["macro"] if "macro" in tables else macro.macro_average(rows[rows["extensions"] == 0])
    bars = pd.DataFrame([stage for stage in stages if stage["main"]], columns=["label", "kept"])
    lead = headline(models)
    explorer = explore(inputs.sweeps, questions, models, lead, cue=cue, traces=inputs.traces, pool=inputs.pool)
    return {
        "study": config.get("study", "study"),
        "description": config.get("description", ""),
        "findings": findings.findings(rows, models, cue or WAIT),
        "key_numbers": key_numbers(rows, models, stages),
        "models": models,
        "lead": lead,
        "sections": page_sections(
            tables,
            {
                "models": models,
                "chance": chance,
                "cue": cue or WAIT,
                "published_numbers": str(config.get("published", "")),
            },
        ),
        "verification": verification.draw({path.stem: trace_outcomes(path) for path in inputs.traces}),
        "loss_curves": loss_curves.draw({name: read_loss(path) for name, path in inputs.loss_curves.items()}),
        "funnel_figure": funnel_bars.draw(bars),
        "stages": stages,
        "pool": pool_section(config, inputs.pool_report, inputs.pool_removed, inputs.set_reports),
        "accuracy": tables["accuracy"],
        "tokens": tables["tokens"],
        "costs": tables["costs"].dropna(axis="columns", how="all"),
        "macro": averages[averages["extensions"] == 0],
        "explorer": explorer,
        "examples": examples(explorer.content, models.index(lead)) if lead else [],
        "provenance": provenance_of(config, *_files(inputs), inputs.downloads, inputs.preset),
        "model_table": _model_table(models),
        "contents": list(CONTENTS.items()),
        "command": command(inputs.config_files),
        "targets": _targets(config, models, list(order)),
    }


def render(context: Mapping[str, Any]) -> str:
    """The page's HTML. Text from data is escaped by the template, data inside scripts by `script_json`."""
    specs = {figure.name: figure.specs() for figure in _figures(context)}
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            context,
            css=code_of("page.css"),
            theme=code_of("theme.js"),
            javascript=code_of("page.js") + code_of("explorer.js"),
            vega=vega(),
            looks=script_json(charts.PAPER_LOOKS),
            specs=script_json({name: [spec for _, spec in panels] for name, panels in specs.items()}),
            series=len(charts.PALETTE),
            shapes=charts.SHAPES,
            shape_paths=charts.SHAPE_PATHS,
            config_text=visible(json.dumps(context["provenance"]["config"], indent=2, ensure_ascii=False)),
        )
    )


def funnel_stages(counts: pd.DataFrame) -> list[dict[str, Any]]:
    """The funnel's rows for the page: label, kept, dropped by reason, and the share of the largest stage."""
    labels = {
        "read": "Rows read",
        "questions": "Well-formed questions",
        "pool": "Left after deduplication and decontamination",
        "attempts": "Not solved by",
        "hard": "Hard for all solvers",
        "traces": "Traces written by",
        "verified": "Verified traces of",
        "datasets": "Data set",
    }
    if not len(counts):
        return []
    stages = []
    counts = counts.fillna({"name": "", "reason": "", "source": ""})
    for (stage, name), part in counts.groupby(["stage", "name"], sort=False):
        dropped = part[part["reason"] != ""].groupby("reason")["n"].sum().sort_values(ascending=False)
        kept = part[part["reason"] == ""]
        stages.append(
            {
                "stage": stage,
                "label": f"{labels.get(stage, stage)} {name}".strip(),
                "kept": int(kept["n"].sum()),
                "sources": {s: int(n) for s, n in kept.groupby("source")["n"].sum().items() if s},
                "dropped": {str(reason): int(n) for reason, n in dropped.items()},
                "main": stage != "attempts",
            }
        )
    largest = max((stage["kept"] for stage in stages), default=0) or 1
    return [stage | {"share": stage["kept"] / largest} for stage in stages]


def key_numbers(rows: pd.DataFrame, models: list[Model], stages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Label and value of the numbers at the top; rows are those of one cue, options in the benchmark's order."""
    kept = {name: sum(s["kept"] for s in stages if s["stage"] == name) for name in ("read", "hard", "verified")}
    numbers = [
        ("rows read", kept["read"]),
        ("hard questions", kept["hard"]),
        ("verified traces", kept["verified"]),
        ("models compared", len(models)),
        ("benchmark questions", int(rows.groupby("benchmark")["question_id"].nunique().sum())),
        ("answers compared, one cue and order of options", len(rows)),
    ]
    return [(label, f"{value:,}") for label, value in numbers if value]


def _figures(context: Mapping[str, Any]) -> list[charts.Figure]:
    """Every interactive figure of the page."""
    drawn = [figure for section in context["sections"].values() for figure in section.figures]
    return [*drawn, context["verification"], context["loss_curves"]]


def trace_outcomes(path: Path) -> dict[str, int]:
    """The number of a teacher's traces with each of `teaching.OUTCOMES`."""
    return {str(k): int(n) for k, n in read_table(path, "traces", ["outcome"])["outcome"].value_counts().items()}


def _files(inputs: Inputs) -> tuple[list[Path], list[Path]]:
    """The files that the report reads: tables with provenance, and others."""
    tables = [*inputs.sweeps, *inputs.traces, *inputs.datasets, *inputs.benchmarks, inputs.pool, inputs.pool_removed]
    others = [*inputs.tables.values(), *inputs.loss_curves.values(), inputs.pool_report, *inputs.set_reports]
    return [path for path in tables if path], [path for path in others if path]


def _model_table(models: list[Model]) -> pd.DataFrame:
    rows = [(model.name, model.label, model.base, model.dataset or "–") for model in models]
    return pd.DataFrame(rows, columns=["model", "made with", "base", "data set"])


def command(config_files: list[str]) -> str:
    """The command that runs the study, to which a file's name can be appended; "" if its config isn't known."""
    if not config_files:
        return ""
    snakefile = [] if shipped("Snakefile") == "Snakefile" else ["--snakefile", shipped("Snakefile")]
    named = [] if config_files == [shipped(DEFAULT_STUDY)] else ["--configfile", *config_files]
    return shlex.join(["snakemake", *snakefile, "--cores", "all", *named, "--"])


def _targets(config: Mapping[str, Any], models: list[Model], benchmarks: list[str]) -> list[tuple[str, str]]:
    """The targets that can be made alone, and their files."""
    root = f"results/{config.get('study', 'study')}"
    lead = headline(models) or models[0]
    targets = [("One model on one benchmark", f"{root}/sweeps/{lead.name}/{benchmarks[0]}.parquet")]
    if lead.dataset:
        targets += [
            ("One data set", f"{root}/datasets/{lead.dataset}.parquet"),
            ("One student", f"{root}/models/{config['models'].get(lead.name, {}).get('weights', lead.name)}"),
        ]
    targets += [("One table, and what it is made of", f"{root}/tables/accuracy.csv")]
    return [*targets, ("This page, and the figures", f"{root}/report/index.html")]
