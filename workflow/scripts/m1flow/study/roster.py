"""The models of a study: every evaluated model with its training data, in the order reports show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from m1flow.files.json import as_flag

if TYPE_CHECKING:  # the rules need `made_how`, and Snakemake's environment may have no pandas
    import pandas as pd

UNFILTERED = ("random", "all")
"""Recipes that take questions of every difficulty."""
_WHERE = ("resources", "push_to_hub")
"""Keys of a student that don't decide how it is made: where it is trained and published."""


@dataclass(frozen=True)
class Model:
    """One evaluated model.

    Attributes:
        name: its name in the config.
        thinks: whether it has a thinking budget; a direct model has one cell per benchmark.
        traces: number of training examples that it was fine-tuned on; 0 for a base.
        adapters: "lora" for a student with only adapters trained, else "".
        recipe: recipe by which its training examples were selected.
        base: name of the base that it was made from.
        dataset: name of the dataset that it was fine-tuned on.
        family: models of a family differ only in the number of training traces.
        again: whether the same weights are also evaluated under another name, which counts as the plain one.
    """

    name: str
    thinks: bool
    traces: int = 0
    adapters: str = ""
    recipe: str = ""
    base: str = ""
    dataset: str = ""
    family: str = ""
    again: bool = False

    @property
    def label(self) -> str:
        """A short description of how the model was made."""
        if not self.dataset:
            return "thinks, not fine-tuned here" if self.thinks else "answers directly"
        plain = {"hard": "hard questions", "random": "no difficulty filter", "all": "no filter"}
        how = "LoRA" if self.adapters == "lora" else "full fine-tuning"
        what = plain.get(self.recipe, self.recipe)
        return f"{self.traces:,} traces, {what}, {how}"


def roster(config: Mapping[str, Any], accuracy: pd.DataFrame, dataset_sizes: Mapping[str, int]) -> list[Model]:
    """Every model of the accuracy table: first those that answer directly, then the others by adapters, recipe, number
    of traces and place in the config.

    Args:
        config: the resolved study config; of models that it doesn't name, only what the table says is known.
        accuracy: rows of the accuracy contract.
        dataset_sizes: the number of rows of each dataset, by its name.
    """
    budgets = accuracy.groupby("model")["budget"].max()
    listed = dict.fromkeys([*config.get("models", {}), *map(str, budgets.index)])
    models = [
        _describe(name, bool(budgets[name] > 0), config, dataset_sizes) for name in listed if name in budgets.index
    ]
    return sorted(models, key=lambda m: (m.thinks, m.adapters == "lora", m.recipe in UNFILTERED, m.traces))


def made_how(config: Mapping[str, Any]) -> dict[str, dict[str, dict]]:
    """The part of a resolved config that `roster` reads; changes to the rest don't affect which models are compared."""
    return {
        "models": {
            name: {key: entry[key] for key in ("weights", "sweep") if key in entry}
            for name, entry in config["models"].items()
        },
        "students": {name: _without(entry, *_WHERE) for name, entry in config["students"].items()},
        "datasets": config["datasets"],
    }


def headline(models: list[Model]) -> Model | None:
    """The model that findings are about: the one with all weights trained on the largest number of filtered traces.

    It is chosen by how it was made, never by its results. Of models with equally many traces, the one whose recipe was
    tried with the most different numbers of traces comes first. A model that is evaluated again is chosen only if no
    other thinks.

    Args:
        models: the models from `roster`.
    """
    thinking = [model for model in models if model.thinks]
    if not thinking:
        return None
    amounts = Counter(family for family, _ in {(model.family, model.traces) for model in thinking})
    return max(
        thinking,
        key=lambda m: (
            not m.again,
            bool(m.dataset) and not m.adapters,
            m.recipe not in UNFILTERED,
            m.traces,
            amounts[m.family],
        ),
    )


def data_series(models: list[Model]) -> list[Model]:
    """The headline model's family by number of training traces, one model each; empty if the number was not varied."""
    lead = headline(models)
    if lead is None or not lead.dataset:
        return []
    amounts = {lead.traces: lead}
    for model in models:
        if model.family == lead.family and not model.again:
            amounts.setdefault(model.traces, model)
    return [amounts[traces] for traces in sorted(amounts)] if len(amounts) > 1 else []


def shared_budget(rows: pd.DataFrame, names: Iterable[str]) -> int | None:
    """The largest budget that several models were measured with, without extensions; None if they share none.

    Args:
        rows: rows with model, budget and extensions.
        names: the models.
    """
    plain = rows[rows["extensions"] == 0]
    budgets = [set(plain.loc[plain["model"] == name, "budget"]) for name in names]
    shared = set.intersection(*budgets) if budgets else ()
    return int(max(shared)) if shared else None


def _describe(name: str, thinks: bool, config: Mapping[str, Any], sizes: Mapping[str, int]) -> Model:
    entries = config.get("models", {})
    entry = entries.get(name, {})
    weights = entry.get("weights", name)
    # Of several entries of the same weights, the plain one is named like them or, if none is, has no sweep of its own.
    same = [n for n, e in entries.items() if e.get("weights", n) == weights]
    again = name in same and name != min(same, key=lambda n: (n != weights, bool(entries[n].get("sweep"))))
    student = config.get("students", {}).get(weights)
    if student is None:
        return Model(name, thinks, base=weights, family=weights, again=again)
    dataset = config.get("datasets", {}).get(student["dataset"], {})
    traces = sizes.get(student["dataset"], dataset.get("size") or 0)
    family = as_flag([_without(student, "dataset", *_WHERE), _without(dataset, "size")])
    adapters, recipe = student.get("adapters", ""), dataset.get("recipe", "")
    return Model(name, thinks, int(traces), adapters, recipe, student["base"], student["dataset"], family, again)


def _without(entry: Mapping[str, Any], *keys: str) -> dict:
    return {key: value for key, value in entry.items() if key not in keys}
