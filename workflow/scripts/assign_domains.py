"""Have a model name the domain of every question that has a verified trace; resumable."""

from __future__ import annotations

import argparse

from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.respondents.bills import billed
from m1flow.respondents.chat_flags import add_chat_flags, chat_parameters, open_chat
from m1flow.script import run
from m1flow.study.settings.domains import DomainSettings
from m1flow.study.vocabulary import read_vocabulary
from m1flow.traces.domains import assign_domains, to_assign


def main() -> None:
    """Ask for domains, ask again where an answer couldn't be read, and write domains and counts."""
    flags = parse_flags()
    vocabulary = read_vocabulary(flags.vocabulary)
    traces = [read_table(path, "traces", ["question_id", "verified"]) for path in flags.traces]
    questions = to_assign(read_table(flags.questions, "questions"), traces)
    with open_chat(flags, "domains") as chat:
        domains, counts = assign_domains(questions, chat, flags.spec, flags.prompts, vocabulary, seed=flags.seed)
    inputs = [flags.questions, *flags.traces, flags.vocabulary, *flags.model]
    write_table(flags.out, domains, "domains", provenance=provenance(chat_parameters(flags), inputs))
    counts["bill"] |= billed(flags, "domains")
    write_json(flags.counts, counts)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", required=True, help="table of the pool")
    parser.add_argument("--traces", nargs="+", required=True, help="every teacher's table of traces")
    parser.add_argument("--vocabulary", required=True, help="tab-separated file of domains: code, name and note")
    add_chat_flags(parser, "domains section", DomainSettings)
    parser.add_argument("--out", required=True, help="table of domains")
    parser.add_argument("--counts", required=True, help="number of questions by domain, and costs, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
