"""The table of what solvers, teachers, domains and the judge cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from m1flow.storage import read_json

COLUMNS = [
    *("stage", "name", "endpoint", "answers", "prompt_tokens", "completion_tokens", "cost"),
    *("billed_responses", "billed_prompt_tokens", "billed_completion_tokens", "billed_cost", "wasted_responses"),
]
"""Of the table of costs. Billed is all that an endpoint charged, repeats and answers that went unused included."""


def cost_table(reports: Iterable[Path | str]) -> pd.DataFrame:
    """The study's table of costs, a row for each solver and teacher, the domains and the judge.

    Args:
        reports: the stages' JSON files of counts, each with its ``bill``.
    """
    rows = []
    for path in map(Path, reports):
        charged = read_json(path)["bill"]
        billed = charged.pop("billed") or {}
        stage = path.parent.name if path.parent.name in ("attempts", "traces") else path.name.partition(".")[0]
        row = {"stage": stage, "name": path.name.removesuffix(".report.json"), **charged}
        row |= {f"billed_{key}": billed.get(key) for key in ("responses", "prompt_tokens", "completion_tokens", "cost")}
        rows.append(row | {"wasted_responses": billed.get("wasted", {}).get("responses")})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({name: "Int64" for name in COLUMNS if name.endswith(("tokens", "responses", "answers"))})
