"""Check that a study's config files are valid YAML, since Snakemake doesn't say which line is at fault."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.script import run
from m1flow.study.config_files import read_mapping


def main() -> None:
    """If a file is not valid YAML, exit with a message of one line that names the file, the line and the cure."""
    for file in parse_flags().configfile:
        read_mapping(file)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, nargs="+", required=True, help="the study's files")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
