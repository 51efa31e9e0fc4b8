"""What differs, and whether it is chance: models, budgets and extensions in pairs; choice of budget; failures; cost."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pandas as pd

from m1flow.budget_choice import budget_choice_table
from m1flow.comparisons import comparisons_table
from m1flow.failures import failures_table
from m1flow.flips import flips_table
from m1flow.overthinking import overthinking_table
from m1flow.pareto import pareto_table
from m1flow.replicates import replicates_table
from m1flow.roster import headline, roster
from m1flow.scored import by_model, read_grids
from m1flow.script import json_argument, run
from m1flow.storage import read_json, read_table
from m1flow.tables import read_csv, write_csv

log = logging.getLogger(__name__)


def main() -> None:
    """Read scored sweeps; write a CSV table for each question asked of them."""
    flags = parse_flags()
    models = dict(by_model(read_grids(flags.sweeps, flags.cue)))
    cells = [{"model": name, "budget": budget} for name, grids in models.items() for budget, _ in grids[0].cells]
    sizes = {path.stem: len(read_table(path, "datasets", ["question_id"])) for path in flags.datasets}
    listed = roster(flags.study_config, pd.DataFrame(cells), sizes)
    lead = (headline(listed) or listed[0]).name
    log.info("models are compared with %s", lead)
    costs = {path.name.removesuffix(".report.json"): read_json(path) for path in flags.tokens}
    tables = {
        flags.out_comparisons: comparisons_table(models, lead),
        flags.out_budget_choice: budget_choice_table(models),
        flags.out_overthinking: overthinking_table(models),
        flags.out_flips: flips_table(models),
        flags.out_failures: failures_table(models),
        flags.out_replicates: replicates_table(models, flags.study_config.get("replicates") or {}),
        flags.out_pareto: pareto_table(read_csv(flags.policies), costs),
    }
    for path, table in tables.items():
        write_csv(path, table)
        log.info("%s: %d rows", path.name, len(table))


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    files = {"type": Path, "nargs": "*", "default": [], "metavar": "FILE"}
    table = {"type": Path, "required": True, "metavar": "FILE"}
    made_how = "JSON: models, students, datasets and replicates of the resolved config"
    parser.add_argument("--study-config", type=json_argument, required=True, help=made_how)
    parser.add_argument("--sweeps", **files | {"nargs": "+"}, required=True, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--cue", help="whose extensions to look at; the first in each sweep by default")
    parser.add_argument("--datasets", **files, help="datasets/{dataset}.parquet: how many examples students had")
    parser.add_argument("--policies", **table, help="tables/policies.csv")
    parser.add_argument("--tokens", **files, help="generations/{model}.report.json: what generating took")
    parser.add_argument("--out-comparisons", **table, help="paired tests between models, budgets, extensions")
    parser.add_argument("--out-budget-choice", **table, help="largest, chosen on other questions, oracle")
    parser.add_argument("--out-overthinking", **table, help="whether accuracy falls at the largest budget")
    parser.add_argument("--out-flips", **table, help="answers that changed")
    parser.add_argument("--out-failures", **table, help="where questions fail")
    parser.add_argument("--out-replicates", **table, help="what another training seed would change")
    parser.add_argument("--out-pareto", **table, help="accuracy against tokens and seconds")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
