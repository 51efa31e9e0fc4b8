"""A model in this process as a chat: it thinks, then answers, through its chat template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from m1flow.chat.turns import ModelTurn, UserTurn
from m1flow.engines.interface import Completion, Engine, Request
from m1flow.models.formats import Formatter

_WINDOW = 1024
"""Turns a local engine holds at a time: more than it runs at once, and few enough to keep memory flat."""


class LocalChat:
    """A model in this process, asked through its chat template."""

    def __init__(self, formatter: Formatter, engine_factory: Callable[[], Engine], model_id: str):
        """Take the model's tokenizer with its reasoning format, and a factory that opens its engine on first use."""
        self.identity = local_identity(formatter, model_id)
        self._formatter, self._factory = formatter, engine_factory
        self._engine: Engine | None = None

    def turns(self, user_turns: Iterable[UserTurn], max_tokens: int) -> Iterator[tuple[UserTurn, ModelTurn]]:
        """Think to the end or the limit, then answer; see `turns.Chat`."""
        engine = self._engine = self._engine or self._factory()
        waiting = iter(user_turns)
        for user_turn in islice(waiting, _WINDOW):
            engine.submit(self._opening(user_turn, max_tokens))
        for request, completion in engine.finished():
            state = request.tag
            turn_or_request = (self._after_thinking if state.thinking else self._after_answer)(
                request, completion, max_tokens
            )
            if isinstance(turn_or_request, Request):
                engine.submit(turn_or_request)
                continue
            for user_turn in islice(waiting, 1):
                engine.submit(self._opening(user_turn, max_tokens))
            yield state.user_turn, turn_or_request

    def close(self) -> None:
        """Close the engine, if it was opened."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _opening(self, user_turn: UserTurn, max_tokens: int) -> Request:
        """The request for a turn's thinking, or for its answer if the format has no thinking."""
        formatter = self._formatter
        prompt = tuple(formatter.prompt(user_turn.text))
        opened = prompt + tuple(formatter.thinking_start)
        stop = formatter.thinking_stop if formatter.thinks else formatter.answer_stop
        state = _State(user_turn, len(prompt), thinking=formatter.thinks)
        until = formatter.thinking_until
        return Request(opened, max_tokens, tuple(sorted(stop)), user_turn.sampling, until=until, tag=state)

    def _after_thinking(self, request: Request, completion: Completion, max_tokens: int) -> ModelTurn | Request:
        """The turn if its thinking was cut, otherwise the request for its answer."""
        state, formatter = request.tag, self._formatter
        ids, until = completion.token_ids, formatter.thinking_until
        marker_at = until.start(ids) if until is not None and until.met(ids) else None
        spent = len(ids) + completion.finished
        if not (completion.finished or marker_at is not None) or spent >= max_tokens:
            return ModelTurn(formatter.decode(ids), "", state.prompt_tokens, spent, finished=False)
        thought = ids[:marker_at]
        answering = _State(state.user_turn, state.prompt_tokens, False, thought, spent)
        prompt = request.prompt + thought + tuple(formatter.natural_end)
        stop = tuple(sorted(formatter.answer_stop))
        return Request(prompt, max_tokens - spent, stop, request.sampling, tag=answering)

    def _after_answer(self, request: Request, completion: Completion, _: int) -> ModelTurn:
        state = request.tag
        return ModelTurn(
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
    user_turn: UserTurn
    prompt_tokens: int
    thinking: bool
    thought: tuple[int, ...] = ()
    spent: int = 0
