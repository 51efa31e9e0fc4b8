"""Rate each question by the attempts of all solvers: its pass rate, and whether it is hard."""

from __future__ import annotations

import argparse
import logging

from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.script import run, settings_argument
from m1flow.study.settings.difficulty import DifficultySettings
from m1flow.traces.difficulty import rate_difficulty

log = logging.getLogger("rate_difficulty")


def main() -> None:
    """Read attempts; write difficulty."""
    flags = parse_flags()
    table = rate_difficulty([read_table(path, "attempts") for path in flags.attempts], flags.spec)
    log.info("%d of %d questions are hard", table["hard"].sum(), len(table))
    write_table(flags.out, table, "difficulty", provenance=provenance({"spec": flags.spec.dump()}, flags.attempts))


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", nargs="+", required=True, help="a table of attempts for each solver")
    spec = settings_argument(DifficultySettings)
    parser.add_argument("--spec", type=spec, default=DifficultySettings(), help="the study's difficulty section")
    parser.add_argument("--out", required=True, help="table of difficulty")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
