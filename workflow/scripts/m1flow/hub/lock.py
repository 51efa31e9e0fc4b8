"""The lock of a study's hub commits: written beside its config on first use, enforced from then on."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from filelock import FileLock

from m1flow.errors import M1FlowError
from m1flow.files.json import read_json, write_json

log = logging.getLogger(__name__)

COMMIT = re.compile(r"[0-9a-f]{40}")


class Lock:
    """Commits by repository in a JSON file beside the config, written on first use and enforced from then on."""

    def __init__(self, path: Path | str):
        self.path = Path(path)

    def read(self) -> dict[str, str]:
        """All locked commits; empty if there is no file."""
        content = read_json(self.path) if self.path.exists() else {}
        if not isinstance(content, dict) or not all(COMMIT.fullmatch(str(commit)) for commit in content.values()):
            raise M1FlowError(
                f"{self.path}: not a lock (commits by repository); restore the file, or move it away to lock the hub's "
                "current commits"
            )
        return content

    def keep(self, key: str, commit: str) -> str:
        """Lock ``key`` at ``commit``, unless another job was first; return the locked commit."""
        with FileLock(self.path.with_name(f".{self.path.name}.flock")):
            content = self.read()
            if key not in content:
                write_json(self.path, dict(sorted((content | {key: commit}).items())))
                log.info("%s: locked %s at %s", self.path, key, commit)
                return commit
            return content[key]
