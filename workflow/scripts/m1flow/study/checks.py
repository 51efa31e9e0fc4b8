"""Checks across sections: references to names, settings that must go together, and files that must exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from m1flow.files.json import as_flag
from m1flow.study.config_files import Where, refuse
from m1flow.study.hand_labels import read_hand_labels
from m1flow.study.published_names import names_in
from m1flow.study.seams.adapters import ADAPTERS, AdapterDeclaration
from m1flow.study.seams.engines import ENGINES, EngineAbilities
from m1flow.study.seams.methods import METHODS, MethodAbilities
from m1flow.study.settings.domains import DomainSettings
from m1flow.study.settings.judge import JudgeSettings
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.section import Section, plain
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.study_file import StudyFile
from m1flow.study.settings.teachers import TeacherSettings
from m1flow.study.vocabulary import read_vocabulary
from m1flow.text.shown import in_line

_PROMPT_FIELDS = {
    "question": {"context", "stem", "options"},
    "domain": {"question", "codes"},
    "judge": {"question", "options", "right_answer", "thinking", "answer"},
}
"""The fields that some prompts may show; all other prompts show only the question."""

_MEASURED = (
    *("budgets", "extensions", "permutations", "shards"),
    *("answer_logprobs", "option_logprobs", "option_answer"),
)
"""Settings of a sweep that decide what is measured but don't change answers."""

_REFERENCES = (
    ("sources", "options_of", "teachers"),
    ("benchmarks", "options_of", "teachers"),
    ("solvers", "weights", "bases"),
    ("solvers", "endpoint", "endpoints"),
    ("solvers", "format", "formats"),
    ("teachers", "weights", "bases"),
    ("teachers", "endpoint", "endpoints"),
    ("teachers", "format", "formats"),
    ("datasets", "teacher", "teachers"),
    ("datasets", "format", "formats"),
    ("datasets", "tokenizer", "bases"),
    ("students", "base", "bases"),
    ("students", "dataset", "datasets"),
    ("students", "format", "formats"),
    ("models", "weights", "bases or students"),
    ("models", "format", "formats"),
)
"""A section, a key of its entries, and the section in which the key's value must name an entry."""


def check(file: StudyFile, where: Where) -> None:
    """Check that every name is declared and that settings go together.

    Args:
        file: the study, with all names filled in.
        where: finds the config file at fault.

    Raises:
        M1FlowError: a setting is wrong; the message names its file, key and the cure.
    """
    _check_references(file, where)
    _check_question_sets(file, where)
    _check_respondents(file, where)
    _check_ranges(file, where)
    _check_training(file, where)
    _check_engine(file, where)
    if file.formulary.rare_drugs >= file.formulary.drugs:
        refuse(where, ["formulary", "rare_drugs"], "must be fewer than formulary.drugs")
    _check_replicates(file, where)
    _check_prompts(file, where)
    _check_sampling(file, where)


def check_published(file: StudyFile, where: Where) -> None:
    """Check that the file of published numbers has every name under which a model is published.

    Raises:
        M1FlowError: the file is missing, or lacks a name.
    """
    published_as = {name: entry.published for name, entry in file.models.items() if entry.published is not None}
    if not published_as:
        return
    if not Path(file.published).is_file():
        refuse(where, ["published"], f"{file.published}: no such file; correct the path")
    names = names_in(file.published)
    for name, entry in published_as.items():
        check_declared(["models", name, "published"], entry, file.published, names, where)


def check_characters(path: str, key: Sequence[str], where: Where) -> None:
    """Refuse paths with braces (Snakemake's wildcards) or control characters; all others are quoted in use.

    Raises:
        M1FlowError: the path has such a character.
    """
    if "{" in path or "}" in path or in_line(path) != path:
        refuse(where, key, f"{path!r}: a path can't have braces or control characters; rename the file or link to it")


