"""A model in this process, without bills."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from m1flow.chat.journalled import JournalledChat
from m1flow.chat.local import LocalChat, local_identity
from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.files.journal import Journal
from m1flow.models.folder import model_id
from m1flow.models.formats import Formatter
from m1flow.models.gpus import claiming_gpus
from m1flow.models.tokenizers import load_tokenizer
from m1flow.respondents.chat_opening import ChatOpening


@contextlib.contextmanager
def open_local(flags: argparse.Namespace, where: str, journal: Journal) -> Iterator[JournalledChat]:
    """Open a chat with the model folder of the flags; the model is loaded when it is first asked.

    Raises:
        M1FlowError: no model folder is given, or it can't be used.
    """
    if len(flags.model) != 1:
        raise M1FlowError(f"config: {where}: needs one model folder (--model), or an endpoint (--endpoint)")
    folder, name = flags.model[0], flags.spec.format
    formatter = Formatter(load_tokenizer(folder), name, flags.formats[name])
    identity = model_id(folder, flags.engine.dtype)

    said_by, limit = local_identity(formatter, identity), flags.spec.max_tokens
    with (
        claiming_gpus(flags.engine.gpus, lambda: open_engine(folder, flags.engine)) as opened,
        JournalledChat(said_by, lambda: LocalChat(formatter, opened, identity), journal, limit) as chat,
    ):
        yield chat


CHAT = ChatOpening(open=open_local, billed=lambda journal, where: None)
