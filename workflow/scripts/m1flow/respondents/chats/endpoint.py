"""A model behind an endpoint, whose bills are kept in a ledger beside the journal."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import Chat
from m1flow.endpoints.client import EndpointChat, endpoint_identity
from m1flow.endpoints.ledger import Ledger, ledger_path
from m1flow.files.journal import Journal
from m1flow.respondents.chat_opening import ChatOpening


@contextlib.contextmanager
def open_endpoint(flags: argparse.Namespace, where: str, journal: Journal) -> Iterator[JournalledChat]:
    """Open a chat with the endpoint of the flags; it connects when it is first asked.

    Raises:
        M1FlowError: the endpoint can't be used.
    """
    endpoint = flags.endpoint
    thinks = bool(flags.formats[flags.spec.format].thinking_start)
    with Ledger(ledger_path(flags.journal)) as ledger:

        def connect() -> Chat:
            return EndpointChat(endpoint.name, endpoint, ledger=ledger, purpose=where, thinks=thinks)

        with JournalledChat(endpoint_identity(endpoint, thinks), connect, journal, flags.spec.max_tokens) as chat:
            yield chat


def billed(journal: Path | str, where: str) -> dict[str, Any] | None:
    """The bills entered under an entry's place in the study."""
    with Ledger(ledger_path(journal)) as ledger:
        return ledger.totals()["purposes"].get(where)


CHAT = ChatOpening(open=open_endpoint, billed=billed)
