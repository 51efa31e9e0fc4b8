"""The sweep of each model: the study's ``sweep``, with the settings of the model's entry laid over it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from m1flow.study.config_files import Where, refuse
from m1flow.study.seams.engines import ENGINES, EngineAbilities
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.study_file import StudyFile
from m1flow.study.settings.sweep import SweepSettings


def keep_nulls(values: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Put back, in place, the nulls of models' own sweeps, each of which removes a key of the study's sweep.

    Args:
        values: the config without nulls. Malformed parts are left for the check to find.
        config: the config as it was given.
    """
    models = values.get("models")
    for name, entry in models.items() if isinstance(models, dict) else ():
        if isinstance(entry, dict) and isinstance(config["models"][name].get("sweep"), Mapping):
            entry["sweep"] = copy.deepcopy(dict(config["models"][name]["sweep"]))
    return values


def of_models(file: StudyFile) -> dict[str, SweepSettings]:
    """The full sweep settings of each model, without the number of shards, which the study sets for all models.

    Mappings merge and lists replace, as between config files; null removes a key of the study's sweep.

    Raises:
        Rejected: a model's own setting is wrong.
    """
    study = file.sweep.dump()
    del study["shards"]
    sweeps = {}
    for name, model in file.models.items():
        path = ("models", name, "sweep")
        own = model.sweep or {}
        if "shards" in own:
            raise Rejected((*path, "shards"), "all models have the same number of shards; set sweep.shards instead")
        sweeps[name] = read(SweepSettings, _laid_over(study, own), path)
    return sweeps


def check(file: StudyFile, sweeps: Mapping[str, SweepSettings], where: Where) -> None:
    """Refuse sweeps that no engine can run, and sweeps that tables can't compare.

    Raises:
        M1FlowError: a setting is wrong; the message names its file, key and the cure.
    """
    own = {name: sweeps[name] for name, model in file.models.items() if model.sweep}
    places = [(["sweep"], file.sweep), *((["models", name, "sweep"], sweep) for name, sweep in own.items())]
    for path, sweep in places:
        _check_sampling(path, sweep, where)
        _check_room(path, sweep, file.engine.max_model_len, where)
        _check_abilities(path, sweep, file.engine, where)
    first = next((sweep.extensions.cues[0] for _, sweep in places if sweep.extensions), None)
    for name, sweep in own.items():
        if sweep.extensions and first not in sweep.extensions.cues:
            problem = f"lacks {first!r}, the cue with which tables compare the models' extensions; add it"
            refuse(where, ["models", name, "sweep", "extensions", "cues"], problem)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            under = merged.get(key)
            merged[key] = _laid_over(under if isinstance(under, Mapping) else {}, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _check_sampling(path: list[str], sweep: SweepSettings, where: Where) -> None:
    if 0 < sweep.temperature < 0.01:
        refuse(where, [*path, "temperature"], "must be 0 or at least 0.01")
    if sweep.samples > 1 and sweep.temperature == 0:
        problem = f"{sweep.samples} greedy generations would all be the same"
        refuse(where, [*path, "samples"], f"{problem}; set temperature above 0 or samples to 1")


def _check_abilities(path: list[str], sweep: SweepSettings, engine: EngineSettings, where: Where) -> None:
    """Check that every engine that may run the sweep can do everything that it asks for."""
    for name in engine.candidates:
        abilities = ENGINES.load(name, EngineAbilities)
        if sweep.answer_stop == "box" and not abilities.stops_at_text:
            refuse(where, [*path, "answer_stop"], f"the engine {name} can't stop at a text; set this key to end")
        for key in ("answer_logprobs", "option_logprobs"):
            if getattr(sweep, key) and not abilities.gives_logprobs:
                refuse(where, [*path, key], f"the engine {name} gives no log-probabilities; set this key to false")


def _check_room(path: list[str], sweep: SweepSettings, room: int | None, where: Where) -> None:
    places = [(["budgets"], sweep.budgets)]
    if sweep.extensions:
        places.append((["extensions", "budgets"], sweep.extensions.budgets))
    if sweep.permutations:
        places.append((["permutations", "budgets"], sweep.permutations.budgets or ()))
    for key, budgets in places:
        longest = max(budgets, default=0) + sweep.answer_tokens
        if room is not None and longest >= room:
            problem = f"with the answer, {longest} tokens leave no room for a prompt in engine.max_model_len ({room})"
            refuse(where, [*path, *key], f"{problem}; lower one or raise the other")
