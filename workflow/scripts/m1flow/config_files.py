"""The files of a study's config: read strictly, and found again by key, so that an error can name the one at fault."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from m1flow.errors import M1FlowError


class _StrictLoader(yaml.SafeLoader):
    """Reads YAML, and refuses a mapping that says a key twice: the first would be lost silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise M1FlowError(
                    f"{self.name}: line {key.start_mark.line + 1}: {key.value}: stands twice; merge the two"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Where:
    """Finds the config file that says a key."""

    def __init__(self, files: list[Path]):
        self._contents = [(file, _read_strictly(file)) for file in files]

    def __call__(self, path: Iterable[Any]) -> str:
        """The file that says the key, or as much of its path as any says: the last one, as it counts."""
        keys = [key for key in path if isinstance(key, str)]
        for depth in range(len(keys), 0, -1):
            for file, content in reversed(self._contents):
                if holds(content, keys[:depth]):
                    return from_here(file)
        return from_here(self._contents[-1][0]) if self._contents else "the study's config"


def _read_strictly(file: Path) -> dict:
    loader = _StrictLoader(file.read_text(encoding="utf-8"))
    loader.name = from_here(file)
    try:
        return loader.get_single_data() or {}
    finally:
        loader.dispose()


def from_here(file: Path) -> str:
    """A path as the user would write it: relative where it lies below the working directory."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def holds(content: Any, keys: list[str]) -> bool:
    """Whether a mapping has such a path of keys."""
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            return False
        content = content[key]
    return True


def as_flag(value: Any) -> str:
    """JSON with sorted keys: equal settings are equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def dotted(path: Iterable[Any]) -> str:
    """A path of keys as one writes it."""
    return ".".join(map(str, path)) or "the file"


def refuse(where: Where, path: list[str], problem: str, value: str = "", declared: Iterable[str] = ()) -> NoReturn:
    """Stop, with one line: file, key, what is wrong, cure. A declared name that is close to ``value`` is offered."""
    close = difflib.get_close_matches(value, list(declared), n=1)
    cure = f"; did you mean {close[0]!r}?" if close else ""
    raise M1FlowError(f"{where(path)}: {dotted(path)}: {problem}{cure}")
