"""Check whether the SLURM cluster can run a study, before any job is submitted. Takes a minute at most."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from m1flow.script import run
from m1flow.study.reading import read_study
from m1flow.study.shipped import DEFAULT_STUDY, found
from m1flow.study.slurm import Profile, findings, needs_of


def main() -> None:
    """Print a line for each finding; exit with status 1 if there is a problem."""
    flags = parse_flags()
    profile = Profile.read(flags.profile)
    needs = needs_of(read_study(flags.configfile))
    problems = 0
    for finding in findings(profile, needs, Path.cwd()):
        print(f"{finding.kind:<8}{finding.text}", flush=True)
        problems += finding.kind == "problem"
    if problems:
        sys.exit(f"error: problems to solve before this cluster can run the study: {problems}")


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", type=Path, default=Path("profiles/slurm"), help="the profile's folder")
    parser.add_argument(
        "--configfile", type=Path, nargs="+", default=[Path(found(DEFAULT_STUDY))], help="the study's files"
    )
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
