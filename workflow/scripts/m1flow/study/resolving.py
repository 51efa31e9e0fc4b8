"""Resolving a study's settings: removing disabled question sets, and filling in names and paths."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from m1flow.study.checks import check_characters, check_declared
from m1flow.study.config_files import Where, refuse
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.section import Section
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.study_file import StudyFile
from m1flow.study.settings.teachers import TeacherSettings
from m1flow.study.shipped import found

S = TypeVar("S", bound=Section)
D = TypeVar("D", QuestionSetSettings, TeacherSettings)
P = TypeVar("P", QuestionSetSettings, SolverSettings, TeacherSettings)
_OF_HUB = ("revision", "config", "files", "checksum")
"""Keys that select what to download from the hub."""


def resolve(file: StudyFile, where: Where) -> StudyFile:
    """Remove disabled question sets, and fill in dependent defaults and the paths of downloads and shipped files.

    Raises:
        M1FlowError: no benchmark is enabled; pool.against names a disabled one; an entry has both hub and path.
    """
    against = _against(file, where)
    sources = {name: _with_lists(entry, file.seed) for name, entry in file.sources.items() if entry.enabled}
    benchmarks = {name: _with_lists(entry, file.seed) for name, entry in file.benchmarks.items() if entry.enabled}
    if not benchmarks:
        refuse(where, ["benchmarks"], "needs at least one entry that is enabled")
    first = next(iter(file.bases))
    return _changed(
        file,
        published=found(file.published),
        domains=_changed(file.domains, vocabulary=found(file.domains.vocabulary)),
        pool=_changed(file.pool, against=against),
        sources={name: _downloaded(file.study, "sources", name, entry, where) for name, entry in sources.items()},
        benchmarks={
            name: _downloaded(file.study, "benchmarks", name, entry, where) for name, entry in benchmarks.items()
        },
        teachers={
            name: _downloaded(file.study, "teachers", name, entry, where) for name, entry in file.teachers.items()
        },
        bases={name: _downloaded_base(file.study, name, entry, where) for name, entry in file.bases.items()},
        models={name: _with(entry, weights=name) for name, entry in file.models.items()},
        students={name: _with(entry, seed=file.seed) for name, entry in file.students.items()},
        datasets={name: _with(entry, tokenizer=first) for name, entry in file.datasets.items()},
    )


def place_files(file: StudyFile, where: Where) -> StudyFile:
    """The study with paths relative to where Snakemake runs.

    Raises:
        M1FlowError: a local file is missing, or its path can't be used.
    """
    folder = Path(file.data_folder)
    paths = [(["published"], file.published), (["domains", "vocabulary"], file.domains.vocabulary)]
    if file.judge and file.judge.hand_labels:
        paths.append((["judge", "hand_labels"], file.judge.hand_labels))
    for key, path in paths:
        check_characters(path, key, where)
    for name, base in file.bases.items():
        check_characters(base.path or "", ["bases", name, "path"], where)
        if base.path and not base.hub and not Path(base.path).is_dir():
            refuse(where, ["bases", name, "path"], f"{base.path}: no such model folder; correct the path")
    for section, sets in (("sources", file.sources), ("benchmarks", file.benchmarks)):
        for name, entry in sets.items():
            for lists, listed_paths in (("ids", entry.ids), ("without_ids", entry.without_ids)):
                for listed in listed_paths:
                    check_characters(listed, [section, name, lists], where)
                    if not Path(listed).is_file():
                        refuse(where, [section, name, lists], f"{listed}: no such list of ids; correct the path")
    return _changed(
        file,
        data_folder=".",
        sources={name: _placed(folder, ["sources", name], entry, where) for name, entry in file.sources.items()},
        benchmarks={
            name: _placed(folder, ["benchmarks", name], entry, where) for name, entry in file.benchmarks.items()
        },
        solvers={name: _placed(folder, ["solvers", name], entry, where) for name, entry in file.solvers.items()},
        teachers={name: _placed(folder, ["teachers", name], entry, where) for name, entry in file.teachers.items()},
    )


def _against(file: StudyFile, where: Where) -> tuple[str, ...]:
    """The benchmarks whose questions are removed from the pool, by default all enabled ones."""
    enabled = tuple(name for name, entry in file.benchmarks.items() if entry.enabled)
    against = enabled if file.pool.against is None else file.pool.against
    for name in against:
        check_declared(["pool", "against"], name, "benchmarks", file.benchmarks, where)
        if name not in enabled:
            refuse(where, ["pool", "against"], f"{name!r} is not enabled; enable it, or remove it here")
    return against


def _with_lists(entry: QuestionSetSettings, seed: int) -> QuestionSetSettings:
    """A question set with its seed, and the paths of its lists of ids."""
    lists = {key: tuple(map(found, getattr(entry, key))) for key in ("ids", "without_ids")}
    return _changed(_with(entry, seed=seed), **lists)


def _download_folder(study: str, section: str, name: str) -> str:
    return f"results/{study}/downloads/{section}/{name}"


def _downloaded(study: str, section: str, name: str, entry: D, where: Where) -> D:
    """An entry; if it comes from the hub, with the folder of its download as path."""
    folder = _download_folder(study, section, name)
    if entry.hub is None:
        _refuse_keys_of_hub([section, name], entry, where)
        return entry
    if entry.path not in ((), (folder,)):
        refuse(where, [section, name, "path"], "give either hub or path, not both")
    return _changed(entry, path=(folder,))


def _downloaded_base(study: str, name: str, entry: BaseSettings, where: Where) -> BaseSettings:
    """A base; if it comes from the hub, with the folder of its download as path."""
    folder = _download_folder(study, "bases", name)
    if entry.hub is None:
        _refuse_keys_of_hub(["bases", name], entry, where)
        return entry
    if entry.path not in (None, folder):
        refuse(where, ["bases", name, "path"], "give either hub or path, not both")
    return _changed(entry, path=folder)


def _refuse_keys_of_hub(path: list[str], entry: Section, where: Where) -> None:
    for key in _OF_HUB:
        if getattr(entry, key, None) is not None:
            refuse(where, [*path, key], "applies only to the hub; add hub, or remove this key")


def _placed(folder: Path, key: list[str], entry: P, where: Where) -> P:
    """An entry with its paths relative to Snakemake's working directory, not to the data folder."""
    if getattr(entry, "hub", None):
        return entry
    paths = tuple(str(folder / path) for path in entry.path)
    for path in paths:
        check_characters(path, [*key, "path"], where)
        if not Path(path).exists():
            refuse(where, [*key, "path"], f"{path}: no such file; correct the path or data_folder")
    return _changed(entry, path=paths)


def _changed(section: S, **values: object) -> S:
    return section.model_copy(update=values)


def _with(section: S, **defaults: object) -> S:
    """The section with defaults for absent keys."""
    return _changed(section, **{key: value for key, value in defaults.items() if getattr(section, key) is None})
