"""Reasoning formats: the markers around thinking, and an encoding in which data can't form control tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.models.stop_texts import MarkerEnd
from m1flow.models.tokenizers import SafeEncoder
from m1flow.study.settings.formats import FormatSettings

_PLACE = "M1FLOW-USER-TURN"
_TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>")


@dataclass(frozen=True)
class TrainingExample:
    """One training example as token ids; only the assistant's turn, ``input_ids[prompt_tokens:]``, counts in the loss.

    ``thinking_tokens`` and ``answer_tokens`` count the reasoning and the answer without the format's markers.
    """

    input_ids: list[int]
    prompt_tokens: int
    thinking_tokens: int
    answer_tokens: int
    text: str


class Formatter:
    r"""One tokenizer with one reasoning format: builds prompts, the pieces around thinking, and training examples.

    A format (`formats.<name>` of the study) is four texts. In m1's (paper section 3, s1's code): ``thinking_start``
    ``<|im_start|>think\n`` opens the assistant's turn; ``thinking_end`` ``\n<|im_start|>answer\n``
    stands between reasoning and answer in training; ``answer_start`` ``Answer: `` begins the answer in training;
    ``forced_end`` ``<|im_start|>answer\nFinal Answer:`` is appended if a budget cuts the thinking. A format
    without ``thinking_start`` answers directly, after ``forced_end`` if it has one. ``text_marker`` says that
    the end of thinking is plain text, not a control token, such as HuatuoGPT-o1's ``## Final Response``.
    """

    def __init__(self, tokenizer: Any, name: str, spec: FormatSettings, where: str = "the study's config") -> None:
        self._tokenizer = tokenizer
        self._name, self._where = name, where
        self._control = dict(tokenizer.get_added_vocab())
        self._safe = SafeEncoder(tokenizer)
        self._before, self._after = self._chat_template()
        self.eos = self._end_of_turn()
        self.answer_stop = frozenset({self.eos} | {self._control[t] for t in _TURN_ENDS if t in self._control})
        self.thinks = spec.thinking_start is not None
        self._answer_start = self.template(spec.answer_start)
        self._thinking_end = self.template(spec.thinking_end or "")
        self.forced_end = self.template(spec.forced_end or "")
        self.thinking_start = self.template(spec.thinking_start) if spec.thinking_start else self.forced_end
        self.thinking_until: MarkerEnd | None = None
        self.natural_end: list[int] = []
        if spec.thinking_end and spec.text_marker:
            marker = spec.thinking_end.strip()
            self.natural_end = self.template(spec.thinking_end.lstrip())
            self.thinking_until = MarkerEnd(marker, self.decode, self.token_texts)
            self.thinking_stop = self.answer_stop
        else:
            if self.thinks:
                self.natural_end = self._thinking_end[self._first_control(self._thinking_end) :]
            self.thinking_stop = self.answer_stop | set(self.natural_end[:1])

    def prompt(self, text: str) -> list[int]:
        """Token ids of a user turn and the opening of the assistant's turn, by the tokenizer's chat template."""
        return [*self._before, *self.encode(text), *self._after]

    def encode(self, text: str) -> list[int]:
        """Token ids of text from data or a model, never with control tokens, whatever the text."""
        return self._safe(text)

    def template(self, text: str) -> list[int]:
        """Token ids of text from the config, in which spellings of control tokens count as such."""
        return self._tokenizer.encode(text, add_special_tokens=False) if text else []

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token ids, with control tokens spelled out."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    @cached_property
    def token_texts(self) -> list[str]:
        """The text of each token by itself."""
        return [self.decode([token]) for token in range(len(self._tokenizer))]

    def answer_opening(self, natural: bool) -> list[int]:
        """The text between thinking and the option that an answer states, encoded as in training examples."""
        ids = [*self.natural_end, *self._answer_start] if natural else self.forced_end
        text = self.decode(ids)
        return ids if not text or text[-1].isspace() else [*ids, *self.encode(" ")]

    def example(self, prompt: str, reasoning: str | None, answer: str) -> TrainingExample:
        """A training example: the prompt, then thinking (unless the format answers directly), answer, end of turn."""
        start = self.prompt(prompt)
        thinking = self.encode((reasoning or "").strip()) if self.thinks else []
        around = (self.thinking_start, self._thinking_end) if self.thinks else ([], [])
        answer_ids = self.encode(answer.strip())
        turn = [*around[0], *thinking, *around[1], *self._answer_start, *answer_ids, self.eos]
        return TrainingExample(
            input_ids=start + turn,
            prompt_tokens=len(start),
            thinking_tokens=len(thinking),
            answer_tokens=len(answer_ids),
            text=self.decode(start + turn),
        )

    def _chat_template(self) -> tuple[list[int], list[int]]:
        if not getattr(self._tokenizer, "chat_template", None):
            raise M1FlowError(
                f"{self._tokenizer.name_or_path}: the tokenizer has no chat template; "
                "add one (chat_template.jinja) or use an instruction-tuned model"
            )
        rendered = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": _PLACE}], tokenize=False, add_generation_prompt=True
        )
        before, place, after = rendered.partition(_PLACE)
        if not place or _PLACE in after:
            raise M1FlowError(
                f"{self._tokenizer.name_or_path}: its chat template doesn't show the user's turn exactly once; "
                "use another template"
            )
        return self.template(before), self.template(after)

    def _end_of_turn(self) -> int:
        if self._tokenizer.eos_token_id is None:
            raise M1FlowError(
                f"{self._tokenizer.name_or_path}: the tokenizer has no eos_token; set it to the token that ends a turn"
            )
        return self._tokenizer.eos_token_id

    def _first_control(self, ids: list[int]) -> int:
        control = set(self._control.values())
        for index, token in enumerate(ids):
            if token in control:
                return index
        raise M1FlowError(
            f"{self._where}: formats.{self._name}.thinking_end: the tokenizer of {self._tokenizer.name_or_path} has no "
            f"control token in {self.decode(ids)!r}, so the end of thinking can't be detected; "
            "choose a format whose marker is in the tokenizer or, if the marker is plain text, set text_marker"
        )
