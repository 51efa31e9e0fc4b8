"""Reading a study's config files strictly, and finding the file that sets a key, so that errors can name the file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import dotted
from m1flow.text.shown import one_line


class _StrictLoader(yaml.SafeLoader):
    """Reads YAML, and refuses a mapping with a repeated key, whose first value would be lost silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise M1FlowError(
                    f"{self.name}: line {key.start_mark.line + 1}: {key.value}: occurs twice; merge the two"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a date in a 13th month
            raise _not_yaml(self.name, node.start_mark.line, error) from None


def read_mapping(file: Path) -> dict[str, Any]:
    """The settings of a config file; an empty file has none.

    Raises:
        M1FlowError: the file is missing, isn't YAML, repeats a key or holds no mapping; the message names the file, the
            line and the cure.
    """
    name = from_here(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise M1FlowError(f"{name}: {os.strerror(error.errno or 0)}; correct the path") from None
    try:
        loader = _StrictLoader(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _not_yaml(name, data.count(b"\n", 0, error.start), error) from None
    except yaml.reader.ReaderError as error:  # a control character
        raise _not_yaml(name, data.decode("utf-8").count("\n", 0, error.position), error.reason) from None
    loader.name = name
    try:
        content = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_yaml(name, mark.line if mark else 0, error.problem or error) from None
    finally:
        loader.dispose()
    if content is not None and not isinstance(content, dict):
        raise M1FlowError(f"{name}: contains no named settings (such as sweep: ...); give a study's config file")
    return content or {}


def _not_yaml(name: str, line: int, reason: object) -> M1FlowError:
    return M1FlowError(f"{name}: line {line + 1}: not valid YAML ({one_line(reason)}); correct the file")


class Where:
    """Finds the config file that sets a key."""

    def __init__(self, files: list[Path]):
        self._contents = [(file, read_mapping(file)) for file in files]

    def __call__(self, path: Iterable[Any]) -> str:
        """The last file that sets the key (its value counts); if none does, the last that sets most of its path."""
        keys = [key for key in path if isinstance(key, str)]
        for depth in range(len(keys), 0, -1):
            for file, content in reversed(self._contents):
                if holds(content, keys[:depth]):
                    return from_here(file)
        return from_here(self._contents[-1][0]) if self._contents else "the study's config"


def from_here(file: Path) -> str:
    """A path as the user would write it: relative if it lies below the working directory."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def holds(content: Any, keys: list[str]) -> bool:
    """Whether a mapping has such a path of keys."""
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            return False
        content = content[key]
    return True


def refuse(
    where: Where, path: Sequence[str | int], problem: str, value: str = "", declared: Iterable[str] = ()
) -> NoReturn:
    """Raise an error of one line: file, key, problem, cure. A declared name similar to ``value`` is suggested."""
    close = difflib.get_close_matches(value, list(declared), n=1)
    cure = f"; did you mean {close[0]!r}?" if close else ""
    raise M1FlowError(f"{where(path)}: {dotted(path)}: {problem}{cure}")
