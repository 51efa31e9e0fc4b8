"""Upload a student's folder to a private repository on the Hugging Face hub. Done only on request."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.files.json import write_json
from m1flow.hub.push import push
from m1flow.models.folder import check_model_folder
from m1flow.script import run


def main() -> None:
    """Push the student that the flags name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the student's model folder")
    parser.add_argument("--to", required=True, help="owner/name on the hub")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write: what was pushed, and where")
    flags = parser.parse_args()
    write_json(flags.out, {"repository": flags.to, "commit": push(check_model_folder(flags.model), flags.to)})


if __name__ == "__main__":
    run(main)
