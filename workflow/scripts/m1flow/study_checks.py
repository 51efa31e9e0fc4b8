"""What a schema can't say of a study: names that refer to others, settings that go together, files that are there."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from m1flow.config_files import Where, as_flag, refuse
from m1flow.shown_text import in_line

_PROMPT_FIELDS = {
    "question": {"context", "stem", "options"},
    "domain": {"question", "codes"},
    "judge": {"question", "options", "right_answer", "thinking", "answer"},
}
"""The fields that prompts may show; the others show the question alone."""

_MEASURED = (
    *("budgets", "extensions", "permutations", "shards"),
    *("answer_logprobs", "option_logprobs", "option_answer"),
)
"""Settings of a sweep that say what is measured, and change none of the answers."""


def leave_out_disabled(config: dict, where: Where) -> None:
    for section in ("sources", "benchmarks"):
        config[section] = {name: entry for name, entry in config[section].items() if entry["enabled"]}
        if not config[section] and section == "benchmarks":
            refuse(where, [section], "needs at least one entry that is enabled")


def resolve_against(config: dict, where: Where) -> None:
    """Which benchmarks' questions leave the pool: by default those of all that are enabled."""
    benchmarks = config["benchmarks"]
    enabled = [name for name, entry in benchmarks.items() if entry["enabled"]]
    for name in config["pool"].setdefault("against", enabled):
        _check_declared(["pool", "against"], name, "benchmarks", benchmarks, where)
        if name not in enabled:
            refuse(where, ["pool", "against"], f"{name!r} is not enabled; enable it, or take it out here")


def place_downloads(config: dict, where: Where) -> None:
    """What comes from the hub gets as path the folder that it is downloaded to."""
    for section in ("sources", "benchmarks", "teachers", "bases"):
        for name, entry in config[section].items():
            if "hub" in entry:
                folder = f"results/{config['study']}/downloads/{section}/{name}"
                if entry.get("path", folder) not in (folder, [folder]):
                    refuse(where, [section, name, "path"], "give either hub or path, not both")
                entry["path"] = folder
                continue
            for key in ("revision", "config", "files", "checksum"):
                if key in entry:
                    refuse(where, [section, name, key], "says what to take from the hub; add hub, or remove this key")


def check_references(config: dict, where: Where) -> None:
    """Every name must be declared, and settings must go together."""
    trained = {**config["bases"], **config["students"]}
    references = [
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
    ]
    for section, key, target in references:
        declared = trained if target == "bases or students" else config[target]
        for name, entry in config[section].items():
            if key == "format" and section == "teachers" and entry["kind"] == "formulary":
                continue
            if key in entry:
                _check_declared([section, name, key], entry[key], target, declared, where)
    for name, base in config["bases"].items():
        if name in config["students"]:
            refuse(where, ["students", name], "is also the name of a base; rename one")
        for source in base.get("corpus", {}).get("sources", ()):
            _check_declared(["bases", name, "corpus", "sources"], source, "sources", config["sources"], where)
    for section in ("sources", "benchmarks"):
        for name, entry in config[section].items():
            if "options_of" in entry and config["teachers"][entry["options_of"]]["kind"] != "recorded":
                refuse(where, [section, name, "options_of"], "must name a teacher of kind recorded")
            needed = {"formulary": ["questions", "chain"], "records": ["path", "fields"]}.get(
                entry["adapter"], ["path"]
            )
            useless = ("path", "hub", "fields", "part", "where", "subjects")
            for key in useless if entry["adapter"] == "formulary" else ("questions", "chain"):
                if entry.get(key):
                    refuse(where, [section, name, key], f"the adapter {entry['adapter']} has no use for it; remove it")
            for key in needed:
                if key not in entry:
                    needs = f"the adapter {entry['adapter']} needs this key{', or hub' if key == 'path' else ''}"
                    refuse(where, [section, name, key], f"missing; {needs}")
            if "chain" in entry and entry["chain"][0] > entry["chain"][1]:
                refuse(where, [section, name, "chain"], "the first number must not be above the second")
    for benchmark, entry in config["benchmarks"].items():
        for source, other in config["sources"].items():
            if entry.get("path") and _rows_of(entry) == _rows_of(other):
                refuse(where, ["benchmarks", benchmark], f"has the same rows as sources.{source}; remove one of them")
    for section in ("solvers", "teachers", "datasets"):
        if config[section] and not config["sources"]:
            refuse(where, [section], "there are no sources to take questions from; add sources, or remove this section")
    _check_respondents(config, where)
    for path, entry, low, high in [
        (["difficulty"], config["difficulty"], "min_pass_rate", "max_pass_rate"),
        *((["datasets", name], entry, "min_tokens", "max_tokens") for name, entry in config["datasets"].items()),
    ]:
        if low in entry and high in entry and entry[low] > entry[high]:
            refuse(where, [*path, low], f"{entry[low]} is more than {high}, {entry[high]}; nothing lies between")
    for name, student in config["students"].items():
        if ("steps" in student["training"]) == ("epochs" in student["training"]):
            refuse(where, ["students", name, "training"], "give either steps or epochs (null takes one away)")
        asked, batch = student["resources"], student["training"]["batch_size"]
        if (sharing := asked["nodes"] * (asked["gpus"] or asked["processes"])) > batch:
            problem = f"{sharing} processes can't share {batch} examples a step; ask for fewer"
            refuse(where, ["students", name, "resources"], f"{problem}, or raise training.batch_size")
    engine = config["engine"]
    sharing, gpus = engine["tensor_parallel_size"], engine["gpus"]
    if sharing > max(1, gpus) and engine["name"] != "transformers":  # which has no use for it
        problem = f"{sharing} GPUs can't share a model in a job that has {gpus}; set engine.gpus to {sharing}"
        refuse(where, ["engine", "tensor_parallel_size"], f"{problem}, or take this key away")
    if config["formulary"]["rare_drugs"] >= config["formulary"]["drugs"]:
        refuse(where, ["formulary", "rare_drugs"], "must be fewer than formulary.drugs")
    _check_replicates(config, where)
    _check_prompts(config, where)
    _check_sampling(config, where)


