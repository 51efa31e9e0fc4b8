"""Select verified traces to train on, by recipe, and write their card."""

from __future__ import annotations

import argparse

from m1flow.script import json_argument, run
from m1flow.selection import LIGHT, card, select
from m1flow.storage import CONTRACTS, atomic_file, provenance, read_provenance, read_table, write_table


def main() -> None:
    """Read examples and domains; write the dataset and its card."""
    flags = parse_flags()
    domains = read_table(flags.domains, "domains") if flags.domains else None
    chosen, counts = select(flags.name, flags.spec, read_table(flags.examples, "examples", LIGHT), domains)
    texts = read_table(flags.examples, "examples", question_ids=list(chosen["question_id"]))
    kept = [name for name in CONTRACTS["datasets"].names if name not in LIGHT]
    dataset = chosen.drop(columns=["hard", "sampled"]).merge(texts[["question_id", *kept]], on="question_id")
    parameters = {"name": flags.name, "spec": flags.spec}
    parameters |= {key: read_provenance(flags.examples)["parameters"][key] for key in ("tokenizer", "format")}
    inputs = [path for path in (flags.examples, flags.domains) if path]
    write_table(flags.out, dataset, "datasets", provenance=provenance(parameters, inputs))
    with atomic_file(flags.card) as temporary:
        temporary.write_text(card(flags.name, flags.spec, dataset, counts), encoding="utf-8")


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the dataset's name in the study")
    parser.add_argument("--spec", type=json_argument, required=True, help="the study's datasets.<name>")
    parser.add_argument("--examples", required=True, help="table of the teacher's verified traces as examples")
    parser.add_argument("--domains", help="table of domains that a model assigned; the sources' own by default")
    parser.add_argument("--out", required=True, help="the dataset")
    parser.add_argument("--card", required=True, help="its card, Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
