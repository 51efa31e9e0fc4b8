"""Write the corpus of a base model: facts of the formulary, and questions answered without thinking."""

from __future__ import annotations

import argparse

from m1flow.files import parquet
from m1flow.files.provenance import provenance
from m1flow.script import json_argument, run, settings_argument
from m1flow.study.settings.corpus import CorpusSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.section import plain
from m1flow.training.corpus import build_corpus


def main() -> None:
    """Read flags, collect the rows, write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spec", type=settings_argument(CorpusSettings), required=True, help="the study's bases.<name>.corpus"
    )
    parser.add_argument("--prompts", type=json_argument, required=True, help="the study's prompts: JSON")
    parser.add_argument(
        "--formulary",
        type=settings_argument(FormularySettings),
        help="the study's formulary, JSON; used for facts and practice",
    )
    parser.add_argument("--pool", nargs="?", help="table of the pool; used for sources")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="Parquet to write: prompt, completion, kind")
    flags = parser.parse_args()

    rows = build_corpus(flags.spec, flags.prompts, world=flags.formulary, pool=flags.pool, seed=flags.seed)
    made_from = provenance(plain(vars(flags)), [flags.pool] if flags.pool else [])
    parquet.write_table(flags.out, rows, "corpora", provenance=made_from)


if __name__ == "__main__":
    run(main)