def _check_replicates(config: dict, where: Where) -> None:
    """Replicates must be students that differ in the seed of their training and in nothing else that matters."""
    for name, models in config["replicates"].items():
        made = {}
        for model in models:
            _check_declared(["replicates", name], model, "models", config["models"], where)
            entry = config["models"][model]
            student = config["students"].get(entry["weights"])
            if student is None:
                refuse(where, ["replicates", name], f"{model!r} is not fine-tuned in this study; take it out")
            sampled = {key: value for key, value in entry.get("sweep", {}).items() if key not in _MEASURED}
            asked = {f"models.{key}": value for key, value in (entry | {"sweep": sampled}).items()}
            made[model] = student | asked
        apart = ("seed", "resources", "push_to_hub", "models.weights", "models.published")
        first, *others = models
        for other in others:
            keys = sorted({*made[first], *made[other]} - {*apart})
            differing = [key for key in keys if made[first].get(key) != made[other].get(key)]
            if differing:
                problem = f"{first!r} and {other!r} differ in {', '.join(differing)}, not in the seed alone"
                refuse(where, ["replicates", name], f"{problem}; make them alike, or take one out")
        seeds = [made[model]["seed"] for model in models]
        if len(set(seeds)) < len(seeds):
            problem = f"two of them have the same seed ({', '.join(map(str, seeds))}); give each student a seed"
            refuse(where, ["replicates", name], problem)


def _check_respondents(config: dict, where: Where) -> None:
    """Who is asked must say where it is: weights or an endpoint for a model, files for recordings."""
    domains, judge = config["domains"], config["judge"]
    asked = [(["domains"], {"kind": "model", **domains})] if domains["by"] == "model" else []
    asked += [(["judge"], {"kind": "model", **judge})] if judge else []
    for path, entry in asked:
        for key, section in (("weights", "bases"), ("endpoint", "endpoints"), ("format", "formats")):
            if key in entry:
                _check_declared([*path, key], entry[key], section, config[section], where)
    for section in ("solvers", "teachers"):
        asked += [([section, name], entry) for name, entry in config[section].items()]
    for path, entry in asked:
        given = [key for key in ("weights", "endpoint") if key in entry]
        if entry["kind"] == "model" and len(given) != 1:
            refuse(where, path, "a model that is asked needs exactly one of weights and endpoint")
        if entry["kind"] != "model" and given:
            refuse(where, [*path, given[0]], f"the kind {entry['kind']} has no use for it; remove it")
        if entry["kind"] == "recorded" and not entry.get("path"):
            refuse(where, [*path, "path"], "missing; the kind recorded needs this key")
    if domains["by"] == "model":
        from m1flow.vocabulary import read_vocabulary  # which needs pandas: not wherever a study is looked at

        read_vocabulary(domains["vocabulary"])
    for model in judge.get("models", ()):
        _check_declared(["judge", "models"], model, "models", config["models"], where)
    if "hand_labels" in judge:
        if not Path(judge["hand_labels"]).is_file():
            refuse(where, ["judge", "hand_labels"], f"{judge['hand_labels']}: no such file; correct the path")
        from m1flow.error_labels import read_hand_labels  # which needs pandas, too

        read_hand_labels(judge["hand_labels"])


