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

from m1flow import (
    calibration,
    charts,
    early_exit,
    figures,
    findings,
    further_figures,
    order_effects,
    policies,
    policy_figures,
    statistics,
)
from m1flow.funnel import verification
from m1flow.pool_page import pool_page
from m1flow.roster import Model, data_series, headline, roster
from m1flow.showcase import clean, showcases, visible
from m1flow.storage import M1FlowError, atomic_file, fingerprint_path, read_provenance, read_table

TEMPLATES = Path(__file__).parents[2] / "report"
TEXT_COLUMNS = (
    "model benchmark stage source name reason family choice rule measure item confidence curve counted".split()
)
"""Of the tables: names stay text, be they 1000 or NA."""

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
    """The files a report is made from; everything but the sweeps and the accuracy table may be absent."""

    config: Mapping[str, Any]
    sweeps: list[Path]
    accuracy: Path
    extensions: Path | None = None
    macro: Path | None = None
    funnel: Path | None = None
    tokens: Path | None = None
    costs: Path | None = None
    policies: Path | None = None
    matched: Path | None = None
    early_exit: Path | None = None
    option_order: Path | None = None
    calibration: Path | None = None
    calibration_curves: Path | None = None
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
        charts.write_svgs([*context["figures"].values(), context["funnel_figure"]], figures_folder)
    with atomic_file(page) as temporary:
        temporary.write_text(render(context), encoding="utf-8")


def build_context(inputs: Inputs) -> dict[str, Any]:
    """Everything that the template shows."""
    config = inputs.config
    cue = first_cue(config)
    rows = statistics.read_sweeps(inputs.sweeps, cue)
    accuracy = _read_csv(inputs.accuracy)
    order = {name: i for i, name in enumerate(rows["benchmark"].unique())}
    accuracy = _in_order(accuracy, order)
    extended = _read_csv(inputs.extensions) if inputs.extensions else accuracy.iloc[:0]
    extended = _in_order(extended, order)
    sizes = {path.stem: len(read_table(path, "datasets", ["question_id"])) for path in inputs.datasets}
    models = roster(config, accuracy, sizes)
    questions = {path.stem: read_table(path, "questions") for path in inputs.benchmarks}
    chance = {name: float((1 / table["options"].map(len)).mean()) for name, table in questions.items() if len(table)}
    cue = ((config.get("sweep") or {}).get("extensions") or {}).get("cues", ["Wait"])[0]
    counts = _read_csv(inputs.funnel) if inputs.funnel else pd.DataFrame()
    stages = funnel_stages(counts)
    macro = _read_csv(inputs.macro) if inputs.macro else statistics.macro_average(rows[rows["extensions"] == 0])
    drawn = [
        figures.accuracy_by_budget(accuracy, models, chance),
        figures.accuracy_by_tokens(accuracy, models, chance),
        figures.data_scale(accuracy, models, data_series(models), int(accuracy["budget"].max())),
        figures.extensions(extended, models, cue),
        figures.extension_flips(extended, models, cue),
        figures.unfinished(accuracy, models),
        figures.verification({path.stem: verification(path) for path in inputs.traces}),
        figures.loss_curves({name: _read_loss(path) for name, path in inputs.loss_curves.items()}),
        *_further_figures(inputs, models, order),
    ]
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
        "cue": cue,
        "figures": {figure.name: figure for figure in drawn},
        "funnel_figure": figures.funnel_bars(bars),
        "stages": stages,
        "equal_tokens": policy_figures.equal_tokens(_table(inputs.matched, policies.MATCHED_COLUMNS)),
        "pool": pool_page(config, inputs.pool_report, inputs.pool_removed, inputs.set_reports),
        "accuracy": accuracy,
        "tokens": _read_csv(inputs.tokens) if inputs.tokens else pd.DataFrame(),
        "costs": _read_csv(inputs.costs).dropna(axis="columns", how="all") if inputs.costs else pd.DataFrame(),
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
    specs = {name: [spec for _, spec in figure.specs()] for name, figure in context["figures"].items()}
    return environment.get_template("page.html.j2").render(
        context,
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        javascript=Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
        vega=Markup(vl_convert.javascript_bundle()),
        specs=script_json(specs),
        panels={name: [heading for heading, _ in figure.panels] for name, figure in context["figures"].items()},
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
    maybe = [inputs.accuracy, inputs.extensions, inputs.macro, inputs.funnel, inputs.tokens, inputs.policies]
    maybe += [inputs.matched, inputs.early_exit, inputs.option_order, inputs.calibration, inputs.calibration_curves]
    maybe += [*inputs.loss_curves.values(), inputs.pool_report, *inputs.set_reports]
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
        "files": {str(path): fingerprint_path(path) for path in sorted({*tables, *filter(None, maybe)})},
    }


def first_cue(config: Mapping[str, Any]) -> str:
    """The cue that figures of extensions show: the study's first."""
    return (((config.get("sweep") or {}).get("extensions") or {}).get("cues") or ["Wait"])[0]


def _further_figures(inputs: Inputs, models: list[Model], order: Mapping[str, int]) -> list[charts.Figure]:
    def table(path: Path | None, columns: list[str]) -> pd.DataFrame:
        return _in_order(_table(path, columns), order)

    scores = table(inputs.calibration, calibration.COLUMNS)
    curves = table(inputs.calibration_curves, calibration.CURVE_COLUMNS)
    return [
        policy_figures.policies(table(inputs.policies, policies.COLUMNS)),
        further_figures.early_exit(table(inputs.early_exit, early_exit.COLUMNS), models),
        further_figures.option_order(table(inputs.option_order, order_effects.COLUMNS), models),
        further_figures.reliability(curves, scores, models),
        further_figures.risk_coverage(curves, scores, models),
    ]


def _table(path: Path | None, columns: list[str]) -> pd.DataFrame:
    """A table; one without rows where the study has none."""
    return _read_csv(path) if path else pd.DataFrame(columns=columns)


def _in_order(table: pd.DataFrame, order: Mapping[str, int]) -> pd.DataFrame:
    """Tables are sorted by name; figures show benchmarks in the order in which the study names its files."""
    return table.sort_values("benchmark", key=lambda names: names.map(order), kind="stable")


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


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise M1FlowError(f"{path}: not a readable table ({error}); delete it and rerun: snakemake {path}") from None


def _read_loss(path: Path) -> pd.DataFrame:
    curve = _read_csv(path)
    missing = [name for name in ("step", "loss") if name not in curve.columns]
    if missing:
        raise M1FlowError(f"{path}: column {missing[0]!r} is missing; delete the model's folder and train it again")
    curve["loss"] = pd.to_numeric(curve["loss"], errors="coerce")  # a diverged one is "nan"
    return curve.dropna(subset=["step", "loss"])


def _plain(value: Any) -> Any:
    return value.item()


def _number(value: Any, digits: int = 0) -> str:
    return "–" if pd.isna(value) else f"{value:,.{digits}f}"


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f}%"
