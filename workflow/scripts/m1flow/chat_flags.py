"""The flags by which every script that asks a model names it, and what they open: a local model or an endpoint."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m1flow.chat import Chat, JournalledChat, LocalChat, local_identity
from m1flow.devices import claiming_gpus
from m1flow.engines import model_id, open_engine
from m1flow.errors import M1FlowError
from m1flow.formats import Formatter, load_tokenizer
from m1flow.journal import Journal
from m1flow.script import json_argument


def add_chat_flags(parser: argparse.ArgumentParser, entry: str) -> None:
    """The flags that say whom a script asks, and how; ``entry`` names what of the study ``--spec`` is."""
    parser.add_argument("--spec", type=json_argument, required=True, help=f"the study's {entry}")
    parser.add_argument("--prompts", type=json_argument, required=True, help="the study's prompts")
    parser.add_argument("--seed", type=int, required=True, help="the study's seed")
    parser.add_argument("--model", nargs="*", default=[], help="model folder, where the entry names weights")
    parser.add_argument("--endpoint", type=json_argument, help="the study's endpoints.<name>, with its name")
    parser.add_argument("--formats", type=json_argument, default={}, help="reasoning formats by name")
    parser.add_argument("--engine", type=json_argument, default={}, help="the study's engine section")
    parser.add_argument("--journal", required=True, help="where all that was answered is kept")


def chat_parameters(flags: argparse.Namespace) -> dict[str, Any]:
    """What of these flags decides what is answered, for `storage.provenance`."""
    return {name: getattr(flags, name) for name in ("spec", "formats", "prompts", "engine", "endpoint", "seed")}


@contextlib.contextmanager
def open_chat(flags: argparse.Namespace, where: str) -> Iterator[JournalledChat]:
    """The chat of ``flags.spec``, answered from the journal where it can be; a model is loaded when first asked.

    The GPUs that it takes are claimed then, and given back at the end.

    Args:
        flags: those of `add_chat_flags`; ``spec`` has ``weights`` or ``endpoint``, ``format`` and ``max_tokens``.
        where: the entry's place in the study, as in ``teachers.r1``; bills are entered under it.

    Raises:
        M1FlowError: neither a model folder nor an endpoint is given, or one that can't be used.
    """
    with Journal(flags.journal) as journal:
        opening = _endpoint if flags.endpoint else _local
        with opening(flags, where, journal) as chat:
            yield chat


@contextlib.contextmanager
def _local(flags: argparse.Namespace, where: str, journal: Journal) -> Iterator[JournalledChat]:
    if len(flags.model) != 1:
        raise M1FlowError(f"config: {where}: needs one model folder (--model), or an endpoint (--endpoint)")
    folder, name = flags.model[0], flags.spec["format"]
    formatter = Formatter(load_tokenizer(folder), name, flags.formats[name])
    identity = model_id(folder, flags.engine["dtype"])

    said_by, limit = local_identity(formatter, identity), flags.spec["max_tokens"]
    with (
        claiming_gpus(flags.engine.get("gpus", 0), lambda: open_engine(folder, flags.engine)) as opened,
        JournalledChat(said_by, lambda: LocalChat(formatter, opened, identity), journal, limit) as chat,
    ):
        yield chat


@contextlib.contextmanager
def _endpoint(flags: argparse.Namespace, where: str, journal: Journal) -> Iterator[JournalledChat]:
    from m1flow.endpoints import EndpointChat, endpoint_identity
    from m1flow.ledger import Ledger

    name, spec = flags.endpoint["name"], flags.endpoint
    thinks = bool(flags.formats[flags.spec["format"]].get("thinking_start"))
    with Ledger(ledger_path(flags.journal)) as ledger:

        def connect() -> Chat:
            return EndpointChat(name, spec, ledger=ledger, purpose=where, thinks=thinks)

        with JournalledChat(endpoint_identity(spec, thinks), connect, journal, flags.spec["max_tokens"]) as chat:
            yield chat


def ledger_path(journal: str | Path) -> Path:
    """The bills beside a journal of an endpoint's answers."""
    return Path(journal).with_suffix(".ledger.jsonl")
