"""A study from its config files, outside Snakemake."""

from __future__ import annotations

from pathlib import Path

import yaml
from snakemake.utils import update_config

from m1flow.config_files import from_here
from m1flow.errors import M1FlowError
from m1flow.study import Study, names_study

DEFAULT_STUDY = "config/config.yaml"


def read_study(files: list[Path]) -> Study:
    """The study of some config files, laid over each other as Snakemake does it.

    Raises:
        M1FlowError: a file that holds no settings, or settings that make no study.
    """
    contents = [_read(path) for path in files]
    if not any(map(names_study, files)):
        files = [Path(DEFAULT_STUDY), *files]
        contents = [_read(files[0]), *contents]
    config: dict = {}
    for content in contents:
        update_config(config, content)
    return Study.from_config(config, files)


def _read(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bytes that are no text, a 13th month
        reason = " ".join(str(error).split())
        raise M1FlowError(f"{from_here(path)}: not valid YAML ({reason}); mend the file") from None
    if content is not None and not isinstance(content, dict):
        raise M1FlowError(f"{from_here(path)}: holds no settings by name (sweep: ...); give a study's config file")
    return content or {}