def check_declared(key: Sequence[str], name: str, place: str, declared: Collection[str], where: Where) -> None:
    """Refuse a name that isn't declared where it should be, in a section of the config or in a file.

    Raises:
        M1FlowError: the name is missing there; the message suggests a similar one.
    """
    if name not in declared:
        refuse(where, key, f"{name!r} is not in {place} ({', '.join(declared)})", name, declared)


def _check_references(file: StudyFile, where: Where) -> None:
    for section, key, target in _REFERENCES:
        declared = {**file.bases, **file.students} if target == "bases or students" else getattr(file, target)
        for name, entry in getattr(file, section).items():
            if key == "format" and section == "teachers" and entry.kind == "formulary":
                continue
            if (value := getattr(entry, key)) is not None:
                check_declared([section, name, key], value, target, declared, where)
    for name, base in file.bases.items():
        if name in file.students:
            refuse(where, ["students", name], "is also the name of a base; rename one of the two")
        for source in base.corpus.sources if base.corpus else ():
            check_declared(["bases", name, "corpus", "sources"], source, "sources", file.sources, where)


def _check_question_sets(file: StudyFile, where: Where) -> None:
    for section, sets in (("sources", file.sources), ("benchmarks", file.benchmarks)):
        for name, entry in sets.items():
            if entry.options_of is not None and file.teachers[entry.options_of].kind != "recorded":
                refuse(where, [section, name, "options_of"], "must name a teacher of kind recorded")
            _check_keys_of_adapter([section, name], entry, where)
            if entry.chain and entry.chain[0] > entry.chain[1]:
                refuse(where, [section, name, "chain"], "the first number must not be greater than the second")
    for benchmark, entry in file.benchmarks.items():
        for source, other in file.sources.items():
            if entry.path and _rows_of(entry) == _rows_of(other):
                refuse(where, ["benchmarks", benchmark], f"has the same rows as sources.{source}; remove one of them")
    for section, entries in (("solvers", file.solvers), ("teachers", file.teachers), ("datasets", file.datasets)):
        if entries and not file.sources:
            refuse(where, [section], "there are no sources to take questions from; add sources, or remove this section")


def _check_keys_of_adapter(path: list[str], entry: QuestionSetSettings, where: Where) -> None:
    """Check that an entry has all keys that its adapter needs, and none that the adapter doesn't use."""
    adapter = ADAPTERS.load(entry.adapter, AdapterDeclaration)
    for key in entry.keys_beyond(adapter.keys):
        refuse(where, [*path, key], f"the adapter {entry.adapter} doesn't use this key; remove it")
    for key in adapter.needed:
        if not getattr(entry, key):
            needs = f"the adapter {entry.adapter} needs this key{', or hub' if key == 'path' else ''}"
            refuse(where, [*path, key], f"missing; {needs}")


def _check_ranges(file: StudyFile, where: Where) -> None:
    lowest, highest = file.difficulty.min_pass_rate, file.difficulty.max_pass_rate
    ranges: list[tuple[list[str], str, float | None, float | None]] = [
        (["difficulty", "min_pass_rate"], "max_pass_rate", lowest, highest)
    ]
    for name, entry in file.datasets.items():
        ranges.append((["datasets", name, "min_tokens"], "max_tokens", entry.min_tokens, entry.max_tokens))
    for path, above, low, high in ranges:
        if low is not None and high is not None and low > high:
            refuse(where, path, f"{low} is more than {above} ({high}); lower one or raise the other")


def _check_training(file: StudyFile, where: Where) -> None:
    for name, student in file.students.items():
        training, resources = student.training, student.resources
        if (training.steps is None) == (training.epochs is None):
            refuse(where, ["students", name, "training"], "give either steps or epochs (null removes a key)")
        if (sharing := resources.nodes * (resources.gpus or resources.processes)) > training.batch_size:
            problem = f"{sharing} processes can't share {training.batch_size} examples per step; use fewer processes"
            refuse(where, ["students", name, "resources"], f"{problem}, or raise training.batch_size")
        method = METHODS.load(student.method, MethodAbilities)
        if student.adapters and not method.trains_adapters:
            problem = f"the method {student.method} trains no adapters; remove this key"
            refuse(where, ["students", name, "adapters"], problem)
        if sharing > 1 and not method.shares_work:
            refuse(
                where, ["students", name, "resources"], f"the method {student.method} runs in one process; use only one"
            )


