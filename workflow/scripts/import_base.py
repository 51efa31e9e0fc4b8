"""Check a local model folder and import it as one of the study's models: its files are linked, not copied."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.files.atomic import atomic_folder
from m1flow.models.folder import check_model_folder, link_files
from m1flow.script import run


def main() -> None:
    """Import the folder that the flags name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="a Hugging Face model folder")
    parser.add_argument("--out", type=Path, required=True, help="the study's model folder to write")
    arguments = parser.parse_args()
    check_model_folder(arguments.folder)
    with atomic_folder(arguments.out) as folder:
        link_files(arguments.folder, folder)


if __name__ == "__main__":
    run(main)
