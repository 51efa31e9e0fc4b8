"""A model behind an endpoint: asked once, and billed in the ledger beside the journal under its place in the study."""

from __future__ import annotations

from argparse import Namespace

from helpers.fault_proxy import FaultProxy
from m1flow.chat.turns import UserTurn
from m1flow.endpoints.ledger import ledger_path
from m1flow.files.journal import Journal
from m1flow.respondents.chats.endpoint import billed, open_endpoint
from m1flow.study.settings.endpoints import NamedEndpoint
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings


def test_answers_come_from_the_endpoint_once_and_bills_lie_beside_the_journal(tmp_path):
    path = tmp_path / "journals" / "s.jsonl"
    with FaultProxy() as proxy:
        flags = Namespace(journal=path, formats={"direct": FormatSettings()}, spec=SolverSettings(max_tokens=9))
        flags.endpoint = read(NamedEndpoint, {"name": "far", "url": proxy.url, "model": "tiny"})
        for _ in range(2):
            with Journal(path) as journal, open_endpoint(flags, "solvers.s", journal) as chat:
                chat.ask([UserTurn("k", "fever?")], "asking", 1)
                assert chat.turn(UserTurn("k", "fever?")).answer == "FEVER?"
    assert proxy.account.responses == 1 and ledger_path(path).is_file()
    assert billed(path, "solvers.s")["responses"] == 1 and billed(path, "solvers.t") is None