def _check_engine(file: StudyFile, where: Where) -> None:
    sharing, gpus = file.engine.tensor_parallel_size, file.engine.gpus
    engines = {name: ENGINES.load(name, EngineAbilities) for name in file.engine.candidates}
    if elsewhere := [name for name, engine in engines.items() if gpus and not engine.in_process]:
        refuse(where, ["engine", "gpus"], f"the engine {elsewhere[0]} runs outside the job; set engine.gpus to 0")
    if sharing > max(1, gpus) and any(engine.splits_models for engine in engines.values()):
        problem = f"{sharing} GPUs can't share a model in a job that has {gpus}; set engine.gpus to {sharing}"
        refuse(where, ["engine", "tensor_parallel_size"], f"{problem}, or remove this key")


def _check_replicates(file: StudyFile, where: Where) -> None:
    """Check that replicates are students that differ only in the seed of their training."""
    for name, models in file.replicates.items():
        settings: dict[str, dict[str, Any]] = {}
        for model in models:
            check_declared(["replicates", name], model, "models", file.models, where)
            entry = file.models[model].dump()
            student = file.students.get(entry["weights"])
            if student is None:
                refuse(where, ["replicates", name], f"{model!r} is not fine-tuned in this study; remove it")
            sampling = {key: value for key, value in entry.get("sweep", {}).items() if key not in _MEASURED}
            evaluated = {f"models.{key}": value for key, value in (entry | {"sweep": sampling}).items()}
            settings[model] = student.dump() | evaluated
        apart = ("seed", "resources", "push_to_hub", "models.weights", "models.published")
        first, *others = models
        for other in others:
            keys = sorted({*settings[first], *settings[other]} - {*apart})
            differing = [key for key in keys if settings[first].get(key) != settings[other].get(key)]
            if differing:
                problem = f"{first!r} and {other!r} differ in {', '.join(differing)}, not in the seed alone"
                refuse(where, ["replicates", name], f"{problem}; make their other settings equal, or remove one")
        seeds = [settings[model]["seed"] for model in models]
        if len(set(seeds)) < len(seeds):
            problem = f"two of them have the same seed ({', '.join(map(str, seeds))}); give each its own"
            refuse(where, ["replicates", name], problem)


def _check_respondents(file: StudyFile, where: Where) -> None:
    """Check that respondents say where answers come from: weights or an endpoint for a model, files for recordings."""
    respondents: list[tuple[list[str], str, DomainSettings | JudgeSettings | SolverSettings | TeacherSettings]] = []
    if file.domains.by == "model":
        _check_names(["domains"], file.domains, file, where)
        respondents.append((["domains"], "model", file.domains))
    if file.judge:
        _check_names(["judge"], file.judge, file, where)
        respondents.append((["judge"], "model", file.judge))
    if file.teachers and not file.solvers:
        problem = "missing; teachers are asked the questions that solvers get wrong: add a solver, or remove teachers"
        refuse(where, ["solvers"], problem)
    respondents += [(["solvers", name], entry.kind, entry) for name, entry in file.solvers.items()]
    respondents += [(["teachers", name], entry.kind, entry) for name, entry in file.teachers.items()]
    for path, kind, entry in respondents:
        given = [key for key in ("weights", "endpoint") if getattr(entry, key) is not None]
        if kind == "model" and len(given) != 1:
            refuse(where, path, "a model that is asked needs exactly one of weights and endpoint")
        if kind != "model" and given:
            refuse(where, [*path, given[0]], f"the kind {kind} doesn't use this key; remove it")
        if kind == "recorded" and not getattr(entry, "path", ()):
            refuse(where, [*path, "path"], "missing; the kind recorded needs this key")
    if file.domains.by == "model":
        read_vocabulary(file.domains.vocabulary)
    if file.judge:
        _check_judge(file.judge, file, where)


