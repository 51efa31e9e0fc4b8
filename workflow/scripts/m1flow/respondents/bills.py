"""The results and costs of a stage's answers: counts by outcome, tokens used, and endpoints' bills."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from m1flow.files.parquet import read_table
from m1flow.respondents.chat_opening import ChatOpening
from m1flow.study.seams.chats import CHATS

_RIGHT = {"attempts": "correct", "traces": "verified"}
_TOKENS = {"attempts": "tokens", "traces": "completion_tokens", "judged": "completion_tokens"}


def outcomes(path: Path | str, contract: str) -> dict[str, Any]:
    """Counts of a table of attempts or traces: all rows, the right ones, and rows by outcome."""
    right = _RIGHT[contract]
    table = read_table(path, contract, columns=[right, "outcome"])
    counted = {str(name): int(n) for name, n in table["outcome"].value_counts().sort_index().items()}
    return {contract: len(table), right: int(table[right].sum()), "outcome": counted}


def bill(path: Path | str, contract: str, flags: argparse.Namespace, where: str) -> dict[str, Any]:
    """The tokens that a table's rows used, and the endpoint's bills for them.

    Args:
        path: a table of attempts, traces or judged answers.
        contract: the table's contract.
        flags: the flags of `chat_flags.add_chat_flags`.
        where: the entry's place in the study, under which the bills were entered.

    Returns:
        answers, prompt_tokens, completion_tokens and cost (US dollars; None without a price); endpoint and billed (see
        `ledger.Ledger.totals`), both None for a local model.
    """
    table = read_table(path, contract, columns=["prompt_tokens", _TOKENS[contract], "cost"])
    used = {
        "answers": len(table),
        "prompt_tokens": int(table["prompt_tokens"].sum()),
        "completion_tokens": int(table[_TOKENS[contract]].sum()),
        "cost": None if table["cost"].isna().all() else float(table["cost"].sum()),
    }
    return used | billed(flags, where)


def billed(flags: argparse.Namespace, where: str) -> dict[str, Any]:
    """The endpoint's name and all its bills entered under ``where``; both None for a local model."""
    if not flags.endpoint:
        return {"endpoint": None, "billed": None}
    opening = CHATS.load("endpoint", ChatOpening)
    return {"endpoint": flags.endpoint.name, "billed": opening.billed(flags.journal, where)}
