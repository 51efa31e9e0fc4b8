"""Download the data set or model that an entry of the study names, at the locked commit, and verify it."""

from __future__ import annotations

import argparse
from pathlib import Path

from m1flow.hub.download import download
from m1flow.hub.lock import Lock
from m1flow.script import run, settings_argument
from m1flow.study.settings.downloads import DownloadSettings


def main() -> None:
    """Download what the flags name."""
    flags = parse_flags()
    download(flags.spec, flags.kind, f"config: {flags.key}", Lock(flags.lock), flags.out)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", required=True, help="the entry's place in the study, such as sources.medqa")
    parser.add_argument("--kind", choices=["dataset", "model"], required=True, help="its kind on the hub")
    parser.add_argument(
        "--spec",
        type=settings_argument(DownloadSettings),
        required=True,
        help="hub, revision, config, split, files, checksum of the entry",
    )
    parser.add_argument("--lock", type=Path, required=True, help="file of locked commits; written on first use")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
