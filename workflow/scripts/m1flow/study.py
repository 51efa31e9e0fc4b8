"""A study: the config checked key by key, defaults filled in, names resolved. Needs only what Snakemake needs."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from m1flow import model_sweeps, study_checks
from m1flow.config_files import Where, as_flag, holds
from m1flow.errors import M1FlowError
from m1flow.rows import MANIFEST
from m1flow.study_schema import fill_and_check

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """A checked study. Each section maps names to settings in which every default is filled in.

    ``sweeps`` says of each model how it is swept: the study's ``sweep`` with the model's own settings laid over it.
    ``judge`` is empty where there is none.
    """

    name: str
    seed: int
    description: str
    data_folder: str
    scorer: str
    published: str
    only_finished: bool
    engine: dict
    formats: dict[str, dict]
    prompts: dict[str, str]
    formulary: dict
    sources: dict[str, dict]
    benchmarks: dict[str, dict]
    pool: dict
    bases: dict[str, dict]
    solvers: dict[str, dict]
    difficulty: dict
    endpoints: dict[str, dict]
    teachers: dict[str, dict]
    domains: dict
    datasets: dict[str, dict]
    students: dict[str, dict]
    models: dict[str, dict]
    replicates: dict[str, list[str]]
    sweep: dict
    sweeps: dict[str, dict]
    judge: dict

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Iterable[Path | str] = ()) -> Study:
        """Check a config and resolve it. A key that is null is as if it weren't there, so an overlay can take one away.

        Args:
            config: what Snakemake merged from the config files and the command line.
            files: those config files, so that an error can name the one at fault.

        Raises:
            M1FlowError: an unknown key, a wrong value, a reference to something that isn't there.
        """
        resolved = _without_nulls(copy.deepcopy(dict(config)))
        where = Where([Path(file) for file in files])
        own_sweeps = model_sweeps.lay_over_study(resolved, config)
        if resolved.get("judge") == {}:
            del resolved["judge"]  # as none is written in `as_dict`: no defaults to fill in
        fill_and_check(resolved, where)
        resolved.setdefault("judge", {})
        study_checks.resolve_against(resolved, where)
        study_checks.leave_out_disabled(resolved, where)
        _resolve_names(resolved)
        study_checks.place_downloads(resolved, where)
        study_checks.check_references(resolved, where)
        study_checks.check_paths(resolved, where)
        model_sweeps.check(resolved, own_sweeps, where)
        resolved["sweeps"] = model_sweeps.take_out(resolved, own_sweeps)
        resolved["name"] = resolved.pop("study")
        return cls(**resolved)

    def finished_only(self, results: Path | str) -> Study:
        """The study; under ``only_finished``, without the models that lack a sweep, so that none stops the report.

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
            log.warning("only_finished: without %s, whose sweeps are not there", ", ".join(missing))
        return replace(self, models={name: entry for name, entry in self.models.items() if name not in missing})

    def check_downloads(self, lock: Path | str, results: Path | str) -> None:
        """What was downloaded must be what the lock names: another's lock, pulled later, is not obeyed silently.

        Raises:
            M1FlowError: a download holds another commit than its lock, both are named; a file that says so is damaged.
        """
        locked = _mapping(Path(lock), "restore or delete it") if Path(lock).is_file() else {}
        for section in ("sources", "benchmarks", "teachers", "bases"):
            for name, entry in getattr(self, section).items():
                folder = Path(results) / "downloads" / section / name
                if "hub" not in entry or not (folder / MANIFEST).is_file():
                    continue
                held = _mapping(folder / MANIFEST, "delete its folder, then rerun").get("commit")
                key = f"{'models' if section == 'bases' else 'datasets'}/{entry['hub']}"
                key += f"@{entry['revision']}" if "revision" in entry else ""
                if locked.get(key, held) != held:
                    raise M1FlowError(
                        f"{lock}: {key} is locked at {locked[key]}, but {folder} holds {held}; "
                        "delete that folder to take the locked commit, or restore the lock"
                    )

    def flag(self, *path: str) -> str:
        """One setting as a command-line flag's value: JSON with sorted keys, so that equal settings are equal text."""
        value: Any = self.as_dict() | {"sweeps": self.sweeps}
        for key in path:
            value = value[key]
        return as_flag(value)

    @property
    def first_cue(self) -> str:
        """The cue whose extensions tables and figures of all models show; "" where nothing is extended."""
        extended = (sweep["extensions"] for sweep in (self.sweep, *self.sweeps.values()) if "extensions" in sweep)
        return next(extended, {"cues": [""]})["cues"][0]

    def as_dict(self) -> dict:
        """The resolved config, as it could stand in a config file."""
        values = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "sweeps"}
        return {"study": values.pop("name"), **values}


def lock_path(files: Iterable[Path | str]) -> str:
    """Where a study's commits on the hub are locked: beside the config file that names it, m1.lock.json for m1.yaml."""
    named = [Path(file) for file in files if names_study(file)]
    lock = (named[-1] if named else Path("study")).with_suffix(".lock.json")
    return str(lock.relative_to(Path.cwd()) if lock.is_relative_to(Path.cwd()) else lock)


def names_study(file: Path | str) -> bool:
    """Whether a config file says which study it is: others are laid over one."""
    return holds(yaml.safe_load(Path(file).read_text(encoding="utf-8")), ["study"])


def _mapping(path: Path, cure: str) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or bytes that are no text
        raise M1FlowError(f"{path}: not valid JSON ({error}); {cure}") from None
    if not isinstance(content, dict):
        raise M1FlowError(f"{path}: not a JSON mapping; {cure}")
    return content


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}


def _resolve_names(config: dict) -> None:
    """Defaults that depend on other keys."""
    for name, model in config["models"].items():
        model.setdefault("weights", name)
    for student in config["students"].values():
        student.setdefault("seed", config["seed"])
    for dataset in config["datasets"].values():
        dataset.setdefault("tokenizer", next(iter(config["bases"])))
    for question_set in [*config["sources"].values(), *config["benchmarks"].values()]:
        question_set.setdefault("seed", config["seed"])
