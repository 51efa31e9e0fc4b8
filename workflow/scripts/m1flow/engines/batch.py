"""A batch of rows that decode together: their KV cache, how rows join and leave, and how tokens are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from transformers.cache_utils import Cache, DynamicLayer

from m1flow.engines.interface import Completion, Request


@dataclass
class _Row:
    """One request in the batch."""

    request: Request
    stop: frozenset[int]
    generator: torch.Generator | None
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, request: Request, device: torch.device) -> _Row:
        generator = None
        if request.sampling.temperature > 0:
            generator = torch.Generator(device).manual_seed(request.sampling.seed)
        return cls(request, frozenset(request.stop), generator)

    def take(self, token: int, logprob: float | None) -> Completion | None:
        """Add a drawn token; return the completion if the token ends the row."""
        request, logprobs = self.request, self.logprobs if self.request.logprob else None
        if token in self.stop:
            return Completion.of(self.token_ids, token, logprobs)
        self.token_ids.append(token)
        if logprobs is not None:
            assert logprob is not None  # it was asked for
            logprobs.append(logprob)
        ended = len(self.token_ids) == request.max_tokens or (request.until and request.until.met(self.token_ids))
        return Completion.of(self.token_ids, None, logprobs) if ended else None

    @property
    def barred(self) -> frozenset[int]:
        """The tokens that may not come next."""
        return self.stop if len(self.token_ids) < self.request.min_tokens else frozenset()


class _Layer(DynamicLayer):
    """A layer's keys and values, (rows, heads, width, head_dim), which grow in place, without a copy per token."""

    room = 32  # columns to spare when a copy has to be made
    keys: torch.Tensor
    values: torch.Tensor
    _buffers: list[torch.Tensor]

    def hold(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Replace the keys and values with those of other rows or columns."""
        self.keys, self.values, self._buffers = keys, values, []

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple:
        """Append columns; returns all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.hold(key_states, value_states)
            return self.keys, self.values
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if not self._buffers or self._buffers[0].shape[2] < end:
            shape = (*self.keys.shape[:2], end + self.room, self.keys.shape[3])
            self._buffers = [part.new_empty(shape) for part in (self.keys, self.values)]
            for buffer, part in zip(self._buffers, (self.keys, self.values), strict=True):
                buffer[:, :, :start] = part
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values


class Batch:
    """Left-padded rows with their KV cache.

    A row's tokens don't depend on which rows share its batch: padding is masked, positions count the row's own tokens,
    and the noise of sampling comes from the row's own generator, one draw of the vocabulary's size per token.
    """

    def __init__(self, model: Any) -> None:
        self.rows: list[_Row] = []
        self._model = model
        self._cache = _empty_cache()
        self._mask = torch.zeros((0, 0), dtype=torch.long, device=model.device)  # (rows, width)
        self._logits: torch.Tensor | None = None  # (rows, vocabulary), of the next token
        self._drawn: torch.Tensor | None = None  # (rows,), not yet in the cache

    @property
    def width(self) -> int:
        """Number of tokens that the longest row has in the cache."""
        return self._mask.shape[1]

    @property
    def remaining(self) -> int:
        """Maximum number of tokens that a row may still generate."""
        return max((row.request.max_tokens - len(row.token_ids) for row in self.rows), default=0)

    @torch.inference_mode()
    def join(self, requests: list[Request]) -> None:
        """Prefill requests and add them as rows; call between `step` and `draw`."""
        prompts = list(dict.fromkeys(request.prompt for request in requests))  # samples and options share them
        longest = max(map(len, prompts))
        padding = [longest - len(prompt) for prompt in prompts]
        device = self._model.device
        padded = [[0] * pad + list(prompt) for pad, prompt in zip(padding, prompts, strict=True)]
        own = [[0] * pad + [1] * (longest - pad) for pad in padding]
        ids, mask = torch.tensor(padded, device=device), torch.tensor(own, device=device)
        cache = _empty_cache()
        logits = self._forward(ids, mask, (mask.cumsum(1) - 1).clamp(min=0), cache)
        if len(prompts) < len(requests):
            places = {prompt: place for place, prompt in enumerate(prompts)}
            chosen = torch.tensor([places[request.prompt] for request in requests], device=device)
            logits, mask = logits[chosen], mask[chosen]
            for layer in _layers(cache):
                layer.hold(layer.keys[chosen], layer.values[chosen])
        if self.rows:
            width = max(longest, self.width)
            mask = torch.cat([_widen(part, width, dim=1) for part in (self._mask, mask)])
            for old, new in zip(_layers(self._cache), _layers(cache), strict=True):
                keys, values = (
                    torch.cat([_widen(part, width, dim=2) for part in pair])
                    for pair in ((old.keys, new.keys), (old.values, new.values))
                )
                new.hold(keys, values)
            assert self._logits is not None  # there are rows
            logits = torch.cat([self._logits, logits])
        self._cache, self._mask, self._logits = cache, mask, logits
        self.rows += [_Row.of(request, device) for request in requests]

    @torch.inference_mode()
    def draw(self) -> list[tuple[Request, Completion]]:
        """Draw each row's next token; rows that end leave the batch and are returned."""
        assert self._logits is not None  # after `join` or `step`
        tokens, logprobs = _draw(self._logits, self.rows)
        ended, kept = [], []
        for index, (row, token, logprob) in enumerate(zip(self.rows, tokens, logprobs, strict=True)):
            completion = row.take(token, logprob)
            if completion is None:
                kept.append(index)
            else:
                ended.append((row.request, completion))
        if ended:
            self._keep(kept)
        self._drawn = torch.tensor([tokens[index] for index in kept], dtype=torch.long, device=self._model.device)
        return ended

    @torch.inference_mode()
    def step(self) -> None:
        """Run the model over the drawn tokens."""
        if not self.rows:
            return
        assert self._drawn is not None  # after `draw`
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.rows), 1))], dim=1)
        positions = self._mask.sum(1, keepdim=True) - 1
        self._logits = self._forward(self._drawn[:, None], self._mask, positions, self._cache)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1].float()

    def _keep(self, indices: list[int]) -> None:
        """Keep only these rows; drop the others, and columns that only they filled."""
        self.rows = [self.rows[index] for index in indices]
        if not indices:
            self._cache, self._mask = _empty_cache(), self._mask.new_zeros((0, 0))
            return
        chosen = torch.tensor(indices, device=self._mask.device)
        mask = self._mask[chosen]
        start = self.width - int(mask.sum(1).max())
        self._mask = mask[:, start:]
        for layer in _layers(self._cache):
            layer.hold(layer.keys[chosen, :, start:], layer.values[chosen, :, start:])


