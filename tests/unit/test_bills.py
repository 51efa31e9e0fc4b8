"""Bills: what was used is counted from the tables, what was charged from the ledger, and both stand in one table."""

from __future__ import annotations

from argparse import Namespace

import pandas as pd
import pytest

from m1flow.bills import bill, outcomes
from m1flow.chat_flags import ledger_path
from m1flow.costs import COLUMNS, cost_table
from m1flow.ledger import Account, Ledger, Usage
from m1flow.storage import CONTRACTS, write_json, write_rows

TRACE = {"teacher": "t", "reasoning": "r", "answer": "a", "parsed_index": None, "hard": True, "sampled": False}


@pytest.fixture
def traces(tmp_path):
    def write(*rows):
        path = tmp_path / "traces" / "t.parquet"
        made = [
            TRACE | {"question_id": f"q{n}", "outcome": outcome, "verified": outcome == "verified"} | tokens
            for n, (outcome, tokens) in enumerate(rows)
        ]
        write_rows(path, made, "traces")
        return path

    return write


def spent(prompt, completion, cost):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}


def test_a_stages_table_is_counted(traces):
    path = traces(("verified", spent(10, 5, 0.25)), ("wrong", spent(20, 7, 0.5)), ("wrong", spent(1, 1, None)))
    assert outcomes(path, "traces") == {"traces": 3, "verified": 1, "outcome": {"verified": 1, "wrong": 2}}
    used = bill(path, "traces", Namespace(endpoint=None), "teachers.t")
    expected = {"answers": 3, "prompt_tokens": 31, "completion_tokens": 13, "cost": 0.75}
    assert used == expected | {"endpoint": None, "billed": None}


def test_an_unknown_price_is_not_zero(traces):
    assert bill(traces(("wrong", spent(1, 1, None))), "traces", Namespace(endpoint=None), "x")["cost"] is None


def test_what_an_endpoint_charged_stands_beside_what_was_used(traces, tmp_path):
    path, journal = traces(("verified", spent(10, 5, 0.25))), tmp_path / "journals" / "far.jsonl"
    with Ledger(ledger_path(journal)) as ledger:
        account = Account("far", "teachers.t", "s")
        ledger.enter(account, Usage(10, 0, 5), 0.25)
        ledger.enter(account, Usage(10, 0, 9), 0.5, wasted="no choices")
        ledger.enter(Account("far", "solvers.s", "s"), Usage(100, 0, 1), 1.0)
    flags = Namespace(endpoint={"name": "far"}, journal=journal)
    write_json(tmp_path / "traces" / "t.report.json", {"bill": bill(path, "traces", flags, "teachers.t")})
    local = {"answers": 4, "prompt_tokens": 8, "completion_tokens": 2, "cost": None, "endpoint": None, "billed": None}
    write_json(tmp_path / "domains.report.json", {"bill": local})
    table = cost_table([tmp_path / "traces" / "t.report.json", tmp_path / "domains.report.json"])
    assert list(table.columns) == COLUMNS
    assert table["stage"].tolist() == ["traces", "domains"] and table["name"].tolist() == ["t", "domains"]
    row = table.iloc[0]
    assert (row["answers"], row["prompt_tokens"], row["completion_tokens"], row["cost"]) == (1, 10, 5, 0.25)
    assert (row["billed_responses"], row["billed_prompt_tokens"], row["billed_completion_tokens"]) == (2, 20, 14)
    assert row["billed_cost"] == 0.75 and row["wasted_responses"] == 1
    assert pd.isna(table.iloc[1]["billed_cost"])


def test_the_contracts_hold_what_is_summed():
    assert {"tokens", "prompt_tokens", "cost"} <= set(CONTRACTS["attempts"].names)
