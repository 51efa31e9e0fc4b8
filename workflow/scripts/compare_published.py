"""Set the study's accuracies beside published ones."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pandas as pd

from m1flow.published import compare, read_published, with_questions
from m1flow.script import json_argument, run
from m1flow.statistics import MACRO
from m1flow.tables import read_csv, write_csv

log = logging.getLogger(__name__)


def main() -> None:
    """Read the study's tables and the published numbers; write a CSV table."""
    flags = parse_flags()
    macro = read_csv(flags.macro)
    macro = macro[macro["extensions"] == 0].assign(benchmark=MACRO)
    accuracy = pd.concat([read_csv(flags.accuracy), macro[macro["benchmarks"] > 1]], ignore_index=True)
    accuracy = with_questions(accuracy, read_csv(flags.policies))
    table = compare(read_published(flags.published), flags.published_as, accuracy, read_csv(flags.choices))
    write_csv(flags.out, table)
    log.info("%s: %d of the study's numbers have a published one", flags.out.name, len(table))


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, required=True, metavar="FILE", help="CSV: see m1flow/published.py")
    parser.add_argument("--published-as", type=json_argument, required=True, metavar="JSON", help="model to its name")
    parser.add_argument("--accuracy", type=Path, required=True, help="tables/accuracy.csv")
    parser.add_argument("--macro", type=Path, required=True, help="tables/macro.csv")
    parser.add_argument("--policies", type=Path, required=True, help="tables/policies.csv: how many questions")
    parser.add_argument("--choices", type=Path, required=True, help="tables/budget_choice.csv")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
