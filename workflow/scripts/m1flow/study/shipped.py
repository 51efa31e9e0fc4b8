"""Files that ship with the project, wherever a study runs."""

from __future__ import annotations

from pathlib import Path

from m1flow.study.config_files import from_here

PROJECT = Path(__file__).parents[4]
"""The folder that holds Snakefile, rules, workflow and config."""

DEFAULT_STUDY = "config/config.yaml"
"""The study that runs where no config file names one."""


def shipped(path: str) -> str:
    """A file of the project, by a path in it: relative to the working directory where it lies below that."""
    return from_here(PROJECT / path)


def found(path: str) -> str:
    """A path as it is written, or as `shipped`, where only the project has it.

    Someone who runs the workflow from another folder so finds the vocabulary, published numbers and lists of ids that a
    config file names; a file of the same name in the working directory counts first.
    """
    return path if Path(path).exists() or not (PROJECT / path).exists() else shipped(path)
