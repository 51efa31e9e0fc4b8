"""Have a teacher write traces of hard (and some randomly drawn) questions, and verify them; resumable."""

from __future__ import annotations

import argparse
import logging

from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_rows
from m1flow.files.provenance import provenance
from m1flow.respondents.bills import bill, outcomes
from m1flow.respondents.chat_flags import add_chat_flags, chat_parameters
from m1flow.respondents.opening import open_respondent
from m1flow.script import run, settings_argument
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.section import plain
from m1flow.study.settings.teachers import TeacherSettings
from m1flow.traces.teaching import to_teach, trace_rows

log = logging.getLogger("teach")


def main() -> None:
    """Teach, verify, and write traces and counts."""
    flags = parse_flags()
    where = f"teachers.{flags.name}"
    pool = read_table(flags.questions, "questions")
    questions = to_teach(pool, read_table(flags.difficulty, "difficulty"), flags.spec, flags.seed)
    inputs = [flags.questions, flags.difficulty, *flags.model, *flags.spec.path]
    made_by = provenance({"name": flags.name, "formulary": plain(flags.formulary), **chat_parameters(flags)}, inputs)
    with open_respondent(flags, where, "teach") as teacher:
        write_rows(flags.out, trace_rows(teacher, questions), "traces", provenance=made_by)
    counts = {"teacher": flags.name, "questions": len(questions), **outcomes(flags.out, "traces")}
    counts["without_trace"] = counts["questions"] - counts["traces"]
    counts["bill"] = bill(flags.out, "traces", flags, where)
    log.info("%(teacher)s: %(traces)d traces of %(questions)d questions, outcomes %(outcome)s", counts)
    write_json(flags.counts, counts)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the teacher's name in the study")
    parser.add_argument("--questions", required=True, help="table of the pool")
    parser.add_argument("--difficulty", required=True, help="table of difficulty")
    parser.add_argument("--formulary", type=settings_argument(FormularySettings), help="the study's formulary section")
    add_chat_flags(parser, "teachers.<name>", TeacherSettings)
    parser.add_argument("--out", required=True, help="table of traces")
    parser.add_argument("--counts", required=True, help="number of traces by outcome, and costs, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
