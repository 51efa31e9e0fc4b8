"""The report: one self-contained page that opens offline, made from a study's tables, sweeps and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from m1flow import charts, figures, findings, statistics
from m1flow.funnel import verification
from m1flow.pool_page import pool_page
from m1flow.report_sections import Shown, sections
from m1flow.roster import Model, headline, roster
from m1flow.showcase import clean, showcases, visible
from m1flow.storage import atomic_file, fingerprint_path, read_provenance, read_table
from m1flow.study_tables import StudyTables, read_loss

TEMPLATES = Path(__file__).parents[2] / "report"

SHARES = frozenset(
    name + suffix
    for suffix in ("", "_low", "_high")
    for name in (
        "accuracy ci truncated_rate unparsed_rate share change thinking_saved saved tolerance always_right "
        "sometimes_right never_right same_choice confidence_mean overconfidence ece ece_by_chance rms rms_error brier "
        "aurc aurc_best aurc_random option_mass"
    ).split()
)
"""Columns that the page shows in percent."""


@dataclass
class Inputs:
    """The files a report is made from; everything but the sweeps and the table ``accuracy`` may be absent.

    Attributes:
        config: the resolved study.
        sweeps: scored sweeps.
        tables: CSV tables by name.
        loss_curves: loss.csv by the name of the trained model.
        traces: traces/{teacher}.parquet.
        datasets: datasets/{dataset}.parquet.
        benchmarks: benchmarks/{benchmark}.parquet.
        pool_report: recall of planted copies.
        pool_removed: removed questions.
        set_reports: rows read and kept of every source and benchmark.
    """

    config: Mapping[str, Any]
    sweeps: list[Path]
    tables: Mapping[str, Path]
    loss_curves: Mapping[str, Path] = field(default_factory=dict)
    traces: list[Path] = field(default_factory=list)
    datasets: list[Path] = field(default_factory=list)
    benchmarks: list[Path] = field(default_factory=list)
    pool_report: Path | None = None
    pool_removed: Path | None = None
    set_reports: list[Path] = field(default_factory=list)


def write_report(inputs: Inputs, page: Path, figures_folder: Path | None = None) -> None:
    """Write the page and, where a folder is given, every figure as SVG."""
    context = build_context(inputs)
    if figures_folder:
        charts.write_svgs([*_figures(context), context["funnel_figure"]], figures_folder)
    with atomic_file(page) as temporary:
        temporary.write_text(render(context), encoding="utf-8")


def build_context(inputs: Inputs) -> dict[str, Any]:
    """Everything that the template shows."""
    config = inputs.config
    cue = first_cue(config)
    rows = statistics.read_sweeps(inputs.sweeps, cue)
    order = {name: i for i, name in enumerate(rows["benchmark"].unique())}
    tables = StudyTables(inputs.tables, order)
    sizes = {path.stem: len(read_table(path, "datasets", ["question_id"])) for path in inputs.datasets}
    models = roster(config, tables["accuracy"], sizes)
    questions = {path.stem: read_table(path, "questions") for path in inputs.benchmarks}
    chance = {name: float((1 / table["options"].map(len)).mean()) for name, table in questions.items() if len(table)}
    stages = funnel_stages(tables["funnel"])
    macro = tables["macro"] if "macro" in tables else statistics.macro_average(rows[rows["extensions"] == 0])
    bars = pd.DataFrame([stage for stage in stages if stage["main"]], columns=["label", "kept"])
    lead = headline(models)
    texts = {path.stem: path for path in inputs.sweeps if lead and path.parent.name == lead.name}
    return {
        "study": config.get("study", "study"),
        "description": config.get("description", ""),
        "findings": findings.findings(rows, models, cue),
        "key_numbers": key_numbers(rows, models, stages),
        "models": models,
        "lead": lead,
        "sections": sections(Shown(tables, models, chance, cue)),
        "verification": figures.verification({path.stem: verification(path) for path in inputs.traces}),
        "loss_curves": figures.loss_curves({name: read_loss(path) for name, path in inputs.loss_curves.items()}),
        "funnel_figure": figures.funnel_bars(bars),
        "stages": stages,
        "pool": pool_page(config, inputs.pool_report, inputs.pool_removed, inputs.set_reports),
        "accuracy": tables["accuracy"],
        "tokens": tables["tokens"],
        "costs": tables["costs"].dropna(axis="columns", how="all"),
        "macro": macro[macro["extensions"] == 0],
        "showcases": showcases(rows, lead, questions, texts, cue),
        "provenance": provenance_of(inputs),
        "targets": _targets(config, models, list(order)),
    }


def render(context: Mapping[str, Any]) -> str:
    """The page's HTML. Text from data is escaped by the template, data inside scripts by `script_json`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share, "clean": clean}
    specs = {figure.name: figure.specs() for figure in _figures(context)}
    return environment.get_template("page.html.j2").render(
        context,
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        javascript=Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
        vega=Markup(vl_convert.javascript_bundle()),
        specs=script_json({name: [spec for _, spec in panels] for name, panels in specs.items()}),
        series=len(charts.PALETTE),
        shapes=charts.SHAPES,
        shape_paths=charts.SHAPE_PATHS,
        zip=zip,
        shares=SHARES,
        config_text=visible(json.dumps(context["provenance"]["config"], indent=2, ensure_ascii=False)),
    )


