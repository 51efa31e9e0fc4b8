"""Score sweeps: merge a model's shards, read the option each answer states, and compare it with the right one."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

from m1flow.answers.scoring import score, scored_by
from m1flow.errors import M1FlowError
from m1flow.files.json import read_json, write_json
from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.script import run
from m1flow.study.seams.scorers import SCORERS
from m1flow.sweep.shards import gather

log = logging.getLogger("score")


def main() -> None:
    """Read all shards' generations and their benchmarks; write scored sweeps and token counts."""
    flags = parse_flags()
    shards, left_over = divmod(len(flags.generations), len(flags.questions))
    if left_over or not shards or len(flags.questions) != len(flags.out):
        raise M1FlowError(
            "--generations, --questions, --out: give the same number of shards of each benchmark, and the benchmarks "
            "in the same order"
        )
    for place, (questions_path, out) in enumerate(zip(flags.questions, flags.out, strict=True)):
        paths = flags.generations[place * shards : (place + 1) * shards]
        questions = read_table(questions_path, "questions")
        rows = score(gather(paths, questions, questions_path), questions, flags.scorer)
        log.info("%s: %s", Path(questions_path).stem, rows["outcome"].value_counts().to_dict())
        made_by = provenance(scored_by(flags.scorer), [*paths, questions_path])
        write_table(out, rows, "sweeps", provenance=made_by)
    if flags.out_counts:
        counts: Counter[str] = Counter()
        for path in flags.counts:
            counts.update(read_json(path))
        write_json(flags.out_counts, dict(counts))


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", nargs="+", required=True, help="for each benchmark, the tables of all shards")
    parser.add_argument("--questions", nargs="+", required=True, help="the benchmarks, in the same order")
    parser.add_argument("--scorer", choices=SCORERS.names(), default="strict")
    parser.add_argument("--counts", nargs="*", default=[], help="token counts of all shards")
    parser.add_argument("--out", nargs="+", required=True, help="a scored sweep for each benchmark")
    parser.add_argument("--out-counts", help="their sums, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
