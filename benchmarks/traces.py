"""What asking an endpoint costs beside the endpoint's own work: throughput, and memory over many questions.

Throughput: the client with journal and ledger against a bare aiohttp loop that throws the answers away, at the same
concurrency, on the same vLLM server (a tiny model on this machine, so that the server's work hides as little as it
can), in turns. The median of the rounds' ratios is the figure on a quiet machine; on one with other work, which can
only slow a round down, compare the fastest quarters. Memory: growth of the asking process from a tenth to
all of 100,000 questions, answered by a small responder on the loopback. Run it as

    python benchmarks/traces.py            # or --quick, with a few rounds and a tenth of the questions
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
from aiohttp import web
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from helpers.served_model import MODEL, free_port, served_model  # noqa: E402
from m1flow.chat.journalled import JournalledChat  # noqa: E402
from m1flow.chat.turns import UserTurn  # noqa: E402
from m1flow.endpoints.client import EndpointChat, endpoint_identity  # noqa: E402
from m1flow.endpoints.ledger import Ledger  # noqa: E402
from m1flow.endpoints.protocol import request_body  # noqa: E402
from m1flow.files.journal import Journal  # noqa: E402
from m1flow.study.settings.endpoints import EndpointSettings  # noqa: E402
from m1flow.study.settings.problems import read  # noqa: E402

ROUNDS, QUESTIONS, TOKENS = 24, 400, 32
MANY = 100_000
CONCURRENCY = 64
ANSWER = "thinking about it " * 250
"""4,500 characters: a trace of about a thousand tokens."""


def main() -> None:
    """Measure, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="six rounds, and a tenth of the questions")
    parser.add_argument("--out", type=Path, help="figures as JSON")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = throughput(Path(folder), 6 if flags.quick else ROUNDS)
        figures |= memory(Path(folder), MANY // 10 if flags.quick else MANY)
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3f}")
    Console(width=120).print(table)
    if flags.out:
        flags.out.write_text(json.dumps({"figures": figures}, indent=2) + "\n", encoding="utf-8")


def throughput(folder: Path, rounds: int) -> dict[str, float]:
    """Requests per second of both, and their ratio."""
    ours, bare = [], []
    with served_model(folder / "served") as url:
        spec = {"url": url, "model": MODEL, "requests_in_flight": CONCURRENCY, "price": {"prompt": 1, "completion": 1}}
        settings = read(EndpointSettings, spec)
        asyncio.run(bare_loop(settings, questions(-1, QUESTIONS)))  # whatever the server does only once
        for number in range(rounds):
            turns = [
                (ours, lambda n=number: journalled(folder / str(n), settings, questions(2 * n, QUESTIONS), QUESTIONS)),
                (bare, lambda n=number: asyncio.run(bare_loop(settings, questions(2 * n + 1, QUESTIONS)))),
            ]
            for rates, work in turns if number % 2 else reversed(turns):
                started = time.perf_counter()
                work()
                rates.append(QUESTIONS / (time.perf_counter() - started))
    fastest = slice(-max(rounds // 4, 1), None)
    return {
        "requests per second, client": statistics.median(ours),
        "requests per second, bare loop": statistics.median(bare),
        "ratio, median of the rounds": statistics.median(a / b for a, b in zip(ours, bare, strict=True)),
        "ratio of the fastest quarters": statistics.mean(sorted(ours)[fastest])
        / statistics.mean(sorted(bare)[fastest]),
    }


def memory(folder: Path, number: int) -> dict[str, float]:
    """Growth of the asking process from a tenth of the questions to all."""
    port = free_port()
    context = multiprocessing.get_context("spawn")
    responder = context.Process(target=respond, args=(port,), daemon=True)
    responder.start()
    while not listens(port):
        time.sleep(0.1)
    seen: dict[int, int] = {}

    def watched() -> Iterator[UserTurn]:
        for asked in questions(0, number):
            if asked.key in (number // 10, number - 1):
                gc.collect()
                seen[asked.key] = psutil.Process().memory_info().rss
            yield asked

    spec = {"url": f"http://127.0.0.1:{port}/v1", "model": MODEL, "requests_in_flight": CONCURRENCY}
    settings = read(EndpointSettings, spec)
    started = time.perf_counter()
    journalled(folder / "memory", settings, watched(), number)
    seconds = time.perf_counter() - started
    responder.terminate()
    responder.join()
    growth = seen[number - 1] - seen[number // 10]
    return {
        "questions asked of the responder": number,
        "requests per second, responder": number / seconds,
        "memory at a tenth of them, MB": seen[number // 10] / 1e6,
        "memory growth to all of them, MB": growth / 1e6,
        "memory growth per question, bytes": growth / (0.9 * number),
        "journal, MB": (folder / "memory" / "journal.jsonl").stat().st_size / 1e6,
    }


def questions(series: int, number: int) -> Iterator[UserTurn]:
    """Questions of equal length, that no other series has."""
    for n in range(number):
        yield UserTurn(n, f"Series {series:4}, question {n:6}: which is the best next step? " + "A. One B. Two " * 3)


def journalled(folder: Path, settings: EndpointSettings, asked: Iterator[UserTurn], number: int) -> None:
    """Ask as the workflow does."""
    with Ledger(folder / "ledger.jsonl") as ledger, Journal(folder / "journal.jsonl") as journal:

        def chat() -> EndpointChat:
            return EndpointChat("local", settings, ledger=ledger, purpose="benchmark", thinks=True)

        with JournalledChat(endpoint_identity(settings, True), chat, journal, TOKENS) as asking:
            asking.ask(asked, "benchmark", number)


async def bare_loop(settings: EndpointSettings, asked: Iterator[UserTurn]) -> None:
    """The least that asks the same: no retries, no limits, nothing kept."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for one in asked:
                body = request_body(settings, one, TOKENS)
                async with session.post(f"{settings.url}/chat/completions", json=body) as response:
                    answer = await response.json()
                    answer["choices"][0]["message"]["content"].strip()

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


def listens(port: int) -> bool:
    """Whether a server takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def respond(port: int) -> None:
    """Answer every request with a text as long as a trace."""
    numbers = iter(range(10 * MANY))

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
        usage = {"prompt_tokens": 40, "completion_tokens": 1000}
        body = {"id": f"r-{next(numbers)}", "model": MODEL, "choices": [choice], "usage": usage}
        return web.json_response(body)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
