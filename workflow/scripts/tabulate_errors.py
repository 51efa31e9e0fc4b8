"""Make the tables of a judge's labels: kinds of error, and the agreement with hand labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.agreement import agreement_table, error_kinds
from m1flow.error_labels import read_hand_labels
from m1flow.script import run
from m1flow.storage import read_table
from m1flow.tables import write_csv


def main() -> None:
    """Read judged answers; write CSV tables."""
    flags = parse_flags()
    columns = ["model", "benchmark", "question_id", "sample", "drawn", "label"]
    judged = read_table(flags.judged, "judged", columns)
    by_hand = read_hand_labels(flags.hand_labels) if flags.hand_labels else {}
    write_csv(flags.out_error_kinds, error_kinds(judged))
    write_csv(flags.out_agreement, agreement_table(judged, by_hand))


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judged", type=Path, required=True, help="table of judged answers")
    parser.add_argument("--hand-labels", type=Path, nargs="?", help="labels that people gave")
    parser.add_argument("--out-error-kinds", type=Path, required=True)
    parser.add_argument("--out-agreement", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