def _empty_cache() -> Cache:
    return Cache(layer_class_to_replicate=_Layer)


def _layers(cache: Cache) -> list[_Layer]:
    return cast(list[_Layer], cache.layers)


def _draw(logits: torch.Tensor, rows: list[_Row]) -> tuple[list[int], list[float | None]]:
    """A token for each row and, if the row's request asks for it, its log-probability before temperature and top-p."""
    allowed = _without_barred(logits, rows)
    tokens = allowed.argmax(-1)
    sampled = [index for index, row in enumerate(rows) if row.generator is not None]
    if sampled:
        tokens[sampled] = _sample(allowed[sampled], [rows[index] for index in sampled])
    for index, row in enumerate(rows):
        if row.request.given:
            tokens[index] = row.request.given[len(row.token_ids)]
    logprobs: list[float | None] = [None] * len(rows)
    wanted = [index for index, row in enumerate(rows) if row.request.logprob]
    if wanted:
        values = logits[wanted].log_softmax(-1).gather(1, tokens[wanted, None])[:, 0].tolist()
        for index, value in zip(wanted, values, strict=True):
            logprobs[index] = value
    return tokens.tolist(), logprobs


def _without_barred(logits: torch.Tensor, rows: list[_Row]) -> torch.Tensor:
    barred = [(index, token) for index, row in enumerate(rows) for token in row.barred]
    if not barred:
        return logits
    indices, tokens = (torch.tensor(part, device=logits.device) for part in zip(*barred, strict=True))
    return logits.index_put((indices, tokens), logits.new_tensor(-torch.inf))


def _sample(logits: torch.Tensor, rows: list[_Row]) -> torch.Tensor:
    """Draw with exponential noise: a token's ratio of noise to probability is the smallest with that probability."""
    column = logits.new_tensor([[row.request.sampling.temperature, row.request.sampling.top_p] for row in rows])
    logits = logits / column[:, :1]
    if bool((column[:, 1] < 1).any()):
        ordered, order = logits.sort(dim=-1)
        dropped = ordered.softmax(-1).cumsum(-1) <= 1 - column[:, 1:]
        dropped[:, -1] = False
        logits = logits.masked_fill(dropped.scatter(1, order, dropped), -torch.inf)
    noise = torch.empty_like(logits, dtype=torch.float64)  # as vLLM on a CPU, so that samples agree too
    for index, row in enumerate(rows):
        noise[index].exponential_(generator=row.generator)
    return (noise.reciprocal_() * logits.softmax(-1)).argmax(-1)


def _widen(part: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    """Pad a dimension with zeros on the left to a width."""
    shape = list(part.shape)
    shape[dim] = width - shape[dim]
    return torch.cat([part.new_zeros(shape), part], dim=dim) if shape[dim] else part
