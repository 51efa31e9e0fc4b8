"""Ask a model a question under a thinking budget and watch it think; by default, ask it each line typed."""

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
    """The settings for asking the model, with the flags applied."""
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
    """Yield the question given, all of standard input for "-", or each line of standard input if none is given."""
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
    """A function that prints text as it arrives; on a terminal, text that the model did not write itself is dimmed."""
    dims = sys.stdout.isatty()

    def show(text: str, placed: bool) -> None:
        text = visible(text)
        print(f"{DIM}{text}{PLAIN}" if placed and dims else text, end="", flush=True)

    return show


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model folder, such as results/demo/models/tiny_hard_1000")
    parser.add_argument("question", nargs="?", help="the question; - reads it from standard input")
    parser.add_argument("--budget", type=natural, required=True, help="cap on thinking tokens, cues included")
    parser.add_argument(
        "--extensions", type=natural, default=0, help="number of times to force the model to go on thinking"
    )
    parser.add_argument("--cue", default="Wait", help="text that forces it on; none: only withhold the end of thinking")
    parser.add_argument(
        "--option", action="append", default=[], help="an option to choose from; repeat the flag for each"
    )
    parser.add_argument(
        "--configfile", type=Path, action="append", help="config of the study to take settings from; repeatable"
    )
    parser.add_argument("--name", help="the model's name in the study; by default the folder's name")
    parser.add_argument("--format", help="reasoning format of the study to use in place of the model's")
    parser.add_argument("--answer-tokens", type=positive, help="cap on the answer's tokens; by default the study's")
    parser.add_argument("--engine", choices=["auto", *ENGINES.names()], help="by default the study's")
    return parser.parse_intermixed_args()  # a question may follow the options


def natural(text: str) -> int:
    """An argparse type: a whole number, 0 or more."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def positive(text: str) -> int:
    """An argparse type: a whole number, 1 or more."""
    if (number := natural(text)) == 0:
        raise ValueError
    return number


if __name__ == "__main__":
    logging.disable(logging.INFO)  # show the conversation without log lines
    run(main)
