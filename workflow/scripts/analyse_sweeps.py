"""What scored sweeps tell beyond the paper: ways to spend tokens, early exit, cues, order of options, calibration."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from m1flow.calibration import calibration_tables
from m1flow.cue_effects import cue_effects_table
from m1flow.early_exit import early_exit_table
from m1flow.order_effects import option_order_table
from m1flow.policies import policy_tables
from m1flow.scored import read_grids
from m1flow.script import run
from m1flow.tables import write_csv

log = logging.getLogger(__name__)


def main() -> None:
    """Read scored sweeps; write a CSV table for each question asked of them."""
    flags = parse_flags()
    grids = list(read_grids(flags.sweeps, flags.cue))
    policies, matched = policy_tables(grids)
    calibration, curves = calibration_tables(flags.sweeps)
    tables = {
        flags.out_policies: policies,
        flags.out_matched: matched,
        flags.out_early_exit: early_exit_table(grids),
        flags.out_cues: cue_effects_table(flags.sweeps, flags.cue),
        flags.out_option_order: option_order_table(flags.sweeps, {path.stem: path for path in flags.benchmarks}),
        flags.out_calibration: calibration,
        flags.out_calibration_curves: curves,
    }
    for path, table in tables.items():
        write_csv(path, table)
        log.info("%s: %d rows", path.name, len(table))


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    files = {"type": Path, "nargs": "+", "required": True, "metavar": "FILE"}
    parser.add_argument("--sweeps", **files, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--cue", help="whose extensions to look at; the first in each sweep by default")
    parser.add_argument("--benchmarks", **files, help="benchmarks/{benchmark}.parquet")
    parser.add_argument("--out-policies", type=Path, required=True, help="sequential, parallel and hybrid thinking")
    parser.add_argument("--out-matched", type=Path, required=True, help="the same at equal total thinking tokens")
    parser.add_argument("--out-early-exit", type=Path, required=True)
    parser.add_argument("--out-cues", type=Path, required=True, help="extension cues against the first one")
    parser.add_argument("--out-option-order", type=Path, required=True)
    parser.add_argument("--out-calibration", type=Path, required=True)
    parser.add_argument("--out-calibration-curves", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
