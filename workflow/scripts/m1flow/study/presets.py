"""A study's changed settings: its resolved config compared with the preset of the same name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.study.config_files import from_here, read_mapping
from m1flow.study.study import Study

ABSENT = "–"
"""Stands for the value of a key that one of the two configs lacks."""


@dataclass(frozen=True)
class Difference:
    """A key with its value as shipped and its value in this study, as JSON or ABSENT."""

    key: str
    shipped: str
    here: str


def shipped_as(study: str, files: Iterable[Path]) -> Path | None:
    """The config file that names the given study, or None; unreadable files are skipped."""
    for file in files:
        with contextlib.suppress(M1FlowError):
            if read_mapping(file).get("study") == study:
                return file
    return None


def compared(config: Mapping[str, Any], preset: Path) -> tuple[list[Difference], str]:
    """The `differences` and ""; or no differences, and the reason why the two can't be compared."""
    try:
        return differences(config, preset), ""
    except M1FlowError as error:
        return [], str(error)


def differences(config: Mapping[str, Any], preset: Path) -> list[Difference]:
    """Every setting that differs from a preset, both with all defaults filled in.

    Args:
        config: a resolved config.
        preset: a config file.

    Raises:
        M1FlowError: the preset is invalid.
    """
    resolved = Study.from_config(read_mapping(preset), [preset]).as_dict()
    shipped, here = dict(_leaves(resolved)), dict(_leaves(config))
    keys = [*shipped, *(key for key in here if key not in shipped)]
    pairs = [Difference(key, shipped.get(key, ABSENT), here.get(key, ABSENT)) for key in keys]
    return [pair for pair in pairs if pair.shipped != pair.here]


def described(preset: Path | None) -> str:
    """A preset's path as it would be given on the command line; "" for none."""
    return from_here(preset.absolute()) if preset else ""


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Dotted key and JSON of every value that isn't itself a mapping with keys."""
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(value, ensure_ascii=False, sort_keys=True)
