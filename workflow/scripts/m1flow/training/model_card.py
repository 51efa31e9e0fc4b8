"""A trained model's card: its origin, training data, recipe and licence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from m1flow.files import parquet

_CURVE_ROWS = 10


def model_card(record: Mapping[str, Any], curve: str) -> str:
    """A model card in Markdown.

    Args:
        record: the content of ``m1flow/training.json``.
        curve: the loss curve as CSV.
    """
    settings, counts = record["settings"], record["counts"]
    figures = {
        "parameters": counts["parameters"],
        "training examples": counts["examples"],
        "left out for their length": counts["dropped"],
        "truncated": counts["truncated"],
        "optimiser steps": counts["steps"],
        "tokens trained on": counts["seen_tokens"],
        "final loss": f"{record['final_loss']:.4f}",
    }
    table = "".join(f"| {what} | {figure} |\n" for what, figure in figures.items())
    return (
        f"---\n{yaml.safe_dump(_header(record), sort_keys=False)}---\n\n"
        f"# {settings['name']}\n\n{_made(record)} Not for medical use.\n\n"
        f"| | |\n|---|---|\n{table}\n{_data(record)}"
        "## Loss\n\nNats per trained token; all of it in `m1flow/loss.csv`.\n\n"
        f"{_curve_table(curve)}\n"
        "## Recipe\n\nVersions and inputs are in `m1flow/provenance.json`. Settings, as resolved:\n\n"
        f"```json\n{json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False)}\n```\n"
    )


def licence_of(folder: Path | str) -> dict[str, str]:
    """The licence that a model folder states: the ``license`` keys of its card's header; empty if it states none."""
    with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        parts = (Path(folder) / "README.md").read_text(encoding="utf-8").split("---\n", 2)
        header = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
        if isinstance(header, dict):
            return {key: str(header[key]) for key in ("license", "license_name", "license_link") if header.get(key)}
    return {}


def data_of(dataset: Path | str) -> dict[str, Any]:
    """The name of a datasets table, and the settings that selected it."""
    parameters = parquet.read_provenance(dataset).get("parameters", {})
    keys = ("teacher", "recipe", "size", "seed", "min_tokens", "max_tokens", "format")
    chosen = parameters.get("spec", parameters)
    chosen = chosen if isinstance(chosen, dict) else {}
    return {"dataset": Path(dataset).stem} | {key: chosen[key] for key in keys if key in chosen}


def _header(record: Mapping[str, Any]) -> dict[str, Any]:
    header: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation"}
    header |= record.get("licence", {})
    if record["settings"]["kind"] == "student":
        header["base_model"] = record["base_model"]
    return header | {"tags": ["m1flow"]}


def _made(record: Mapping[str, Any]) -> str:
    settings = record["settings"]
    if settings["kind"] == "base":
        return "A Qwen2 model from random weights, trained by m1flow on its own corpus."
    licence = record.get("licence", {}).get("license_name") or record.get("licence", {}).get("license")
    terms = f"The base's licence, {licence}, holds for it." if licence else "The base's folder states no licence."
    base, how = record["base_model"], f"method: {settings['method']}"
    how += f", adapters: {settings['adapters']}" if settings["adapters"] else ""
    return f"Fine-tuned by m1flow from `{base}` on reasoning traces ({how}). {terms}"


def _data(record: Mapping[str, Any]) -> str:
    data = record.get("data")
    if not data:
        return ""
    rows = "".join(f"| {key} | {json.dumps(value, ensure_ascii=False)} |\n" for key, value in data.items())
    return f"## Data\n\n| | |\n|---|---|\n{rows}\n"


def _curve_table(curve: str) -> str:
    rows = [line.split(",") for line in curve.splitlines()[1:]]
    every = max(1, len(rows) // _CURVE_ROWS)
    shown = rows[:1] + rows[every - 1 :: every] if every > 1 else rows
    lines = "".join(f"| {step} | {float(loss):.4f} |\n" for step, loss, *_ in shown)
    return f"| step | loss |\n|---|---|\n{lines}"
