"""JSON files and JSON flags: written atomically, read with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.atomic import atomic_file
from m1flow.text.shown import one_line


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as indented, key-sorted JSON, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Read JSON; a missing or broken file raises an M1FlowError."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise M1FlowError(f"{path}: no such file; make it with: snakemake {path}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise M1FlowError(
            f"{path}: not valid JSON ({one_line(error)}); repair the file, or move it away and rerun"
        ) from None


def as_flag(value: Any) -> str:
    """JSON with sorted keys, so that equal settings give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
