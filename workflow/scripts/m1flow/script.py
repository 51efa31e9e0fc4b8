"""The common frame of every command-line script: how it starts, logs and fails."""

from __future__ import annotations

import argparse
import atexit
import json
import logging
import os
import platform
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from m1flow.errors import M1FlowError
from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.section import Section
from m1flow.text.shown import in_line, visible

S = TypeVar("S", bound=Section)


def run(main: Callable[[], None]) -> None:
    """Run a script's ``main``: log to standard error, and end a curable problem with one line and exit status 1."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # without it, every fork after the first use warns
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("httpx", "httpcore", "filelock", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # This line allocates the log's first block, so that the last line still fits if the disk fills up later.
    logging.getLogger(__name__).info("started by Python %s in %s", platform.python_version(), sys.prefix)
    try:
        main()
    except M1FlowError as error:
        _end(f"error: {error}")
    except OSError as error:
        if error.errno is None or error.filename is None:
            raise
        _end(f"error: {error.filename}: {os.strerror(error.errno)}; free some space or correct the path, then rerun")
    except KeyboardInterrupt:
        _end("interrupted")


def _end(message: str) -> NoReturn:
    """Exit with the message as the log's last line, and silence the libraries' output on exit."""
    atexit.register(os.dup2, os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(in_line(message))


class _Visible(logging.Formatter):
    """A log formatter that escapes control characters, so that data in a message can't steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def json_argument(text: str) -> Any:
    """An argparse type: a flag whose value is JSON (an entry of the study's config)."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None


def settings_argument(section: type[S]) -> Callable[[str], S]:
    """An argparse type: a flag whose value is a section of the study, or an entry of one, as JSON.

    Args:
        section: the settings model that reads and checks them.
    """

    def parse(text: str) -> S:
        try:
            return read(section, json_argument(text))
        except Rejected as problem:
            raise argparse.ArgumentTypeError(str(problem)) from None

    return parse


def named_settings_argument(section: type[S]) -> Callable[[str], dict[str, S]]:
    """An argparse type: a flag whose value is JSON, a mapping of names to entries of a section."""
    parse = settings_argument(section)

    def parse_all(text: str) -> dict[str, S]:
        return {name: parse(json.dumps(entry)) for name, entry in json_argument(text).items()}

    return parse_all


def prefer_this_python() -> None:
    """Put the folder of the running Python first on PATH, and let conda put a rule's environment before it.

    Rules call ``python``. Without conda, this has to be the Python that runs Snakemake, whether its environment is
    activated or not; with conda, it has to be the Python of the rule's environment. If an environment is active, conda
    puts the rule's environment in its place on PATH, which is after the first entry. Therefore the variables that mark
    an environment as active are removed for this process and its children.
    """
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    for name in ("CONDA_SHLVL", "CONDA_PREFIX"):
        os.environ.pop(name, None)
