"""Snakemake, imported once and forked for every command, since its imports take longer than most plans.

Run as a script it is the server: it reads a command as a line of JSON, runs it in a fork, and answers with the fork's
process id and then with its exit status.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path


def run(arguments: list[str], *, folder: Path, environment: dict[str, str], timeout: float):
    """Run Snakemake in a folder; returns a `subprocess.CompletedProcess`, whose output is both streams together."""
    server = _server(environment.get("PYTHONPATH", ""))
    with tempfile.NamedTemporaryFile("r", errors="replace") as log:
        command = {"arguments": arguments, "folder": str(folder), "environment": environment, "log": log.name}
        server.stdin.write(json.dumps(command) + "\n")
        server.stdin.flush()
        process = int(server.stdout.readline())
        limit = threading.Timer(timeout, os.killpg, (process, signal.SIGKILL))
        limit.start()
        try:
            status = int(server.stdout.readline())
        finally:
            limit.cancel()
        output = log.read()
    return subprocess.CompletedProcess(["snakemake", *arguments], status, output)


@cache
def _server(python_path: str) -> subprocess.Popen:
    """A server for each PYTHONPATH, since what lies there takes effect when an interpreter starts."""
    environment = os.environ | {"PYTHONPATH": python_path}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, __file__], text=True, env=environment, **pipes)


def _serve() -> None:
    import pandas  # noqa: F401
    import pydantic  # noqa: F401
    import snakemake.cli  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        process = os.fork()
        if process == 0:
            os._exit(_snakemake(**command))
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _snakemake(arguments: list[str], folder: str, environment: dict[str, str], log: str) -> int:
    """Become `python -m snakemake`; returns its exit status."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv, sys.path[0] = ["snakemake", *arguments], folder
    status: object = 0
    try:
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code
    if isinstance(status, str):  # as the interpreter does
        print(status, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    _serve()
