"""Turn a teacher's verified traces into training examples, tokenised once."""

from __future__ import annotations

import argparse

from m1flow.files.parquet import iterate_table, read_table, write_rows
from m1flow.files.provenance import provenance
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer, tokenizer_fingerprint
from m1flow.script import json_argument, named_settings_argument, run
from m1flow.study.settings.formats import FormatSettings
from m1flow.traces.examples import example_rows


def main() -> None:
    """Read pool and traces; write examples."""
    flags = parse_flags()
    formatter = Formatter(load_tokenizer(flags.tokenizer), flags.format, flags.formats[flags.format])
    rows = example_rows(
        iterate_table(flags.traces, "traces"), read_table(flags.questions, "questions"), flags.prompts, formatter
    )
    parameters = {
        "tokenizer": tokenizer_fingerprint(flags.tokenizer),
        "format": flags.formats[flags.format].dump(),
        "prompts": flags.prompts,
    }
    write_rows(flags.out, rows, "examples", provenance=provenance(parameters, [flags.questions, flags.traces]))


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", required=True, help="table of the pool")
    parser.add_argument("--traces", required=True, help="table of the teacher's traces")
    parser.add_argument("--tokenizer", required=True, help="model folder with the tokenizer")
    parser.add_argument("--format", required=True, help="the reasoning format's name")
    parser.add_argument(
        "--formats", type=named_settings_argument(FormatSettings), required=True, help="reasoning formats by name"
    )
    parser.add_argument("--prompts", type=json_argument, required=True, help="the study's prompts")
    parser.add_argument("--out", required=True, help="table of examples")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
