"""Files that ship with the project, wherever a study runs."""

from __future__ import annotations

from pathlib import Path

from m1flow.study.config_files import from_here

PROJECT = Path(__file__).parents[4]
"""The folder that holds Snakefile, rules, workflow and config."""

DEFAULT_STUDY = "config/config.yaml"
"""The study that runs if no config file names one."""


def shipped(path: str) -> str:
    """The path of a file of the project, relative if it lies below the working directory."""
    return from_here(PROJECT / path)


def found(path: str) -> str:
    """A path as written, or as `shipped` if only the project has the file.

    A run from another folder thus finds the vocabulary, published numbers and lists of ids that a config file names; a
    file of the same name in the working directory has precedence.
    """
    return path if Path(path).exists() or not (PROJECT / path).exists() else shipped(path)
