"""A study from its config files, outside Snakemake."""

from __future__ import annotations

from pathlib import Path

import yaml
from snakemake.utils import update_config

from m1flow.study import Study

DEFAULT_STUDY = "config/config.yaml"


def read_study(files: list[Path]) -> Study:
    """The study of some config files, laid over each other as Snakemake does it."""
    contents = [yaml.safe_load(path.read_text(encoding="utf-8")) or {} for path in files]
    if not any("study" in content for content in contents):
        files = [Path(DEFAULT_STUDY), *files]
        contents = [yaml.safe_load(files[0].read_text(encoding="utf-8")), *contents]
    config: dict = {}
    for content in contents:
        update_config(config, content)
    return Study.from_config(config, files)
