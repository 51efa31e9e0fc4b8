"""Select verified traces to train on, following a recipe; write them with a fingerprint of their rows and a card."""

from __future__ import annotations

import argparse

from m1flow.files.atomic import atomic_file
from m1flow.files.contracts import CONTRACTS
from m1flow.files.fingerprints import fingerprint_rows
from m1flow.files.json import write_json
from m1flow.files.parquet import iterate_table, read_provenance, read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.script import run, settings_argument
from m1flow.study.settings.datasets import DatasetSettings
from m1flow.traces.selection import LIGHT, card, select


def main() -> None:
    """Read examples and domains; write the dataset, its fingerprint and its card."""
    flags = parse_flags()
    domains = read_table(flags.domains, "domains") if flags.domains else None
    chosen, counts = select(flags.name, flags.spec, read_table(flags.examples, "examples", LIGHT), domains)
    texts = read_table(flags.examples, "examples", question_ids=list(chosen["question_id"]))
    kept = [name for name in CONTRACTS["datasets"].names if name not in LIGHT]
    dataset = chosen.drop(columns=["hard", "sampled"]).merge(texts[["question_id", *kept]], on="question_id")
    parameters = {"name": flags.name, "spec": flags.spec.dump()}
    parameters |= {key: read_provenance(flags.examples)["parameters"][key] for key in ("tokenizer", "format")}
    inputs = [path for path in (flags.examples, flags.domains) if path]
    write_table(flags.out, dataset, "datasets", provenance=provenance(parameters, inputs))
    rows = {"rows": len(dataset), "fingerprint": fingerprint_rows(iterate_table(flags.out, "datasets"))}
    write_json(flags.rows, rows)
    with atomic_file(flags.card) as temporary:
        temporary.write_text(card(flags.name, flags.spec, dataset, counts), encoding="utf-8")


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the dataset's name in the study")
    spec = settings_argument(DatasetSettings)
    parser.add_argument("--spec", type=spec, required=True, help="the study's datasets.<name>")
    parser.add_argument("--examples", required=True, help="table of the teacher's verified traces as examples")
    parser.add_argument(
        "--domains", nargs="?", help="table of domains assigned by a model; by default the sources' own domains count"
    )
    parser.add_argument("--out", required=True, help="the dataset")
    parser.add_argument(
        "--rows", required=True, help="number and fingerprint of its rows, JSON; a change means training again"
    )
    parser.add_argument("--card", required=True, help="its card, Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
