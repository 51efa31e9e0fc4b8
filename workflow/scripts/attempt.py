"""Let a solver attempt every question of the pool; resumable."""

from __future__ import annotations

import argparse
import logging

from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_rows
from m1flow.files.provenance import provenance
from m1flow.respondents.bills import bill, outcomes
from m1flow.respondents.chat_flags import add_chat_flags, chat_parameters
from m1flow.respondents.opening import open_respondent
from m1flow.script import run
from m1flow.study.settings.solvers import SolverSettings
from m1flow.traces.attempts import attempt_rows

log = logging.getLogger("attempt")


def main() -> None:
    """Attempt, judge, and write attempts and counts."""
    flags = parse_flags()
    where = f"solvers.{flags.name}"
    questions = read_table(flags.questions, "questions")
    inputs = [flags.questions, *flags.model, *flags.spec.path]
    made_by = provenance({"name": flags.name, **chat_parameters(flags)}, inputs)
    with open_respondent(flags, where, "solve") as solver:
        rows = attempt_rows(solver, questions)
        write_rows(flags.out, rows, "attempts", provenance=made_by)
    counts = {"solver": flags.name, "questions": len(questions), **outcomes(flags.out, "attempts")}
    counts["bill"] = bill(flags.out, "attempts", flags, where)
    log.info("%(solver)s: %(attempts)d attempts, %(correct)d correct, outcomes %(outcome)s", counts)
    write_json(flags.counts, counts)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the solver's name in the study")
    parser.add_argument("--questions", required=True, help="table of the pool")
    add_chat_flags(parser, "solvers.<name>", SolverSettings)
    parser.add_argument("--out", required=True, help="table of attempts")
    parser.add_argument("--counts", required=True, help="number of attempts by outcome, and costs, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
