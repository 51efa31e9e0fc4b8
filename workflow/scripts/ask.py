"""Ask a model a question under a thinking budget, and watch it think; without a question, one on each line typed."""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.models.folder import check_model_folder
from m1flow.models.tokenizers import load_tokenizer
from m1flow.script import run
from m1flow.study.seams.engines import ENGINES
from m1flow.sweep.single_question import QuestionSettings, ask, settings_of
from m1flow.text.shown import visible

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def main() -> None:
    """Load the model, then answer."""
    flags = parse_flags()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    check_model_folder(flags.model)
    settings = settings_from(flags)
    formatter = settings.formatter(load_tokenizer(flags.model))
    engine = open_engine(flags.model, settings.engine)
    try:
        for question in questions(flags.question):
            try:
                answered = ask(question, flags.option, settings, formatter, engine, printer())
            except M1FlowError as error:
                if flags.question is not None:
                    raise
                print(f"error: {error}", file=sys.stderr, flush=True)  # the next question may do better
                continue
            print(f"\n{answered.line()}", flush=True)
    finally:
        engine.close()


def settings_from(flags: argparse.Namespace) -> QuestionSettings:
    """How the model is asked, with what the flags change."""
    study = None
    if flags.configfile:
        from m1flow.study.reading import read_study

        study = read_study(flags.configfile)
    settings = settings_of(flags.model, study, flags.name).with_budget(flags.budget, flags.extensions, flags.cue)
    if flags.format:
        settings = replace(settings, format=flags.format)
    if flags.answer_tokens:
        settings = replace(settings, plan=replace(settings.plan, answer_tokens=flags.answer_tokens))
    if flags.engine:
        settings = replace(settings, engine=settings.engine.model_copy(update={"name": flags.engine}))
    return settings


def questions(given: str | None) -> Iterator[str]:
    """The question given; all of standard input for "-"; without one, each of its lines until the end."""
    if given is not None:
        yield sys.stdin.read() if given == "-" else given
        return
    while True:
        if sys.stdin.isatty():
            print("question (end with Ctrl-D)> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line


def printer() -> Callable[[str, bool], None]:
    """Prints text as it comes; on a terminal, what the model didn't say itself is dim."""
    dims = sys.stdout.isatty()

    def show(text: str, placed: bool) -> None:
        text = visible(text)
        print(f"{DIM}{text}{PLAIN}" if placed and dims else text, end="", flush=True)

    return show


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model folder, such as results/demo/models/tiny_hard_1000")
    parser.add_argument("question", nargs="?", help="the question; - reads it from standard input")
    parser.add_argument("--budget", type=natural, required=True, help="cap on thinking tokens, cues included")
    parser.add_argument("--extensions", type=natural, default=0, help="force the thinking on so many times")
    parser.add_argument("--cue", default="Wait", help="by this text; none: nothing, its end is held back")
    parser.add_argument("--option", action="append", default=[], help="an option to choose from; give each its own")
    parser.add_argument(
        "--configfile", type=Path, action="append", help="the study that says how to ask; give each file its own"
    )
    parser.add_argument("--name", help="the model's name in the study; the folder's by default")
    parser.add_argument("--format", help="another of the study's reasoning formats")
    parser.add_argument("--answer-tokens", type=positive, help="cap on the answer's tokens; the study's by default")
    parser.add_argument("--engine", choices=["auto", *ENGINES.names()], help="the study's by default")
    return parser.parse_intermixed_args()  # a question may follow the options


def natural(text: str) -> int:
    """An argparse type: a whole number from 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def positive(text: str) -> int:
    """An argparse type: a whole number from 1."""
    if (number := natural(text)) == 0:
        raise ValueError
    return number


if __name__ == "__main__":
    logging.disable(logging.INFO)  # a conversation, and no log
    run(main)
