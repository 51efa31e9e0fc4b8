"""Have a model label the kind of error in wrong answers of the sweeps; resumable."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.respondents.bills import bill
from m1flow.respondents.chat_flags import add_chat_flags, chat_parameters, open_chat
from m1flow.script import run
from m1flow.study.hand_labels import read_hand_labels
from m1flow.study.settings.judge import JudgeSettings
from m1flow.sweep.judging import answers_to_judge, judge_answers


def main() -> None:
    """Draw answers, have them judged, and write labels and counts."""
    flags = parse_flags()
    by_hand = read_hand_labels(flags.hand_labels) if flags.hand_labels else {}
    answers, drawn = answers_to_judge(flags.sweeps, by_hand, questions=flags.spec.questions, seed=flags.seed)
    benchmarks = {path.stem: read_table(path, "questions") for path in flags.benchmarks}
    with open_chat(flags, "judge") as chat:
        judged, counts = judge_answers(answers, benchmarks, chat, flags.spec, flags.prompts, seed=flags.seed)
    inputs = [*flags.sweeps, *flags.benchmarks, *([flags.hand_labels] if flags.hand_labels else []), *flags.model]
    write_table(flags.out, judged, "judged", provenance=provenance(chat_parameters(flags), inputs))
    write_json(flags.counts, drawn | counts | {"bill": bill(flags.out, "judged", flags, "judge")})


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    files: dict[str, Any] = {"type": Path, "nargs": "+", "required": True, "metavar": "FILE"}
    parser.add_argument("--sweeps", **files, help="sweeps/{model}/{benchmark}.parquet")
    parser.add_argument("--benchmarks", **files, help="benchmarks/{benchmark}.parquet")
    parser.add_argument("--hand-labels", type=Path, nargs="?", help="table of labels given by people")
    add_chat_flags(parser, "judge section", JudgeSettings)
    parser.add_argument("--out", required=True, help="table of judged answers")
    parser.add_argument("--counts", required=True, help="number of answers by label and outcome, and costs, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
