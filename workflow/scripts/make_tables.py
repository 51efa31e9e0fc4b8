"""Make the study's tables: accuracy per cell, with extensions, macro averages, the funnel, what it cost."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from m1flow import statistics
from m1flow.costs import cost_table
from m1flow.funnel import funnel
from m1flow.script import run
from m1flow.storage import read_json
from m1flow.tables import write_csv


def main() -> None:
    """Read scored sweeps and the pipeline's files; write CSV tables."""
    flags = parse_flags()
    rows = statistics.read_sweeps(flags.sweeps, flags.cue)
    table = statistics.cells(rows)
    write_csv(flags.out_accuracy, table[table["extensions"] == 0])
    write_csv(flags.out_extensions, extended(table))
    if flags.out_macro:
        write_csv(flags.out_macro, statistics.macro_average(rows))
    if flags.out_tokens:
        write_csv(flags.out_tokens, token_costs(flags.tokens))
    if flags.out_costs:
        write_csv(flags.out_costs, cost_table(flags.costs))
    if flags.out_funnel:
        counts = funnel(
            questions=flags.questions,
            pool=flags.pool,
            removed=flags.pool_removed,
            attempts=flags.attempts,
            difficulty=flags.difficulty,
            traces=flags.traces,
            datasets=flags.datasets,
        )
        write_csv(flags.out_funnel, counts)


def extended(table: pd.DataFrame) -> pd.DataFrame:
    """The cells of every model, benchmark and budget that was measured with extensions, those without included."""
    groups = table.groupby(["model", "benchmark", "budget"])["extensions"]
    return table[groups.transform("max") > 0]


def token_costs(reports: list[Path]) -> pd.DataFrame:
    """What each model's sweep decoded, and what separate runs of every cell would have."""
    rows = []
    for path in reports:
        counts = read_json(path)
        decoded, separate = int(counts["decoded"]), int(counts["separate"])
        model = path.name.removesuffix(".report.json")
        rows.append({"model": model, "decoded": decoded, "separate": separate, "ratio": separate / max(1, decoded)})
    return pd.DataFrame(rows, columns=["model", "decoded", "separate", "ratio"])


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    files = {"type": Path, "nargs": "*", "default": [], "metavar": "FILE"}
    parser.add_argument("--sweeps", **files | {"nargs": "+"}, required=True, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--cue", help="whose extensions to count; the first in each sweep by default")
    parser.add_argument("--questions", **files, help="questions/{source}.parquet, with *.report.json beside them")
    parser.add_argument("--pool", type=Path, nargs="?", help="none, as the next two, in a study that only evaluates")
    parser.add_argument("--pool-removed", type=Path, nargs="?")
    parser.add_argument("--attempts", **files, help="attempts/{solver}.parquet")
    parser.add_argument("--difficulty", type=Path, nargs="?")
    parser.add_argument("--traces", **files, help="traces/{teacher}.parquet")
    parser.add_argument("--datasets", **files, help="datasets/{dataset}.parquet")
    parser.add_argument("--tokens", **files, help="generations/{model}.report.json: tokens decoded by the sweeps")
    parser.add_argument("--costs", **files, help="{attempts,traces}/{name}.report.json, domains.report.json: bills")
    parser.add_argument("--out-accuracy", type=Path, required=True)
    parser.add_argument("--out-extensions", type=Path, required=True)
    parser.add_argument("--out-macro", type=Path)
    parser.add_argument("--out-funnel", type=Path)
    parser.add_argument("--out-tokens", type=Path)
    parser.add_argument("--out-costs", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
