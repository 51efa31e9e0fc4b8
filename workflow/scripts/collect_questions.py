"""Turn the rows of a source or benchmark into questions of one schema; dropped rows are counted by reason."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.files.json import read_json, write_json
from m1flow.files.parquet import write_table
from m1flow.files.provenance import MANIFEST, provenance
from m1flow.questions import sources
from m1flow.script import run, settings_argument
from m1flow.study.seams.adapters import ADAPTERS, AdapterDeclaration
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.question_sets import QuestionSetSettings


def main() -> None:
    """Load, then write the table and its counts."""
    flags = parse_flags()
    questions, report = sources.load(flags.name, flags.spec, flags.seed, flags.formulary, flags.recordings)
    parameters = {"name": flags.name, "spec": flags.spec.dump(), "seed": flags.seed}
    if ADAPTERS.load(flags.spec.adapter, AdapterDeclaration).takes_formulary:
        parameters["formulary"] = flags.formulary.dump()
    inputs = [*flags.recordings, *flags.spec.path, *flags.spec.ids, *flags.spec.without_ids]
    if flags.spec.hub:
        manifest = read_json(Path(flags.spec.path[0]) / MANIFEST)
        report |= {key: manifest[key] for key in ("hub", "commit")}
        parameters["commit"] = report["commit"]
    write_table(flags.out, questions, "questions", provenance=provenance(parameters, inputs))
    write_json(flags.counts, report)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the source's or benchmark's name in the study")
    spec, formulary = settings_argument(QuestionSetSettings), settings_argument(FormularySettings)
    parser.add_argument("--spec", type=spec, required=True, help="the study's sources.<name> or benchmarks.<name>")
    parser.add_argument(
        "--formulary", type=formulary, default=FormularySettings(), help="the study's formulary section"
    )
    parser.add_argument("--recordings", nargs="*", default=[], help="recorded traces that name the options by letter")
    parser.add_argument("--seed", type=int, required=True, help="the study's seed; shuffles options")
    parser.add_argument("--out", required=True, help="table of questions")
    parser.add_argument("--counts", required=True, help="rows read, kept and dropped, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
