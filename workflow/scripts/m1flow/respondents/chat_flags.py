"""The flags of every script that asks a model, and the chat that they open: a local model or an endpoint."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

from m1flow.chat.journalled import JournalledChat
from m1flow.files.journal import Journal
from m1flow.respondents.chat_opening import ChatOpening
from m1flow.script import json_argument, named_settings_argument, settings_argument
from m1flow.study.seams.chats import CHATS
from m1flow.study.settings.endpoints import NamedEndpoint
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.section import Section, plain


def add_chat_flags(parser: argparse.ArgumentParser, entry: str, section: type[Section]) -> None:
    """Add the flags for the model that a script asks, and its settings.

    Args:
        parser: the parser to add the flags to.
        entry: name of the entry of the study that ``--spec`` takes, for its help text.
        section: the settings model of the entry.
    """
    parser.add_argument("--spec", type=settings_argument(section), required=True, help=f"the study's {entry}")
    parser.add_argument("--prompts", type=json_argument, required=True, help="the study's prompts")
    parser.add_argument("--seed", type=int, required=True, help="the study's seed")
    parser.add_argument("--model", nargs="*", default=[], help="model folder, if the entry names weights")
    endpoint = settings_argument(NamedEndpoint)
    parser.add_argument("--endpoint", type=endpoint, help="the study's endpoints.<name>, with its name")
    formats = named_settings_argument(FormatSettings)
    parser.add_argument("--formats", type=formats, default={}, help="reasoning formats by name")
    engine = settings_argument(EngineSettings)
    parser.add_argument("--engine", type=engine, default=EngineSettings(), help="the study's engine section")
    parser.add_argument("--journal", required=True, help="file that keeps all answers")


def chat_parameters(flags: argparse.Namespace) -> dict[str, Any]:
    """The flags that decide the answers, for `provenance.provenance`."""
    return {name: plain(getattr(flags, name)) for name in ("spec", "formats", "prompts", "engine", "endpoint", "seed")}


@contextlib.contextmanager
def open_chat(flags: argparse.Namespace, where: str) -> Iterator[JournalledChat]:
    """Open the chat of ``flags.spec``, which answers from the journal if it can; a model is loaded on first use.

    The model's GPUs are claimed when it is loaded, and released at the end.

    Args:
        flags: the flags of `add_chat_flags`; ``spec`` has ``weights`` or ``endpoint``, ``format`` and ``max_tokens``.
        where: the entry's place in the study, such as ``teachers.r1``; bills are entered under it.

    Raises:
        M1FlowError: no model folder or endpoint is given, or the given one can't be used.
    """
    with Journal(flags.journal) as journal:
        opening = CHATS.load("endpoint" if flags.endpoint else "local", ChatOpening)
        with opening.open(flags, where, journal) as chat:
            yield chat
