"""Opening respondents, as solvers or teachers: a model, recorded turns, or the demo's exact solver."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from m1flow.respondents.chat_flags import open_chat
from m1flow.respondents.formulary import FormularyRespondent
from m1flow.respondents.interface import Respondent
from m1flow.respondents.model import ModelRespondent
from m1flow.respondents.recorded_turns import RecordedRespondent


@contextlib.contextmanager
def open_respondent(flags: argparse.Namespace, where: str, purpose: str) -> Iterator[Respondent]:
    """The respondent of ``flags.spec``'s ``kind``: model, recorded or formulary.

    Args:
        flags: the flags of `chat_flags.add_chat_flags`, and ``name``; ``formulary`` for the kind formulary.
        where: the entry's place in the study, such as ``teachers.r1``.
        purpose: the prompt that a model is asked with: solve or teach.

    Raises:
        M1FlowError: a model, file or section that the kind needs is missing or can't be used.
    """
    name, entry = flags.name, flags.spec
    if entry.kind == "formulary":
        yield FormularyRespondent(name, entry.slip_rate, flags.formulary, flags.seed)
        return
    markers = flags.formats[entry.format]
    if entry.kind == "recorded":
        yield RecordedRespondent(name, entry.path, markers)
        return
    thinks = bool(markers.thinking_start)
    with open_chat(flags, where) as chat:
        yield ModelRespondent(
            name,
            chat,
            entry,
            flags.prompts,
            purpose=purpose,
            thinks=thinks,
            seed=flags.seed,
            attempts=getattr(entry, "attempts", 1),
        )