def _check_prompts(config: dict, where: Where) -> None:
    """Each prompt must show the question, and no field that there isn't."""
    prompts = config["prompts"]
    for name, text in prompts.items():
        _check_prompt(["prompts", name], text, where)
    for name, model in config["models"].items():
        if "prompt" in model:
            _check_prompt(["models", name, "prompt"], model["prompt"], where)
    if "{codes}" not in prompts["domain"]:
        refuse(where, ["prompts", "domain"], "doesn't show the vocabulary; put {codes} in")
    if "{answer}" not in prompts["judge"]:
        refuse(where, ["prompts", "judge"], "doesn't show what is judged; put {answer} in")


def _check_prompt(key: list[str], text: str, where: Where) -> None:
    known = _PROMPT_FIELDS.get(key[-1], {"question"})
    shown = set(re.findall(r"\{([A-Za-z_]\w*)\}", text))
    if unknown := sorted(shown - known):
        refuse(where, key, f"unknown field {{{unknown[0]}}}; there are {', '.join(sorted(known))}")
    if not shown & {"stem", "question"}:
        refuse(where, key, f"doesn't show the question; put {{{'question' if 'question' in known else 'stem'}}} in")


def _check_sampling(config: dict, where: Where) -> None:
    """Temperatures that engines take, and several generations only where they can differ."""
    for section in ("solvers", "teachers"):
        for name, entry in config[section].items():
            if 0 < entry["temperature"] < 0.01:
                refuse(where, [section, name, "temperature"], "must be 0 or at least 0.01")
    for section in ("domains", "judge"):
        if 0 < config[section].get("temperature", 0) < 0.01:
            refuse(where, [section, "temperature"], "must be 0 or at least 0.01")
    for name, solver in config["solvers"].items():
        if solver["attempts"] > 1 and solver["temperature"] == 0:
            problem = f"{solver['attempts']} greedy generations would all be the same"
            refuse(where, ["solvers", name, "attempts"], f"{problem}; set temperature above 0 or attempts to 1")


def check_paths(config: dict, where: Where) -> None:
    """Local files must be there; their paths become relative to where Snakemake runs, always as lists."""
    folder = Path(config["data_folder"])
    for key in (["published"], ["domains", "vocabulary"], ["judge", "hand_labels"]):
        value = config
        for part in key:
            value = value.get(part, "")
        _check_characters(value, key, where)
    for name, base in config["bases"].items():
        _check_characters(base.get("path", ""), ["bases", name, "path"], where)
        if "path" in base and "hub" not in base and not Path(base["path"]).is_dir():
            refuse(where, ["bases", name, "path"], f"{base['path']}: no such model folder; correct the path")
    for section in ("sources", "benchmarks", "solvers", "teachers"):
        for name, entry in config[section].items():
            for key in ("ids", "without_ids") if section in ("sources", "benchmarks") else ():
                entry[key] = _as_list(entry.get(key, []))
                for path in entry[key]:
                    _check_characters(path, [section, name, key], where)
                    if not Path(path).is_file():
                        refuse(where, [section, name, key], f"{path}: no such list of ids; correct the path")
            if "hub" in entry:
                entry["path"] = _as_list(entry["path"])
                continue
            paths = [str(folder / path) for path in _as_list(entry.get("path", []))]
            for path in paths:
                _check_characters(path, [section, name, "path"], where)
                if not Path(path).exists():
                    refuse(where, [section, name, "path"], f"{path}: no such file; mend the path or data_folder")
            entry["path"] = paths
    config["data_folder"] = "."
    _check_published(config, where)


def _check_characters(path: str, key: list[str], where: Where) -> None:
    """Braces would be Snakemake's wildcards, control characters the terminal's; all else is quoted where it is used."""
    if "{" in path or "}" in path or in_line(path) != path:
        refuse(where, key, f"{path!r}: a path has no braces and no control characters; rename the file or link to it")


def _check_published(config: dict, where: Where) -> None:
    """The file of published numbers must have every name that a model is published as."""
    published_as = {name: entry["published"] for name, entry in config["models"].items() if "published" in entry}
    if not published_as:
        return
    if not Path(config["published"]).is_file():
        refuse(where, ["published"], f"{config['published']}: no such file; correct the path")
    from m1flow.published import names_in  # which needs pandas: not wherever a study is looked at

    names = names_in(config["published"])
    for name, entry in published_as.items():
        _check_declared(["models", name, "published"], entry, config["published"], names, where)


def _check_declared(key: list[str], name: str, place: str, declared: Collection[str], where: Where) -> None:
    """Refuse a name that there isn't in its place, a section of the config or a file."""
    if name not in declared:
        refuse(where, key, f"{name!r} is not in {place} ({', '.join(declared)})", name, declared)


def _rows_of(entry: dict) -> str:
    """What decides which rows a question set reads."""
    keys = ("config", "revision", "split", "files", "part", "where", "ids", "without_ids", "limit", "subjects")
    place = entry.get("hub") or sorted(_as_list(entry.get("path", [])))
    selection = {key: entry[key] for key in keys if entry.get(key) and (key != "split" or "hub" in entry)}
    return as_flag([place, selection])


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
