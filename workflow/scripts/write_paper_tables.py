"""Write the study's main tables for papers: CSV, Markdown and LaTeX."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.report.paper_tables import write_paper_tables
from m1flow.report.study_tables import StudyTables
from m1flow.script import run


def main() -> None:
    """Read the study's tables; write the tables for a paper."""
    flags = parse_flags()
    order = {name: number for number, name in enumerate(flags.benchmarks)}
    write_paper_tables(StudyTables({path.stem: path for path in flags.tables}, order), flags.out)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, metavar="FILE", help="accuracy.csv, ...")
    parser.add_argument(
        "--benchmarks", nargs="+", required=True, metavar="NAME", help="benchmarks in the order of the columns"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
