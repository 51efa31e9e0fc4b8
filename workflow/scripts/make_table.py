"""Make one of the study's tables; each file of m1flow/analysis/tables defines one, with its inputs."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from m1flow.analysis.registry import declared, make
from m1flow.files.csv_tables import read_csv, write_csv
from m1flow.script import json_argument, run
from m1flow.study.seams.tables import TABLES

log = logging.getLogger(__name__)


def main() -> None:
    """Read the table's inputs; write the table as CSV."""
    flags = vars(parse_flags())
    name, out, tables = flags.pop("name"), flags.pop("out"), flags.pop("tables")
    given = {need: value for need, value in flags.items() if value is not None}
    given |= {path.stem: read_csv(path, declared(path.stem).columns) for path in tables}
    table = make(name, given)
    write_csv(out, table, declared(name).columns)
    log.info("%s: %d rows", out.name, len(table))


def parse_flags() -> argparse.Namespace:
    """Parse the command line: one flag for each kind of input that a table may have."""
    parser = argparse.ArgumentParser(description=__doc__)
    files: dict[str, Any] = {"type": Path, "nargs": "*", "metavar": "FILE"}
    one: dict[str, Any] = {"type": Path, "nargs": "?", "metavar": "FILE"}
    fact: dict[str, Any] = {"type": json_argument, "metavar": "JSON"}
    parser.add_argument("name", choices=TABLES.names(), metavar="NAME", help="accuracy, comparisons, ...")
    parser.add_argument("--sweeps", **files, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--cue", help="the cue whose extensions count; by default the first of each sweep")
    parser.add_argument("--benchmarks", **files, help="benchmarks/{benchmark}.parquet")
    parser.add_argument(
        "--token-counts", **files, help="generations/{model}.report.json: tokens and time of generating"
    )
    parser.add_argument("--tables", **files | {"default": []}, help="other tables of the study")
    parser.add_argument("--questions", **files, help="questions/{source}.parquet, with *.report.json beside them")
    parser.add_argument("--pool", **one, help="pool.parquet")
    parser.add_argument("--pool-removed", **one, help="pool_removed.parquet")
    parser.add_argument("--attempts", **files, help="attempts/{solver}.parquet")
    parser.add_argument("--difficulty", **one, help="difficulty.parquet")
    parser.add_argument("--traces", **files, help="traces/{teacher}.parquet")
    parser.add_argument("--datasets", **files, help="datasets/{dataset}.parquet")
    parser.add_argument("--bills", **files, help="{attempts,traces}/{name}.report.json, {domains,judged}.report.json")
    parser.add_argument("--judged", **one, help="judged.parquet")
    parser.add_argument("--hand-labels", **one, help="table of labels given by people")
    parser.add_argument("--leaked-pairs", **one, help="leaked.parquet")
    parser.add_argument("--leakable-benchmarks", **files, help="benchmarks that the pool is not decontaminated against")
    parser.add_argument("--leakable-sweeps", **files, help="scored sweeps on these benchmarks")
    parser.add_argument("--published-numbers", **one, help="CSV: see m1flow/analysis/tables/published.py")
    parser.add_argument("--published-as", **fact, help="names of models, each with its published name")
    parser.add_argument("--made-how", **fact, help="models, students and datasets of the resolved config")
    parser.add_argument("--seed-groups", **fact, help="groups of models that differ in their seed only, by name")
    parser.add_argument(
        "--trained-on", **fact, help="names of the datasets and corpora that the study's models were trained on"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
