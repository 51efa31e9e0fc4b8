"""A study: its config, checked key by key, with defaults and resolved names. Needs only what Snakemake needs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.provenance import MANIFEST
from m1flow.study import checks, model_sweeps, resolving
from m1flow.study.config_files import Where, from_here, read_mapping, refuse
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.study_file import StudyFile
from m1flow.study.settings.sweep import SweepSettings
from m1flow.study.settings.teachers import TeacherSettings

log = logging.getLogger(__name__)


class Study(StudyFile):
    """A checked study: its sections, in which every default is filled in and every name resolved.

    ``sweeps`` has the sweep of each model: the study's ``sweep`` with the model's own settings laid over it.
    """

    sweeps: dict[str, SweepSettings]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Iterable[Path | str] = ()) -> Study:
        """Check a config and resolve it. A null key counts as absent, so that an overlay can remove a key.

        Args:
            config: the config that Snakemake merged from the config files and the command line.
            files: those config files, so that an error can name the one at fault.

        Raises:
            M1FlowError: a key is unknown, a value is wrong, or a reference has no target.
        """
        where = Where([Path(file) for file in files])
        values = model_sweeps.keep_nulls(_without_nulls(config), config)
        if values.get("judge") == {}:
            del values["judge"]  # counts as absent
        try:
            file = read(StudyFile, values)
            sweeps = model_sweeps.of_models(file)
        except Rejected as problem:
            refuse(where, problem.path, problem.words)
        file = resolving.resolve(file, where)
        checks.check(file, where)
        file = resolving.place_files(file, where)
        checks.check_published(file, where)
        model_sweeps.check(file, sweeps, where)
        return cls.model_construct(**dict(file), sweeps=sweeps)

    def finished_only(self, results: Path | str) -> Study:
        """The study; with ``only_finished``, without models that lack a sweep, so that they don't stop the report.

        Raises:
            M1FlowError: no model has all its sweeps.
        """
        if not self.only_finished:
            return self
        sweeps = Path(results) / "sweeps"
        missing = [
            model
            for model in self.models
            if not all((sweeps / model / f"{benchmark}.parquet").is_file() for benchmark in self.benchmarks)
        ]
        if len(missing) == len(self.models):
            raise M1FlowError(
                f"only_finished: no model's sweep is finished in {sweeps}; leave it out, or run sweeps first"
            )
        if missing:
            log.warning("only_finished: leaving out %s, whose sweeps aren't finished", ", ".join(missing))
        return self.model_copy(
            update={"models": {name: entry for name, entry in self.models.items() if name not in missing}}
        )

    def check_downloads(self, lock: Path | str, results: Path | str) -> None:
        """Refuse downloads of a commit other than the locked one, so that a changed lock isn't ignored silently.

        Raises:
            M1FlowError: a download holds a commit other than the locked one, or the lock or a manifest is damaged.
        """
        locked = _mapping(Path(lock), "restore the file, or move it away") if Path(lock).is_file() else {}
        for section, entries in self._with_downloads().items():
            for name, entry in entries.items():
                folder = Path(results) / "downloads" / section / name
                if entry.hub is None or not (folder / MANIFEST).is_file():
                    continue
                held = _mapping(folder / MANIFEST, "move its folder away, then rerun").get("commit")
                key = f"{'models' if section == 'bases' else 'datasets'}/{entry.hub}"
                key += f"@{entry.revision}" if entry.revision else ""
                if locked.get(key, held) != held:
                    raise M1FlowError(
                        f"{lock}: {key} is locked at {locked[key]}, but {folder} holds {held}; "
                        "restore the lock, or move that folder away to download the locked commit"
                    )

    def _with_downloads(self) -> dict[str, Mapping[str, QuestionSetSettings | TeacherSettings | BaseSettings]]:
        """The sections whose entries may come from the hub, by name."""
        return {
            "sources": self.sources,
            "benchmarks": self.benchmarks,
            "teachers": self.teachers,
            "bases": self.bases,
        }

    @property
    def first_cue(self) -> str:
        """The cue whose extensions are shown in tables and figures of all models; "" without extensions."""
        extended = (sweep.extensions for sweep in (self.sweep, *self.sweeps.values()) if sweep.extensions)
        return next((extensions.cues[0] for extensions in extended), "")

    def as_dict(self) -> dict[str, Any]:
        """The resolved config in a config file's form."""
        return {key: value for key, value in self.dump().items() if key != "sweeps"}


def lock_path(files: Iterable[Path | str]) -> str:
    """The path of a study's lock of hub commits: beside the config file that names the study, as m1.lock.json."""
    named = [Path(file) for file in files if names_study(file)]
    return from_here((named[-1] if named else Path("study")).with_suffix(".lock.json"))


def names_study(file: Path | str) -> bool:
    """Whether a config file names a study; files that don't are overlays."""
    return "study" in read_mapping(Path(file))


def _mapping(path: Path, cure: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not text
        raise M1FlowError(f"{path}: not valid JSON ({error}); {cure}") from None
    if not isinstance(content, dict):
        raise M1FlowError(f"{path}: not a JSON mapping; {cure}")
    return content


def _without_nulls(value: Any) -> Any:
    """A copy of a config without null keys."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    return [*value] if isinstance(value, list) else value
