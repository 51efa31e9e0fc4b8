"""The costs of solvers, teachers, domain labelling and the judge, and what endpoints billed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.json import read_json


def make(*, bills: Sequence[Path]) -> pd.DataFrame:
    """A row for each solver and teacher, for domain labelling and for the judge.

    Args:
        bills: the stages' reports, {attempts,traces}/{name}.report.json, domains.report.json and judged.report.json,
            each with a ``bill``.

    Returns:
        The table's columns. The ``billed_*`` columns hold all that an endpoint charged, including repeats and answers
        that weren't used.
    """
    rows = []
    for path in bills:
        charged = read_json(path)["bill"]
        billed = charged.pop("billed") or {}
        stage = path.parent.name if path.parent.name in ("attempts", "traces") else path.name.partition(".")[0]
        row = {"stage": stage, "name": path.name.removesuffix(".report.json"), **charged}
        row |= {f"billed_{key}": billed.get(key) for key in ("responses", "prompt_tokens", "completion_tokens", "cost")}
        rows.append(row | {"wasted_responses": billed.get("wasted", {}).get("responses")})
    table = pd.DataFrame(rows, columns=TABLE.names)
    return table.astype({name: "Int64" for name in TABLE.names if name.endswith(("tokens", "responses", "answers"))})


TABLE = Table(
    title="What solvers, teachers, domains and the judge cost",
    columns={
        "stage": Kind.TEXT,
        "name": Kind.TEXT,
        "endpoint": Kind.TEXT,
        "answers": Kind.COUNT,
        "prompt_tokens": Kind.COUNT,
        "completion_tokens": Kind.COUNT,
        "cost": Kind.MONEY,
        "billed_responses": Kind.COUNT,
        "billed_prompt_tokens": Kind.COUNT,
        "billed_completion_tokens": Kind.COUNT,
        "billed_cost": Kind.MONEY,
        "wasted_responses": Kind.COUNT,
    },
    make=make,
)
