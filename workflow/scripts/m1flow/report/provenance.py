"""Provenance of a study's numbers: versions, commits, revisions, changed settings, the fingerprint of every file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.files.fingerprints import fingerprint_path
from m1flow.files.json import read_json
from m1flow.files.parquet import read_provenance
from m1flow.files.provenance import MANIFEST
from m1flow.study import presets

SECTIONS = {"sources": "training questions", "benchmarks": "benchmark", "teachers": "traces", "bases": "base model"}
"""The sections of a config whose entries come from elsewhere, with the kind of entry."""


def provenance_of(
    config: Mapping[str, Any],
    tables: Iterable[Path],
    others: Iterable[Path],
    downloads: Path | None = None,
    preset: Path | None = None,
) -> dict[str, Any]:
    """The page's information on how the study was made.

    Args:
        config: the resolved config.
        tables: Parquet files that the report reads; they record how they were made.
        others: further files that it reads.
        downloads: the folder of downloads from the hub.
        preset: the config that ships under the study's name.
    """
    tables = sorted(set(tables))
    records = [read_provenance(path) for path in tables]
    differences, problem = presets.compared(config, preset) if preset else ([], "")
    packages: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.get("packages") or {}).items():
            packages.setdefault(name, set()).add(str(version))
    return {
        "config": config,
        "packages": {name: ", ".join(sorted(versions)) for name, versions in sorted(packages.items())},
        "python": sorted({str(record["python"]) for record in records if record.get("python")}),
        "commits": sorted({str(record["commit"]) for record in records if record.get("commit")}),
        "files": pd.DataFrame(
            [(str(path), fingerprint_path(path)) for path in sorted({*tables, *others})],
            columns=["file", "SHA-256, first 32 digits"],
        ),
        "origins": origins(config, downloads),
        "preset": presets.described(preset),
        "differences": pd.DataFrame(differences),
        "not_compared": problem,
    }


def origins(config: Mapping[str, Any], downloads: Path | None = None) -> pd.DataFrame:
    """Each source, benchmark, recorded teacher and base model: its kind, name, origin and revision."""
    rows = []
    for section, what in SECTIONS.items():
        for name, entry in (config.get(section) or {}).items():
            manifest = downloads / section / name / MANIFEST if downloads else None
            fetched = read_json(manifest) if manifest and manifest.is_file() else {}
            revision = fetched.get("commit") or entry.get("revision") or ""
            rows.append({"what": what, "name": name, "from": _whence(entry), "revision": revision or "–"})
    return pd.DataFrame(rows, columns=["what", "name", "from", "revision"])


def _whence(entry: Mapping[str, Any]) -> str:
    if entry.get("hub"):
        return f"hub: {entry['hub']}"
    if entry.get("path"):
        paths = [entry["path"]] if isinstance(entry["path"], str) else entry["path"]
        return "file: " + ", ".join(map(str, paths))
    respondent = next((f"{key} {entry[key]}" for key in ("endpoint", "weights") if entry.get(key)), "")
    if respondent:
        return f"asked: {respondent}"
    if entry.get("architecture"):
        return "trained here from random weights"
    return f"made here: {entry.get('adapter') or entry.get('kind') or 'by code'}"
