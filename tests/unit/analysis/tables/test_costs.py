"""Costs: what an endpoint charged stands beside what was used."""

from __future__ import annotations

from argparse import Namespace

import pandas as pd

from helpers.trace_tables import spent, write_traces
from m1flow.analysis.tables.costs import TABLE, make
from m1flow.endpoints.ledger import Account, Ledger, Usage, ledger_path
from m1flow.files.json import write_json
from m1flow.respondents.bills import bill
from m1flow.study.settings.endpoints import NamedEndpoint
from m1flow.study.settings.problems import read


def test_what_an_endpoint_charged_stands_beside_what_was_used(tmp_path):
    path, journal = write_traces(tmp_path, ("verified", spent(10, 5, 0.25))), tmp_path / "journals" / "far.jsonl"
    with Ledger(ledger_path(journal)) as ledger:
        account = Account("far", "teachers.t", "s")
        ledger.enter(account, Usage(10, 0, 5), 0.25)
        ledger.enter(account, Usage(10, 0, 9), 0.5, wasted="no choices")
        ledger.enter(Account("far", "solvers.s", "s"), Usage(100, 0, 1), 1.0)
    endpoint = read(NamedEndpoint, {"name": "far", "url": "http://a/v1", "model": "m"})
    flags = Namespace(endpoint=endpoint, journal=journal)
    write_json(tmp_path / "traces" / "t.report.json", {"bill": bill(path, "traces", flags, "teachers.t")})
    local = {"answers": 4, "prompt_tokens": 8, "completion_tokens": 2, "cost": None, "endpoint": None, "billed": None}
    write_json(tmp_path / "domains.report.json", {"bill": local})
    table = make(bills=[tmp_path / "traces" / "t.report.json", tmp_path / "domains.report.json"])
    assert list(table.columns) == TABLE.names
    assert table["stage"].tolist() == ["traces", "domains"] and table["name"].tolist() == ["t", "domains"]
    row = table.iloc[0]
    assert (row["answers"], row["prompt_tokens"], row["completion_tokens"], row["cost"]) == (1, 10, 5, 0.25)
    assert (row["billed_responses"], row["billed_prompt_tokens"], row["billed_completion_tokens"]) == (2, 20, 14)
    assert row["billed_cost"] == 0.75 and row["wasted_responses"] == 1
    assert pd.isna(table.iloc[1]["billed_cost"])