def script_json(value: Any) -> Markup:
    """JSON that can stand in a script element, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_plain, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


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
        gone = part[part["reason"] != ""].groupby("reason")["n"].sum().sort_values(ascending=False)
        kept = part[part["reason"] == ""]
        stages.append(
            {
                "stage": stage,
                "label": f"{labels.get(stage, stage)} {name}".strip(),
                "kept": int(kept["n"].sum()),
                "sources": {s: int(n) for s, n in kept.groupby("source")["n"].sum().items() if s},
                "dropped": {str(reason): int(n) for reason, n in gone.items()},
                "main": stage != "attempts",
            }
        )
    largest = max((stage["kept"] for stage in stages), default=0) or 1
    return [stage | {"share": stage["kept"] / largest} for stage in stages]


def key_numbers(rows: pd.DataFrame, models: list[Model], stages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Label and value of the numbers at the top."""
    kept = {name: sum(s["kept"] for s in stages if s["stage"] == name) for name in ("read", "hard", "verified")}
    numbers = [
        ("rows read", kept["read"]),
        ("hard questions", kept["hard"]),
        ("verified traces", kept["verified"]),
        ("models compared", len(models)),
        ("benchmark questions", int(rows.groupby("benchmark")["question_id"].nunique().sum())),
        ("answers scored", len(rows)),
    ]
    return [(label, f"{value:,}") for label, value in numbers if value]


def provenance_of(inputs: Inputs) -> dict[str, Any]:
    """Resolved config, package versions, commits and the fingerprint of every file that the report read."""
    tables = [*inputs.sweeps, *inputs.traces, *inputs.datasets, *inputs.benchmarks]
    tables += [inputs.pool_removed] if inputs.pool_removed else []
    others = [*inputs.tables.values(), *inputs.loss_curves.values(), inputs.pool_report, *inputs.set_reports]
    made = [read_provenance(path) for path in tables]
    packages: dict[str, set[str]] = {}
    for record in made:
        for name, version in (record.get("packages") or {}).items():
            packages.setdefault(name, set()).add(str(version))
    return {
        "config": inputs.config,
        "packages": {name: ", ".join(sorted(versions)) for name, versions in sorted(packages.items())},
        "python": sorted({str(record["python"]) for record in made if record.get("python")}),
        "commits": sorted({str(record["commit"]) for record in made if record.get("commit")}),
        "files": {str(path): fingerprint_path(path) for path in sorted({*tables, *filter(None, others)})},
    }


def first_cue(config: Mapping[str, Any]) -> str:
    """The cue that figures of extensions show: the study's first."""
    return (((config.get("sweep") or {}).get("extensions") or {}).get("cues") or ["Wait"])[0]


def _figures(context: Mapping[str, Any]) -> list[charts.Figure]:
    """Every interactive figure of the page."""
    drawn = [figure for section in context["sections"] for figure in section.figures]
    return [*drawn, context["verification"], context["loss_curves"]]


def _targets(config: Mapping[str, Any], models: list[Model], benchmarks: list[str]) -> list[tuple[str, str]]:
    root = f"results/{config.get('study', 'study')}"
    lead = headline(models) or models[0]
    targets = [("One model on one benchmark", f"{root}/sweeps/{lead.name}/{benchmarks[0]}.parquet")]
    if lead.dataset:
        targets += [
            ("One data set", f"{root}/datasets/{lead.dataset}.parquet"),
            ("One student", f"{root}/models/{config['models'].get(lead.name, {}).get('weights', lead.name)}"),
        ]
    return [*targets, ("This page", f"{root}/report/index.html")]


def _plain(value: Any) -> Any:
    return value.item()


def _number(value: Any, digits: int = 0) -> str:
    return "–" if pd.isna(value) else f"{value:,.{digits}f}"


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f}%"
