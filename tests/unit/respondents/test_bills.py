"""Bills: what a stage made of its answers and used is counted from its table."""

from __future__ import annotations

from argparse import Namespace

from helpers.trace_tables import spent, write_traces
from m1flow.files.contracts import CONTRACTS
from m1flow.respondents.bills import bill, outcomes


def test_a_stages_table_is_counted(tmp_path):
    path = write_traces(
        tmp_path, ("verified", spent(10, 5, 0.25)), ("wrong", spent(20, 7, 0.5)), ("wrong", spent(1, 1, None))
    )
    assert outcomes(path, "traces") == {"traces": 3, "verified": 1, "outcome": {"verified": 1, "wrong": 2}}
    used = bill(path, "traces", Namespace(endpoint=None), "teachers.t")
    expected = {"answers": 3, "prompt_tokens": 31, "completion_tokens": 13, "cost": 0.75}
    assert used == expected | {"endpoint": None, "billed": None}


def test_an_unknown_price_is_not_zero(tmp_path):
    assert (
        bill(write_traces(tmp_path, ("wrong", spent(1, 1, None))), "traces", Namespace(endpoint=None), "x")["cost"]
        is None
    )


def test_the_contracts_hold_what_is_summed():
    assert {"tokens", "prompt_tokens", "cost"} <= set(CONTRACTS["attempts"].names)
