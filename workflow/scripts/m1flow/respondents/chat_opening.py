"""A way to reach a model: how a chat with it is opened, and what was billed."""

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
    """A way to reach a model, one in each file of `respondents.chats`.

    Attributes:
        open: from a script's flags, the entry's place in the study and the journal, gives the chat.
        billed: from the journal's path and the entry's place, gives all bills entered under it, or None.
    """

    open: Callable[[argparse.Namespace, str, Journal], AbstractContextManager[JournalledChat]]
    billed: Callable[[Path | str, str], dict[str, Any] | None]
