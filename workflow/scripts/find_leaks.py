"""Find benchmark questions in the training data, for benchmarks that the pool isn't decontaminated against."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.pool.leaks import find_leaks
from m1flow.script import json_argument, run, settings_argument
from m1flow.study.settings.pool import PoolSettings


def main() -> None:
    """Read the pool, datasets and benchmarks; write each pair found."""
    flags = parse_flags()
    pool, removed = read_table(flags.pool, "questions"), read_table(flags.pool_removed, "pool_removed")
    benchmarks = {path.stem: read_table(path, "questions") for path in flags.benchmarks}
    trained_on = {path.stem: read_table(path, "datasets", ["question_id"])["question_id"] for path in flags.datasets}
    for base, sources in flags.corpora.items():
        trained_on[f"corpus of {base}"] = pool.loc[pool["source"].isin(sources), "question_id"]
    leaks = find_leaks(
        pool,
        removed,
        list(benchmarks.values()),
        flags.spec,
        trained_on,
        origins=flags.origins,
        processes=flags.processes,
    )
    parameters = {"spec": flags.spec.dump(), "origins": flags.origins, "corpora": flags.corpora}
    inputs = [flags.pool, flags.pool_removed, *flags.benchmarks, *flags.datasets]
    write_table(flags.out, leaks, "leaked", provenance=provenance(parameters, inputs))


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="pool.parquet")
    parser.add_argument("--pool-removed", type=Path, required=True, help="pool_removed.parquet")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="benchmarks/{benchmark}.parquet")
    parser.add_argument("--datasets", type=Path, nargs="*", default=[], help="datasets that students are trained on")
    parser.add_argument(
        "--corpora", type=json_argument, default={}, help="names of bases, each with the sources it is trained on"
    )
    parser.add_argument("--spec", type=settings_argument(PoolSettings), required=True, help="the study's pool section")
    parser.add_argument("--origins", type=json_argument, default={}, help="as for build_pool.py")
    parser.add_argument("--processes", type=int, default=1, help="maximum number of processes")
    parser.add_argument("--out", type=Path, required=True, help="table of the pairs found")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
