"""A study from its config files, outside Snakemake."""

from __future__ import annotations

from pathlib import Path

from snakemake.utils import update_config

from m1flow.study.config_files import read_mapping
from m1flow.study.shipped import DEFAULT_STUDY, found
from m1flow.study.study import Study, names_study


def read_study(files: list[Path]) -> Study:
    """The study of config files, laid over each other as in Snakemake.

    Raises:
        M1FlowError: a file holds no settings, or the settings are not a valid study.
    """
    contents = [read_mapping(path) for path in files]
    if not any(map(names_study, files)):
        files = [Path(found(DEFAULT_STUDY)), *files]
        contents = [read_mapping(files[0]), *contents]
    config: dict = {}
    for content in contents:
        update_config(config, content)
    return Study.from_config(config, files)
