"""Set accuracy on all questions beside accuracy without those that models of the study were trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.leaked_accuracy import leaked_accuracy
from m1flow.script import run
from m1flow.statistics import read_sweeps
from m1flow.storage import read_table
from m1flow.tables import write_csv


def main() -> None:
    """Read scored sweeps and what leaked; write a CSV table."""
    flags = parse_flags()
    write_csv(flags.out, leaked_accuracy(read_sweeps(flags.sweeps), read_table(flags.leaked, "leaked")))


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=Path, nargs="+", required=True, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--leaked", type=Path, required=True, help="leaked.parquet")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
