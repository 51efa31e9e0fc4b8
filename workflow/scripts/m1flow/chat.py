"""Whatever takes a user's turn and gives reasoning and an answer: one interface, and a journal so that each is asked
once.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, islice
from types import TracebackType
from typing import Any, Protocol, Self

from tqdm import tqdm

from m1flow.engines import Completion, Engine, Request, Sampling
from m1flow.formats import Formatter
from m1flow.journal import Journal
from m1flow.storage import fingerprint

log = logging.getLogger(__name__)

_WINDOW = 1024
"""Turns a local engine holds at a time: more than it runs at once, and few enough to keep memory flat."""
_LOG_SECONDS = 20.0


@dataclass(frozen=True)
class Asked:
    """One user's turn.

    Attributes:
        key: the caller's own, handed back.
        text: what the user says.
        sampling: how tokens are drawn.
    """

    key: Any
    text: str
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class Turn:
    """What a model said in one turn.

    Attributes:
        reasoning: its thinking; "" for one that answers directly.
        answer: the answer segment; "" where the thinking was cut.
        prompt_tokens: of the prompt.
        completion_tokens: thinking, markers that the model produced, and answer.
        finished: thinking and answer both came to their end.
        refused: whoever serves the model refused to answer.
        cached_tokens: of the prompt tokens, those billed as cached.
        cost: US dollars; None where there is no price.
    """

    reasoning: str
    answer: str
    prompt_tokens: int
    completion_tokens: int
    finished: bool
    refused: bool = False
    cached_tokens: int = 0
    cost: float | None = None


def sampling_for(spec: Mapping[str, Any], seed: int, question_id: str, attempt: int = 0) -> Sampling:
    """Greedy, or a stream of the question's and attempt's own, so that no other question changes it."""
    temperature = spec.get("temperature", 0)
    if temperature == 0:
        return Sampling()
    digest = hashlib.sha256(f"{seed}/{question_id}/{attempt}".encode()).digest()
    return Sampling(temperature, spec.get("top_p", 1.0), int.from_bytes(digest[:4], "big") >> 1)


class Chat(Protocol):
    """A model that takes turns. ``identity`` is all that decides what it says beside text, sampling and limit."""

    identity: Any

    def turns(self, asked: Iterable[Asked], max_tokens: int) -> Iterator[tuple[Asked, Turn]]:
        """Yield turns as they finish. ``asked`` is taken lazily, so that memory doesn't grow with its length.

        Thinking and answer together have at most ``max_tokens``; thinking that reaches the limit has no answer.
        """

    def close(self) -> None:
        """Free what it holds."""


class LocalChat:
    """A model in this process, on the vLLM or the transformers engine, through its chat template."""

    def __init__(self, formatter: Formatter, engine_factory: Callable[[], Engine], model_id: str):
        """Take the model's tokenizer and reasoning format, and what opens its engine once something is asked."""
        self.identity = local_identity(formatter, model_id)
        self._formatter, self._factory = formatter, engine_factory
        self._engine: Engine | None = None

    def turns(self, asked: Iterable[Asked], max_tokens: int) -> Iterator[tuple[Asked, Turn]]:
        """Think to the end or the limit, then answer; see `Chat`."""
        self._engine = self._engine or self._factory()
        coming = iter(asked)
        for one in islice(coming, _WINDOW):
            self._open(one, max_tokens)
        for request, completion in self._engine.finished():
            state = request.tag
            finish = self._after_thinking if state.thinking else self._after_answer
            turn = finish(request, completion, max_tokens)
            if turn is not None:
                for one in islice(coming, 1):
                    self._open(one, max_tokens)
                yield state.asked, turn

    def close(self) -> None:
        """Close the engine, if it was opened."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _open(self, asked: Asked, max_tokens: int) -> None:
        formatter = self._formatter
        prompt = tuple(formatter.prompt(asked.text))
        opened = prompt + tuple(formatter.thinking_start)
        stop = formatter.thinking_stop if formatter.thinks else formatter.answer_stop
        state = _State(asked, len(prompt), thinking=formatter.thinks)
        until = formatter.thinking_until
        self._engine.submit(Request(opened, max_tokens, tuple(sorted(stop)), asked.sampling, until=until, tag=state))

    def _after_thinking(self, request: Request, completion: Completion, max_tokens: int) -> Turn | None:
        """The turn where its thinking was cut; else None, and its answer is under way."""
        state, formatter = request.tag, self._formatter
        ids, until = completion.token_ids, formatter.thinking_until
        by_text = until is not None and until.met(ids)
        spent = len(ids) + completion.finished
        if not (completion.finished or by_text) or spent >= max_tokens:
            return Turn(formatter.decode(ids), "", state.prompt_tokens, spent, finished=False)
        thought = ids[: until.start(ids)] if by_text else ids
        answering = _State(state.asked, state.prompt_tokens, False, thought, spent)
        prompt = request.prompt + thought + tuple(formatter.natural_end)
        stop = tuple(sorted(formatter.answer_stop))
        self._engine.submit(Request(prompt, max_tokens - spent, stop, request.sampling, tag=answering))
        return None

    def _after_answer(self, request: Request, completion: Completion, _: int) -> Turn:
        state = request.tag
        return Turn(
            reasoning=self._formatter.decode(state.thought),
            answer=self._formatter.decode(completion.token_ids),
            prompt_tokens=state.prompt_tokens,
            completion_tokens=state.spent + len(completion.token_ids) + completion.finished,
            finished=completion.finished,
        )


def local_identity(formatter: Formatter, model_id: str) -> list:
    """The identity of a `LocalChat`, known without opening its engine."""
    return ["local", model_id, formatter.prompt(""), formatter.thinking_start, formatter.natural_end]


@dataclass(frozen=True)
class _State:
    asked: Asked
    prompt_tokens: int
    thinking: bool
    thought: tuple[int, ...] = ()
    spent: int = 0


@dataclass
class Tally:
    """What was found in the journal and what was asked."""

    reused: int = 0
    asked: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


class JournalledChat:
    """Asks a chat only what its journal doesn't hold, and journals what it says.

    A turn's key is the chat's identity, the text and the sampling. The limit is left out for turns that came to their
    end: what ended under one limit says the same under any that has room for it. A turn that was cut stands for
    its own limit only. Turns are read back from the journal, so memory grows with their number and not their length.
    """

    def __init__(self, identity: Any, chat_factory: Callable[[], Chat], journal: Journal, max_tokens: int):
        """Wrap a chat that is opened once something must be asked. The caller closes the journal."""
        self.tally = Tally()
        self.max_tokens = max_tokens
        self._identity = fingerprint(identity)
        self._factory, self._journal = chat_factory, journal
        self._chat: Chat | None = None
        self._under_way: set[str] = set()

    def ask(self, asked: Iterable[Asked], label: str, total: int) -> None:
        """Have everything answered; what stops it leaves all answers so far in the journal.

        Args:
            asked: the user's turns; equal ones are asked once.
            label: for the progress line.
            total: how many there are.
        """
        with Progress(label, total) as progress:
            missing = self._missing(asked, progress)
            first = next(missing, None)
            if first is None:
                return
            if self._chat is None:
                self._chat = self._factory()
            for one, turn in self._chat.turns(chain([first], missing), self.max_tokens):
                self._journal.append(self._key(one, turn), {"turn": asdict(turn)})
                self._under_way.discard(self._base(one))
                self.tally.asked += 1
                self.tally.completion_tokens += turn.completion_tokens
                self.tally.cost += turn.cost or 0.0
                progress.answered(turn)

    def turn(self, asked: Asked) -> Turn:
        """What the journal holds.

        Raises:
            KeyError: it was never asked.
        """
        turn = self._stored(asked)
        if turn is None:
            raise KeyError(asked.key)
        return turn

    def close(self) -> None:
        """Close the chat, if it was opened."""
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _missing(self, asked: Iterable[Asked], progress: Progress) -> Iterator[Asked]:
        for one in asked:
            key = self._base(one)
            if key in self._under_way:
                progress.reused()
            elif self._stored(one) is not None:
                self.tally.reused += 1
                progress.reused()
            else:
                self._under_way.add(key)
                yield one

    def _stored(self, asked: Asked) -> Turn | None:
        base = self._base(asked)
        if (record := self._journal.get(base)) and record["turn"]["completion_tokens"] <= self.max_tokens:
            return Turn(**record["turn"])
        record = self._journal.get(f"{base}-{self.max_tokens}")
        return Turn(**record["turn"]) if record else None

    def _key(self, asked: Asked, turn: Turn) -> str:
        # An endpoint that counts otherwise may say more than the limit: then, too, it stands for this limit only.
        whole = turn.finished and turn.completion_tokens <= self.max_tokens
        return self._base(asked) if whole else f"{self._base(asked)}-{self.max_tokens}"

    def _base(self, asked: Asked) -> str:
        drawn = asked.sampling
        stream = [drawn.temperature, drawn.top_p, drawn.seed] if drawn.temperature > 0 else "greedy"
        return fingerprint(["turn", self._identity, asked.text, stream])


class Progress:
    """How far a stage is: a bar on a terminal, else a log line now and then; rate, cost so far and time left."""

    def __init__(self, label: str, total: int):
        """Count up to ``total``."""
        self.label, self.total = label, total
        self._done = self._reused = 0
        self._cost: float | None = None
        self._started = self._shown = time.monotonic()
        self._bar = tqdm(total=total, desc=label, file=sys.stderr) if sys.stderr.isatty() else None

    def reused(self) -> None:
        """One was in the journal."""
        self._reused += 1
        self._advance()

    def answered(self, turn: Turn) -> None:
        """One was answered."""
        if turn.cost is not None:
            self._cost = (self._cost or 0.0) + turn.cost
        self._advance()

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Say how it ended and what was resumed."""
        if self._bar is not None:
            self._bar.close()
        how = "answered" if kind is None else "answered before it stopped"
        new = self._done - self._reused
        said = f"{self.label}: {self._done:,} of {self.total:,} {how}: {self._reused:,} from the journal, {new:,} new"
        log.info("%s%s", said, self._money(" for "))

    def _advance(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.initial = self._reused  # the rate is that of what is asked
            self._bar.set_postfix_str(self._money(), refresh=False)
            self._bar.update()
        elif now - self._shown >= _LOG_SECONDS:
            self._shown = now
            text = tqdm.format_meter(
                self._done, self.total, now - self._started, initial=self._reused, ncols=0, postfix=self._money()
            )
            log.info("%s: %s", self.label, text.strip())

    def _money(self, before: str = "") -> str:
        return "" if self._cost is None else f"{before}${self._cost:,.2f}"