def _check_names(path: list[str], entry: DomainSettings | JudgeSettings, file: StudyFile, where: Where) -> None:
    names: list[tuple[str, str | None, str, Mapping[str, Section]]] = [
        ("weights", entry.weights, "bases", file.bases),
        ("endpoint", entry.endpoint, "endpoints", file.endpoints),
        ("format", entry.format, "formats", file.formats),
    ]
    for key, name, place, declared in names:
        if name is not None:
            check_declared([*path, key], name, place, declared, where)


def _check_judge(judge: JudgeSettings, file: StudyFile, where: Where) -> None:
    for model in judge.models or ():
        check_declared(["judge", "models"], model, "models", file.models, where)
    if judge.hand_labels:
        if not Path(judge.hand_labels).is_file():
            refuse(where, ["judge", "hand_labels"], f"{judge.hand_labels}: no such file; correct the path")
        read_hand_labels(judge.hand_labels)


def _check_prompts(file: StudyFile, where: Where) -> None:
    """Check that each prompt shows the question, and only fields that exist."""
    for name, text in file.prompts:
        _check_prompt(["prompts", name], text, where)
    for name, model in file.models.items():
        if model.prompt is not None:
            _check_prompt(["models", name, "prompt"], model.prompt, where)
    if "{codes}" not in file.prompts.domain:
        refuse(where, ["prompts", "domain"], "doesn't show the vocabulary; add {codes}")
    if "{answer}" not in file.prompts.judge:
        refuse(where, ["prompts", "judge"], "doesn't show what is judged; add {answer}")


def _check_prompt(key: list[str], text: str, where: Where) -> None:
    known = _PROMPT_FIELDS.get(key[-1], {"question"})
    shown = set(re.findall(r"\{([A-Za-z_]\w*)\}", text))
    if unknown := sorted(shown - known):
        refuse(where, key, f"unknown field {{{unknown[0]}}}; known fields: {', '.join(sorted(known))}")
    if not shown & {"stem", "question"}:
        refuse(where, key, f"doesn't show the question; add {{{'question' if 'question' in known else 'stem'}}}")


def _check_sampling(file: StudyFile, where: Where) -> None:
    """Check that engines accept the temperatures, and that a solver's several attempts can differ."""
    temperatures = [(["solvers", name, "temperature"], entry.temperature) for name, entry in file.solvers.items()]
    temperatures += [(["teachers", name, "temperature"], entry.temperature) for name, entry in file.teachers.items()]
    temperatures.append((["domains", "temperature"], file.domains.temperature))
    if file.judge:
        temperatures.append((["judge", "temperature"], file.judge.temperature))
    for path, temperature in temperatures:
        if 0 < temperature < 0.01:
            refuse(where, path, "must be 0 or at least 0.01")
    for name, solver in file.solvers.items():
        if solver.attempts > 1 and solver.temperature == 0:
            problem = f"{solver.attempts} greedy generations would all be the same"
            refuse(where, ["solvers", name, "attempts"], f"{problem}; set temperature above 0 or attempts to 1")


def _rows_of(entry: QuestionSetSettings) -> str:
    """The settings that decide which rows a question set reads."""
    keys = ("config", "revision", "split", "files", "part", "where", "ids", "without_ids", "limit", "subjects")
    selection = {key: plain(value) for key in keys if (value := getattr(entry, key))}
    if not entry.hub:
        selection.pop("split", None)
    if isinstance(selection.get("files"), str):
        selection["files"] = [selection["files"]]
    return as_flag([entry.hub or sorted(entry.path), selection])
