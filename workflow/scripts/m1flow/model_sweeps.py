"""How each model is swept: the study's ``sweep``, with what the model's entry says instead laid over it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from m1flow.config_files import Where, refuse


def lay_over_study(resolved: dict, config: Mapping[str, Any]) -> dict[str, dict]:
    """Give each model of a config, in place, its whole sweep, so that it is checked and filled in as the study's is.

    Mappings merge and lists replace, as from one config file to the next; null takes a key of the study's away.

    Args:
        resolved: the config without nulls. What isn't well formed is left for the check to find.
        config: the config as it was given.

    Returns:
        What models say themselves, nulls included.
    """
    models, study = resolved.get("models"), resolved.get("sweep")
    own_sweeps = {}
    for name, entry in models.items() if isinstance(models, dict) else ():
        if not isinstance(entry, dict) or not isinstance(study, dict):
            continue
        own = config["models"][name].get("sweep")
        if own is not None and not isinstance(own, Mapping):
            continue
        if own:
            own_sweeps[name] = copy.deepcopy(dict(own))
        entry["sweep"] = _laid_over(study, own or {})
    return own_sweeps


def check(resolved: dict, own_sweeps: Mapping[str, dict], where: Where) -> None:
    """Refuse sweeps that no engine can do, and those that can't be told together.

    Raises:
        M1FlowError: a wrong setting; its file, key and cure.
    """
    sweeps = [(["sweep"], resolved["sweep"])]
    sweeps += [(["models", name, "sweep"], resolved["models"][name]["sweep"]) for name in own_sweeps]
    for path, sweep in sweeps:
        _check_sampling(path, sweep, where)
        _check_room(path, sweep, resolved["engine"]["max_model_len"], where)
    first = next((sweep["extensions"]["cues"][0] for _, sweep in sweeps if "extensions" in sweep), None)
    for name, own in own_sweeps.items():
        path = ["models", name, "sweep"]
        if "shards" in own:
            refuse(where, [*path, "shards"], "all models have equally many; set sweep.shards instead")
        cues = resolved["models"][name]["sweep"].get("extensions", {}).get("cues")
        if cues and first not in cues:
            problem = f"lacks {first!r}, by which tables compare the models' extensions; add it"
            refuse(where, [*path, "extensions", "cues"], problem)


def take_out(resolved: dict, own_sweeps: Mapping[str, dict]) -> dict[str, dict]:
    """The whole sweep of each model; its entry keeps what it says itself. How many jobs share it is the study's."""
    sweeps = {name: entry.pop("sweep") for name, entry in resolved["models"].items()}
    for name, own in own_sweeps.items():
        resolved["models"][name]["sweep"] = own
    return {name: {key: value for key, value in sweep.items() if key != "shards"} for name, sweep in sweeps.items()}


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict:
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


def _check_sampling(path: list[str], sweep: dict, where: Where) -> None:
    samples, temperature = sweep["samples"], sweep["temperature"]
    if 0 < temperature < 0.01:
        refuse(where, [*path, "temperature"], "must be 0 or at least 0.01")
    if samples > 1 and temperature == 0:
        problem = f"{samples} greedy generations would all be the same; set temperature above 0 or samples to 1"
        refuse(where, [*path, "samples"], problem)


def _check_room(path: list[str], sweep: dict, room: int | None, where: Where) -> None:
    for key, budgets in (
        (["budgets"], sweep["budgets"]),
        *(([part, "budgets"], sweep.get(part, {}).get("budgets", [])) for part in ("extensions", "permutations")),
    ):
        longest = max(budgets, default=0) + sweep["answer_tokens"]
        if room is not None and longest >= room:
            problem = f"with the answer, {longest} tokens leave no room for a prompt in engine.max_model_len, {room}"
            refuse(where, [*path, *key], f"{problem}; lower one or raise the other")
