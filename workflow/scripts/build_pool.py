"""Pool all sources, deduplicate them, and remove questions that a benchmark asks."""

from __future__ import annotations

import argparse

from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.pool.building import build_pool
from m1flow.script import json_argument, run, settings_argument
from m1flow.study.settings.pool import PoolSettings


def main() -> None:
    """Read question tables; write the pool, removed questions with reasons, counts, and recall of planted copies."""
    flags = parse_flags()
    sources = [read_table(path, "questions") for path in flags.sources]
    benchmarks = [read_table(path, "questions") for path in flags.benchmarks]
    pool, removed, counts = build_pool(
        sources, benchmarks, flags.spec, origins=flags.origins, processes=flags.processes
    )
    made_from = provenance({"spec": flags.spec.dump(), "origins": flags.origins}, [*flags.sources, *flags.benchmarks])
    # Benchmarks are not listed among the inputs, so that one that removes nothing leaves every byte of the pool the
    # same.
    origins = {"sources": flags.origins.get("sources", {})}
    of_sources = provenance({"spec": flags.spec.dump(), "origins": origins}, flags.sources)
    write_table(flags.out, pool, "questions", provenance=of_sources)
    write_table(flags.removed, removed, "pool_removed", provenance=made_from)
    write_json(flags.counts, counts)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", nargs="+", required=True, help="questions tables; the first of duplicates is kept")
    parser.add_argument("--benchmarks", nargs="*", default=[], help="questions tables that must not leak into training")
    parser.add_argument("--spec", type=settings_argument(PoolSettings), required=True, help="the study's pool section")
    parser.add_argument(
        "--origins",
        type=json_argument,
        default={},
        help='upstream data sets that origin_id refers to: {"sources": {name: data set}, "benchmarks": {...}}',
    )
    parser.add_argument("--processes", type=int, default=1, help="maximum number of processes")
    parser.add_argument("--out", required=True, help="table of the questions kept")
    parser.add_argument("--removed", required=True, help="table of the questions removed, and why")
    parser.add_argument("--counts", required=True, help="counts per source and recall of planted copies, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
