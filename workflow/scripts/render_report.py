"""Make the report: one HTML page that works offline, and its figures as SVG and PDF."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.report.page import Inputs, write_report
from m1flow.script import json_argument, run


def main() -> None:
    """Parse the flags and write the page."""
    flags = parse_flags()
    tables = {table.stem: table for entry in flags.tables for table in (sorted(entry.glob("*.csv")) or [entry])}
    if "accuracy" not in tables:
        raise M1FlowError(f"{flags.tables[0]}: accuracy.csv is not among --tables; make it with make_table.py")
    inputs = Inputs(
        config=flags.study_config,
        sweeps=flags.sweeps,
        tables=tables,
        cue=flags.cue,
        loss_curves=dict(flags.loss_curves),
        traces=flags.traces,
        datasets=flags.datasets,
        benchmarks=flags.benchmarks,
        pool=flags.pool,
        pool_report=flags.pool_report,
        pool_removed=flags.pool_removed,
        set_reports=flags.set_reports,
        downloads=flags.downloads,
        preset=flags.preset,
        config_files=flags.config_files,
    )
    write_report(inputs, flags.out, flags.figures)
    logging.getLogger(__name__).info("report: %s", flags.out)


def named_file(text: str) -> tuple[str, Path]:
    """An argparse type: NAME=FILE."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"not NAME=FILE: {text}")
    return name, Path(path)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    files: dict[str, Any] = {"type": Path, "nargs": "*", "default": [], "metavar": "FILE"}
    parser.add_argument("--study-config", type=json_argument, required=True, metavar="JSON", help="resolved config")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files, or the folder of them")
    parser.add_argument("--sweeps", **files | {"nargs": "+"}, required=True, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--cue", help="the cue whose extensions to show; by default the first of each sweep")
    parser.add_argument("--benchmarks", **files, help="benchmarks/{benchmark}.parquet: for examples and guessing")
    parser.add_argument("--loss-curves", type=named_file, nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--traces", **files, help="traces/{teacher}.parquet")
    parser.add_argument("--datasets", **files, help="datasets/{dataset}.parquet")
    one: dict[str, Any] = {"type": Path, "nargs": "?", "metavar": "FILE"}  # none in a study that only evaluates
    parser.add_argument("--pool", **one, help="pool.parquet: the text of the teachers' questions")
    parser.add_argument("--pool-report", **one, help="pool.report.json: recall of planted copies")
    parser.add_argument("--pool-removed", **one, help="pool_removed.parquet: removed pairs")
    parser.add_argument("--set-reports", **files, help="{questions,benchmarks}/{name}.report.json: rows read and kept")
    parser.add_argument("--downloads", type=Path, metavar="DIR", help="folder of downloads, for their revisions")
    parser.add_argument("--preset", **one, help="the shipped config file of the study's name, to show changes from it")
    made_of = "the study's config files in order; the page's commands name them"
    parser.add_argument("--config-files", nargs="*", default=[], metavar="FILE", help=made_of)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for every figure as SVG and PDF")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
