"""Choice of the files to read in a repository: those of a split or of a model, never pickles or code."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from m1flow.errors import M1FlowError
from m1flow.files.records import READERS
from m1flow.study.settings.downloads import DownloadSettings

if TYPE_CHECKING:
    from m1flow.hub.repository import Repository

MODEL_FILES = (
    *("*.safetensors", "*.json", "*.jinja", "merges.txt", "vocab.txt", "tokenizer.model"),
    *("README.md", "LICENSE*"),  # for the licence on cards of derived models
)
_SPLIT_NAMES = {"validation": ("validation", "valid", "val"), "dev": ("dev", "development")}


def model_files(repository: Repository, files: Mapping[str, Any]) -> list[str]:
    """The names of a model's files to download: those at the top of its repository, of the kinds that are used.

    Raises:
        M1FlowError: the repository has no safetensors.
    """
    chosen = [
        name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in MODEL_FILES) and "/" not in name
    ]
    if not any(name.endswith(".safetensors") for name in chosen):
        raise M1FlowError(
            f"{repository.where}: {repository.hub} has no safetensors, and pickled weights are not read; choose "
            "another model"
        )
    return sorted(chosen)


def split_files(repository: Repository, commit: str, files: Mapping[str, Any], settings: DownloadSettings) -> list[str]:
    """The files of a split: those in ``files``, else those on the data set's card, else those named after the split."""
    readable = sorted(name for name in files if Path(name).suffix in READERS and not name.startswith("."))
    if patterns := settings.files:
        patterns = (patterns,) if isinstance(patterns, str) else patterns
        return _matching(repository, readable, patterns, f"{repository.where}.files")
    config, split = settings.config, settings.split or "train"
    if "README.md" in files:
        header = _card_header(repository.fetch(files["README.md"], commit))
        if configs := {str(entry.get("config_name")): entry for entry in header.get("configs") or ()}:
            entry = _only(repository, "config", config, configs)
            if splits := _splits(entry):
                return _matching(
                    repository, readable, _only(repository, "split", split, splits), f"{repository.where}.split"
                )
    if config:
        inside = [name for name in readable if config in Path(name).parts[:-1]]
        if not inside:
            folders = ", ".join(sorted({part for name in readable for part in Path(name).parts[:-1]}))
            cure = f"choose from {folders}" if folders else "remove config"
            raise M1FlowError(f"{repository.where}.config: {repository.hub} has no config {config!r}; {cure}")
        readable = inside
    names = "|".join(map(re.escape, _SPLIT_NAMES.get(split, (split,))))
    chosen = [name for name in readable if re.search(rf"(^|[/._-])({names})(?=[/._-])", name)]
    if not chosen:
        raise M1FlowError(
            f"{repository.where}.split: {repository.hub} has no split {split!r} (its files: "
            f"{', '.join(readable[:12]) or 'none that can be read'}); correct split, or give files"
        )
    return chosen


def _card_header(card: Path) -> dict:
    """The YAML header of a card; empty if the card has no valid one."""
    text = card.read_text(encoding="utf-8", errors="replace")
    header = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    try:
        content = yaml.safe_load(header[1]) if header else {}
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}


def _splits(entry: Mapping[str, Any]) -> dict[str, list[str]]:
    """A card's config as patterns by split; empty if it lists none."""
    data_files, folder = entry.get("data_files"), entry.get("data_dir")
    if isinstance(data_files, str) or (isinstance(data_files, list) and all(isinstance(f, str) for f in data_files)):
        data_files = [{"split": "train", "path": data_files}]
    splits = {}
    for listed in data_files or ():
        paths = listed["path"] if isinstance(listed["path"], list) else [listed["path"]]
        splits[str(listed["split"])] = [f"{folder}/{path}" if folder else path for path in paths]
    return splits


def _only(repository: Repository, key: str, wanted: str | None, there: Mapping[str, Any]) -> Any:
    if wanted is None and (len(there) == 1 or "default" in there):
        return there.get("default") or next(iter(there.values()))
    if wanted is None or wanted not in there:
        problem = f"has no {key} {wanted!r}" if wanted else f"has several {key}s"
        raise M1FlowError(f"{repository.where}.{key}: {repository.hub} {problem}; choose from {', '.join(there)}")
    return there[wanted]


def _matching(repository: Repository, names: list[str], patterns: Iterable[str], where: str) -> list[str]:
    chosen = []
    for pattern in patterns:
        found = fnmatch.filter(names, pattern.removeprefix("./"))
        if not found:
            raise M1FlowError(
                f"{where}: {repository.hub} has no data file {pattern!r}; choose from {', '.join(names[:12])}"
            )
        chosen += [name for name in found if name not in chosen]
    return chosen
