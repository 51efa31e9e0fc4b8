"""Train a base model from random weights on its corpus; write a complete model folder with its tokenizer."""

from __future__ import annotations

import argparse

from m1flow.script import named_settings_argument, run, settings_argument
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.formats import FormatSettings


def main() -> None:
    """Read flags, train, write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, help="Parquet with columns prompt, completion, kind")
    parser.add_argument("--spec", type=settings_argument(BaseSettings), required=True, help="the study's bases.<name>")
    formats = named_settings_argument(FormatSettings)
    parser.add_argument("--formats", type=formats, default={}, help="the study's reasoning formats: JSON")
    parser.add_argument("--name", required=True, help="the base's name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", required=True, help="model folder to write")
    flags = parser.parse_args()

    from m1flow.training.base_models import train_base
    from m1flow.training.preparation import set_up

    set_up(flags.threads)
    train_base(flags.corpus, flags.out, name=flags.name, base=flags.spec, formats=flags.formats, seed=flags.seed)


if __name__ == "__main__":
    run(main)
