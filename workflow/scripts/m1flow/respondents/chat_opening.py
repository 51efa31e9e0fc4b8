"""Ways to reach a model: functions that open a chat with it and report its bills."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m1flow.chat.journalled import JournalledChat
from m1flow.files.journal import Journal


@dataclass(frozen=True, kw_only=True)
class ChatOpening:
    """A way to reach a model; each file of `respondents.chats` defines one.

    Attributes:
        open: opens the chat, given a script's flags, the entry's place in the study and the journal.
        billed: given the journal's path and the entry's place, gives all bills entered under that place, or None.
    """

    open: Callable[[argparse.Namespace, str, Journal], AbstractContextManager[JournalledChat]]
    billed: Callable[[Path | str, str], dict[str, Any] | None]
